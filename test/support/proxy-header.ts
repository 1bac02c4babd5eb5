/** Reads and writes the PROXY protocol header, versions 1 and 2, as its specification lays it out (TCP over IPv4). */

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** The header at the start of `input`: its length and `address:port` of the source. Undefined while incomplete. */
export function parseProxyHeader(input: Buffer): { readonly bytes: number; readonly source: string } | undefined {
  if (input.length >= 16 && input.subarray(0, 12).equals(signature)) {
    const bytes = 16 + input.readUInt16BE(14);
    if (input.length < bytes) return undefined;
    // Command LOCAL, as in a health check, names nobody.
    if ((input[12] ?? 0) % 16 === 0) return { bytes, source: 'local' };
    return { bytes, source: `${input.subarray(16, 20).join('.')}:${input.readUInt16BE(24)}` };
  }
  const end = input.indexOf('\r\n');
  if (!input.subarray(0, 6).equals(Buffer.from('PROXY ')) || end === -1) return undefined;
  const [, , address, , port] = input.toString('latin1', 0, end).split(' ');
  return { bytes: end + 2, source: `${address}:${port}` };
}

export interface ProxiedConnection {
  readonly source: string;
  readonly sourcePort: number;
  readonly target: string;
  readonly targetPort: number;
}

export function proxyV1(connection: ProxiedConnection): Buffer {
  const { source, target, sourcePort, targetPort } = connection;
  return Buffer.from(`PROXY TCP4 ${source} ${target} ${sourcePort} ${targetPort}\r\n`);
}

export function proxyV2(connection: ProxiedConnection): Buffer {
  const header = Buffer.alloc(28);
  signature.copy(header);
  header.set([0x21, 0x11, 0, 12], 12);
  header.set(connection.source.split('.').map(Number), 16);
  header.set(connection.target.split('.').map(Number), 20);
  header.writeUInt16BE(connection.sourcePort, 24);
  header.writeUInt16BE(connection.targetPort, 26);
  return header;
}
