/**
 * Names of mailboxes in commands, as the client writes them: modified UTF-7 (RFC 3501 §5.1.3) or UTF-8 (RFC 6855 §3).
 * What is remembered of a mailbox is kept apart by which of the two is in use, so that neither is translated.
 */
import { upperCase } from './octet-scan.js';
import type { Token } from './wire.js';

/**
 * The name in a command or response, octets as latin1; `INBOX` in any case is `INBOX`.
 * @returns undefined for a list
 */
export function mailboxName(token: Token | undefined): string | undefined {
  if (token === undefined || token.kind === 'list') return undefined;
  const name = token.bytes.toString('latin1');
  return upperCase(name) === 'INBOX' ? 'INBOX' : name;
}
