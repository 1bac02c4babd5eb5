/**
 * Which IMAP servers are judged. A server is known by the names that the configuration gives it, and by the name that a
 * client asks for in its TLS handshake (SNI). The client's word may only add to what is judged: a name that is not
 * listed never waves through what a listed server holds.
 */
import { isIP } from 'node:net';

/** The names of a server as they are compared: lower case, without final dot, no addresses. */
export function serverNames(upstream: { readonly host: string; readonly servername?: string | undefined }): string[] {
  return [upstream.host, upstream.servername ?? '']
    .filter((name) => name !== '' && isIP(name) === 0)
    .map(normalServerName);
}

export function normalServerName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/**
 * @param listed normal names, or all
 * @param asked SNI of the client
 */
export function isServerListed(
  listed: 'all' | ReadonlySet<string>,
  upstream: { readonly host: string; readonly servername?: string | undefined },
  asked: string | undefined,
): boolean {
  if (listed === 'all') return true;
  const names = serverNames(upstream);
  // Known by its address alone, it could be any of them.
  if (names.length === 0) return true;
  return names.some((name) => listed.has(name)) || (asked !== undefined && listed.has(normalServerName(asked)));
}
