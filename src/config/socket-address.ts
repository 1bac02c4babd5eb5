/** Where a helper program listens, as the configuration writes it: `host:port`, or `unix:/path` for a socket in the file system. */
import { formatHostPort, type HostPort, parseHostPort } from './host-port.js';

export type SocketAddress = HostPort | { readonly path: string };

/** bytes; the kernel's sockaddr_un holds 108 with the NUL behind it */
const pathBytesMax = 107;

/** Undefined when it is neither form; port 0 is nowhere to connect to. */
export function parseSocketAddress(text: string): SocketAddress | undefined {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    return path.startsWith('/') && !path.includes('\0') && Buffer.byteLength(path) <= pathBytesMax
      ? { path }
      : undefined;
  }
  const address = parseHostPort(text);
  return address === undefined || address.port === 0 ? undefined : address;
}

export function formatSocketAddress(address: SocketAddress): string {
  return 'path' in address ? `unix:${address.path}` : formatHostPort(address);
}
