/**
 * The syntax of list entries and the normal form in which addresses and entries are compared. Tables and decisions
 * are elsewhere.
 *
 * Local parts are compared without regard to case. RFC 5321 §2.4 lets a host tell `Bob` from `bob`, but hardly any
 * does, and a blocklist that `BOB@` walks past filters nothing.
 */
import { domainToASCII } from 'node:url';

/**
 * An entry of a list. `key` is what a table stores: `name@domain`, `@domain` for `*@domain`, `.domain` for
 * `*@*.domain` (subdomains of any depth, not the domain itself).
 */
export interface AddressPattern {
  readonly kind: 'address' | 'domain' | 'subdomains';
  readonly key: string;
}

export interface SplitAddress {
  readonly local: string;
  readonly domain: string;
}

/** bytes; RFC 5321 §4.5.3.1.3 bounds a path at 256, header addresses are a little longer at times. */
export const addressBytesMax = 1024;

/** The forms that an entry may have, for messages to people. */
export const patternForms = 'name@domain, *@domain or *@*.domain';

/** Parses one list entry; the string result says what is wrong with it. */
export function parsePattern(text: string): AddressPattern | string {
  const entry = text.trim();
  if (entry === '') return 'the entry is empty';
  if (Buffer.byteLength(entry) > addressBytesMax) return `it is longer than ${addressBytesMax} bytes`;
  const at = splitPoint(entry);
  if (at < 1) return 'it has no local part and domain';
  const localText = entry.slice(0, at);
  const domainText = entry.slice(at + 1);
  const subdomains = domainText.startsWith('*.');
  const domain = normalDomain(subdomains ? domainText.slice(2) : domainText);
  if (domain === undefined) return `"${domainText}" is no domain`;
  if (localText === '*') {
    return subdomains ? { kind: 'subdomains', key: `.${domain}` } : { kind: 'domain', key: `@${domain}` };
  }
  if (subdomains) return 'a wildcard for subdomains needs a wildcard local part';
  // `*` is a legal character of a local part (RFC 5322 §3.2.3), but who writes `info*@` means something that we have not.
  if (!localText.startsWith('"') && localText.includes('*')) {
    return 'a * stands only for a whole local part; write it in quotes to mean the character';
  }
  const local = normalLocal(localText);
  return local === undefined ? `"${localText}" is no local part` : { kind: 'address', key: `${local}@${domain}` };
}

/**
 * An address of a message in the form in which patterns are looked up; undefined when it has no local part or domain
 * (such as the null reverse-path). Lenient: what cannot be normalised is compared in lower case as it stands.
 */
export function normalAddress(text: string): SplitAddress | undefined {
  // RFC 5321 §4.1.1.3, appendix C: a source route is ignored, and must not hide the mailbox behind it from a list.
  const colon = text.startsWith('@') ? text.indexOf(':') : -1;
  const mailbox = text.slice(colon + 1).trim();
  const at = splitPoint(mailbox);
  if (at < 1 || at === mailbox.length - 1 || Buffer.byteLength(mailbox) > addressBytesMax) return undefined;
  const localText = mailbox.slice(0, at);
  const domainText = mailbox.slice(at + 1);
  return {
    local: normalLocal(localText) ?? localText.toLowerCase(),
    domain: normalDomain(domainText) ?? domainText.toLowerCase().replace(/\.$/, ''),
  };
}

/** Lower case, no trailing dot, IDN as A-labels (RFC 5890), address literals as they are; undefined when it is no domain. */
export function normalDomain(text: string): string | undefined {
  const bare = text.endsWith('.') ? text.slice(0, -1) : text;
  if (bare.startsWith('[')) return /^\[[A-Za-z0-9:.-]+\]$/.test(bare) ? bare.toLowerCase() : undefined;
  if (/^[\x21-\x7e]*$/.test(bare)) return isAsciiDomain(bare) ? bare.toLowerCase() : undefined;
  // The URL parser behind domainToASCII also decodes %XX and drops tabs; such input is no domain to us.
  if (/[\x00-\x2c\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f\s]/.test(bare)) return undefined;
  const ascii = domainToASCII(bare);
  return isAsciiDomain(ascii) ? ascii : undefined;
}

function isAsciiDomain(text: string): boolean {
  return text.length > 0 && text.length <= 253 && /^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$/.test(text);
}

/** Where the domain's `@` is: after a quoted local part, else the last one. */
function splitPoint(text: string): number {
  if (!text.startsWith('"')) return text.lastIndexOf('@');
  for (let i = 1; i < text.length; i += 1) {
    if (text[i] === '\\') i += 1;
    else if (text[i] === '"') return text[i + 1] === '@' ? i + 1 : -1;
  }
  return -1;
}

/** RFC 5321 §4.1.2: `"john.doe"` and `john.doe` name the same mailbox. NFC, so that two spellings of `é` are one. */
function normalLocal(text: string): string | undefined {
  let local = text;
  if (text.startsWith('"')) {
    if (text.length < 2 || !text.endsWith('"')) return undefined;
    local = text.slice(1, -1).replace(/\\(.)/gs, '$1');
  } else if (/[\s"(),:;<>[\\\]@\x00-\x1f\x7f]/.test(text)) {
    return undefined;
  }
  // An empty local part would have the key of the whole domain; U+FFFD is what undecodable bytes became.
  if (local === '' || /[\r\n\0\ufffd]/.test(local)) return undefined;
  return /^[\x20-\x7e]*$/.test(local) ? local.toLowerCase() : local.normalize('NFC').toLowerCase().normalize('NFC');
}
