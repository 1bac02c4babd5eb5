/** `host:port` as the configuration writes it, IPv6 in brackets. Knows nothing of sockets and resolves no names. */
import { BlockList, isIP, isIPv6 } from 'node:net';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Parses `127.0.0.1:25`, `mail.example.org:25` or `[::1]:25`; undefined when it is none of them. Port 0 means any free port. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, bracketed, plain, digits] = match;
  const port = Number(digits);
  if (port > 65535) return undefined;
  if (bracketed !== undefined) return isIPv6(bracketed) ? { host: bracketed, port } : undefined;
  return plain !== undefined && isHost(plain) ? { host: plain, port } : undefined;
}

export function formatHostPort(address: HostPort): string {
  return isIPv6(address.host) ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** An IP address or a host name; underscores are accepted because container networks use them. */
export function isHost(text: string): boolean {
  if (isIP(text) !== 0) return true;
  // All digits and dots is a mistyped IPv4 address, not a name.
  if (/^[\d.]+$/.test(text)) return false;
  return (
    text.length <= 253 &&
    /^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$/.test(text)
  );
}

/** Whether a host is this machine's loopback by its text alone: 127.0.0.0/8, ::1 or `localhost`. */
export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true;
  return isIP(host) !== 0 && loopback.check(host, isIPv6(host) ? 'ipv6' : 'ipv4');
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** An address range: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`. */
export interface AddressRange {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly prefix: number;
}

export function parseAddressRange(text: string): AddressRange | undefined {
  const [address, bits, more] = text.split('/');
  if (address === undefined || more !== undefined || isIP(address) === 0) return undefined;
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  const widest = family === 'ipv6' ? 128 : 32;
  if (bits === undefined) return { address, family, prefix: widest };
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > widest) return undefined;
  return { address, family, prefix: Number(bits) };
}

/** A matcher for peers' addresses; IPv4 ranges also match IPv4-mapped IPv6 peers, which dual-stack sockets report. */
export function addressMatcher(ranges: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const text of ranges) {
    const range = parseAddressRange(text);
    if (range !== undefined) list.addSubnet(range.address, range.prefix, range.family);
  }
  return (address) => {
    const plain = address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
    return isIP(plain) !== 0 && list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
  };
}
