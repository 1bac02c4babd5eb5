/**
 * Names of mailboxes: modified UTF-7 (RFC 3501 §5.1.3) and UTF-8 (RFC 6855 §3) brought to one form, so that a mailbox
 * has one key whichever the client writes.
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

/**
 * The key of a name: its modified UTF-7 form in the one spelling that RFC 3501 §5.1.3 allows. A name that is neither
 * form is its own key. Two mailboxes never have one key; two wrong spellings of one mailbox may have two.
 *
 * @param name octets as latin1
 * @param utf8 UTF8=ACCEPT is enabled, or the server speaks IMAP4rev2: then `&` is a character like others
 */
export function mailboxKey(name: string, utf8: boolean): string {
  if (upperCase(name) === 'INBOX') return 'INBOX';
  if (utf8) {
    const text = decodeUtf8(name);
    return text === undefined ? name : encodeUtf7(text);
  }
  if (/[\x80-\xff]/.test(name)) {
    // Not allowed by RFC 3501, but servers take it for UTF-8; an ampersand in it still begins base64 then.
    const text = decodeUtf8(name);
    return text === undefined || name.includes('&') ? name : encodeUtf7(text);
  }
  return name;
}

/** Whether both names are the same mailbox, each in the form of its session. */
export function sameMailbox(one: string, oneUtf8: boolean, other: string, otherUtf8: boolean): boolean {
  return mailboxKey(one, oneUtf8) === mailboxKey(other, otherUtf8);
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(name: string): string | undefined {
  try {
    return strictUtf8.decode(Buffer.from(name, 'latin1'));
  } catch {
    // It is in some other encoding, and its octets are all that is known.
    return undefined;
  }
}

/** RFC 3501 §5.1.3: printable ASCII as it is, `&` as `&-`, all else as UTF-16 in base64 with a comma for the slash. */
export function encodeUtf7(text: string): string {
  return text.replace(/&|[^\x20-\x7e]+/g, (run) => {
    if (run === '&') return '&-';
    const utf16 = Buffer.from(run, 'utf16le').swap16();
    return `&${utf16.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`;
  });
}

/** @returns undefined for what is no modified UTF-7 in its one spelling */
export function decodeUtf7(name: string): string | undefined {
  if (/[^\x20-\x7e]/.test(name)) return undefined;
  const text = name.replace(/&([^-]*)(-?)/g, (_, run: string) => {
    if (run === '') return '&';
    const utf16 = Buffer.from(run.replaceAll(',', '/'), 'base64');
    return utf16
      .subarray(0, utf16.length & ~1)
      .swap16()
      .toString('utf16le');
  });
  return encodeUtf7(text) === name ? text : undefined;
}
