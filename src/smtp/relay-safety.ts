/**
 * Keeps the gate from turning a server that trusts it into an open relay: the next hop sees our address, which is
 * often 127.0.0.1, and would relay anything from it.
 */
import { domainToASCII } from 'node:url';
import type { MailPath } from './mail-path.js';

/**
 * Local parts that a mail server may rewrite into another domain before it decides about relaying: the percent hack,
 * bang paths, source-route colons and an `@` inside quotes.
 */
const rerouting = /[%!@:]/;

/**
 * Whether an unauthenticated client may use this recipient.
 *
 * @param localDomains lower case, with IDN in A-label form; empty means that no restriction is configured
 */
export function mayRelayTo(path: MailPath, localDomains: readonly string[]): boolean {
  if (localDomains.length === 0) return true;
  // The client's own line goes on, route and all, and some servers follow it (RFC 5321 §3.6.1 only says they should not).
  if (path.routed || rerouting.test(path.localPart)) return false;
  // A bare `<postmaster>` (RFC 5321 §4.5.1) or local user stays with the next hop by definition.
  if (path.domain === undefined) return true;
  return localDomains.includes(asciiDomain(path.domain));
}

/** A domain in lower-case A-label form without the trailing dot, so that both spellings of an IDN are the same. */
export function asciiDomain(domain: string): string {
  const bare = domain.endsWith('.') ? domain.slice(0, -1) : domain;
  const ascii = domainToASCII(bare);
  return ascii === '' ? bare.toLowerCase() : ascii.toLowerCase();
}
