/** The PROXY protocol (haproxy's proxy-protocol.txt): versions 1 and 2 in, version 2 out. Bytes to values, no sockets. */
import { isIP } from 'node:net';
import { limits } from './limits.js';

export interface ProxyAddress {
  readonly address: string;
  readonly port: number;
}

export type ProxyHeader =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'invalid' }
  /** both addresses are undefined for LOCAL and UNKNOWN: the proxy speaks for itself (a health check) */
  | {
      readonly kind: 'header';
      readonly bytes: number;
      readonly source: ProxyAddress | undefined;
      readonly target: ProxyAddress | undefined;
    };

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const versionOne = Buffer.from('PROXY ');
const versionOneBytesMax = 107;

/** Reads the header at the start of `bytes`. It must come before anything else, and may come in any cut. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  const common = Math.min(bytes.length, signature.length);
  if (bytes.compare(signature, 0, common, 0, common) === 0) return readVersionTwo(bytes);
  const prefix = Math.min(bytes.length, versionOne.length);
  if (bytes.compare(versionOne, 0, prefix, 0, prefix) === 0) return readVersionOne(bytes);
  return { kind: 'invalid' };
}

function readVersionOne(bytes: Buffer): ProxyHeader {
  const end = bytes.indexOf('\r\n');
  if (end === -1) return { kind: bytes.length >= versionOneBytesMax ? 'invalid' : 'incomplete' };
  if (end + 2 > versionOneBytesMax) return { kind: 'invalid' };
  const [, family, source = '', target = '', sourcePort = '', targetPort = '', ...more] = bytes
    .toString('latin1', 0, end)
    .split(' ');
  if (family === 'UNKNOWN') return { kind: 'header', bytes: end + 2, source: undefined, target: undefined };
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : 0;
  const valid =
    version !== 0 && isIP(source) === version && isIP(target) === version && isPort(sourcePort) && isPort(targetPort);
  if (!valid || more.length > 0) return { kind: 'invalid' };
  return {
    kind: 'header',
    bytes: end + 2,
    source: { address: source, port: Number(sourcePort) },
    target: { address: target, port: Number(targetPort) },
  };
}

const isPort = (text: string): boolean => /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65535;

function readVersionTwo(bytes: Buffer): ProxyHeader {
  if (bytes.length < 16) return { kind: 'incomplete' };
  const versionAndCommand = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const total = 16 + bytes.readUInt16BE(14);
  if (versionAndCommand >> 4 !== 2 || total > limits.proxy.headerBytes) return { kind: 'invalid' };
  if (bytes.length < total) return { kind: 'incomplete' };
  const command = versionAndCommand & 15;
  if (command > 1) return { kind: 'invalid' };
  if (command === 0 || family === 0) return { kind: 'header', bytes: total, source: undefined, target: undefined };
  if (family === 0x11 && total >= 16 + 12) {
    const address = (at: number) => [...bytes.subarray(at, at + 4)].join('.');
    return {
      kind: 'header',
      bytes: total,
      source: { address: address(16), port: bytes.readUInt16BE(24) },
      target: { address: address(20), port: bytes.readUInt16BE(26) },
    };
  }
  if (family === 0x21 && total >= 16 + 36) {
    return {
      kind: 'header',
      bytes: total,
      source: { address: ipv6Text(bytes, 16), port: bytes.readUInt16BE(48) },
      target: { address: ipv6Text(bytes, 32), port: bytes.readUInt16BE(50) },
    };
  }
  return { kind: 'invalid' };
}

function ipv6Text(bytes: Buffer, at: number): string {
  const groups: string[] = [];
  for (let i = at; i < at + 16; i += 2) groups.push(bytes.readUInt16BE(i).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** A version 2 header that presents `source` as the client of `target`; both must be of one family, else it says LOCAL. */
export function writeProxyHeader(source: ProxyAddress, target: ProxyAddress): Buffer {
  const from = ipBytes(source.address);
  const to = ipBytes(target.address);
  const known = from !== undefined && to !== undefined;
  // The families may differ (a client over IPv6, the next hop over IPv4): then both are written as IPv6.
  const wide = known && (from.length === 16 || to.length === 16);
  const addresses = known ? [wide ? mapped(from) : from, wide ? mapped(to) : to] : [];
  const ports = Buffer.alloc(known ? 4 : 0);
  if (known) {
    ports.writeUInt16BE(source.port, 0);
    ports.writeUInt16BE(target.port, 2);
  }
  const body = Buffer.concat([...addresses, ports]);
  const head = Buffer.from([
    known ? 0x21 : 0x20,
    known ? (wide ? 0x21 : 0x11) : 0,
    body.length >> 8,
    body.length & 255,
  ]);
  return Buffer.concat([signature, head, body]);
}

function ipBytes(address: string): Buffer | undefined {
  const version = isIP(address);
  if (version === 4) return Buffer.from(address.split('.').map(Number));
  if (version !== 6) return undefined;
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const left = ipv6Groups(head);
  const right = tail === undefined ? [] : ipv6Groups(tail);
  const zeros = new Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0);
  const bytes = Buffer.alloc(16);
  [...left, ...zeros, ...right].slice(0, 8).forEach((group, index) => {
    bytes.writeUInt16BE(group, index * 2);
  });
  return bytes;
}

function ipv6Groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

/** IPv4-mapped IPv6 (RFC 4291 §2.5.5.2). */
function mapped(address: Buffer): Buffer {
  return address.length === 16 ? address : Buffer.concat([Buffer.from('00000000000000000000ffff', 'hex'), address]);
}
