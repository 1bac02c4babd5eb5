/**
 * The EHLO list: what the next hop offers, less everything that we do not carry correctly. Default deny: an extension
 * that nobody here has thought about could carry content past the inspection (BURL does).
 */
import { limits } from '../runtime/limits.js';
import { replyTexts, type UpstreamReply } from './reply-reader.js';

/** Extensions whose commands and parameters we pass on as they are. STARTTLS and SIZE are rewritten, XCLIENT never shown. */
const carried = new Set([
  'PIPELINING', // RFC 2920
  '8BITMIME', // RFC 6152
  'SMTPUTF8', // RFC 6531
  'ENHANCEDSTATUSCODES', // RFC 2034
  'DSN', // RFC 3461
  'CHUNKING', // RFC 3030
  'BINARYMIME', // RFC 3030
  'MT-PRIORITY', // RFC 6710
]);

/** Bound to the TLS channel (which ends here) or adding a security layer (through which we could not see). */
const barredMechanism = /-PLUS$|^EXTERNAL$|^GSSAPI$|^GSS-SPNEGO$|^GS2-|^KERBEROS|^DIGEST-MD5$/;

export function isRelayableMechanism(mechanism: string): boolean {
  return /^[A-Z0-9_-]{1,20}$/.test(mechanism) && !barredMechanism.test(mechanism); // RFC 4422 §3.1
}

/** What the session has to know of the next hop's list. */
export interface Extensions {
  readonly pipelining: boolean;
  readonly chunking: boolean;
  /** bytes; undefined when not announced, 0 when announced without a limit */
  readonly size: number | undefined;
  readonly keywords: ReadonlySet<string>;
}

export const noExtensions: Extensions = {
  pipelining: false,
  chunking: false,
  size: undefined,
  keywords: new Set(),
};

export function parseExtensions(reply: UpstreamReply): Extensions {
  const keywords = new Set<string>();
  let size: number | undefined;
  for (const text of replyTexts(reply).slice(1)) {
    const [keyword = '', ...values] = text.trim().toUpperCase().split(/ +/);
    keywords.add(keyword);
    if (keyword === 'SIZE') size = parseSize(values[0]);
  }
  return {
    pipelining: keywords.has('PIPELINING'),
    chunking: keywords.has('CHUNKING'),
    size,
    keywords,
  };
}

function parseSize(value: string | undefined): number {
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : 0;
}

export interface EhloView {
  /** the client's connection is encrypted */
  readonly secure: boolean;
  readonly offerStartTls: boolean;
  readonly offerAuth: boolean;
  /** bytes we accept ourselves; 0 for no bound of our own */
  readonly messageBytesMax: number;
  readonly mayTag: boolean;
}

/** The SIZE to announce (RFC 1870), 0 for no limit: never more than the next hop takes after we tagged the message. */
export function announcedSize(upstream: number, view: Pick<EhloView, 'messageBytesMax' | 'mayTag'>): number {
  const room = upstream === 0 || !view.mayTag ? upstream : Math.max(upstream - limits.smtp.tagReserveBytes, 1);
  if (view.messageBytesMax === 0) return room;
  return room === 0 ? view.messageBytesMax : Math.min(room, view.messageBytesMax);
}

/** The reply to show to the client: greeting line and carried extensions verbatim, ours added. */
export function filterEhlo(reply: UpstreamReply, view: EhloView): string {
  const [greeting = '', ...texts] = replyTexts(reply);
  const shown: string[] = [greeting];
  for (const text of texts) {
    const line = filterExtension(text, view);
    if (line !== undefined) shown.push(line);
  }
  if (view.offerStartTls) shown.push('STARTTLS');
  return shown.map((text, index) => `${reply.code}${index === shown.length - 1 ? ' ' : '-'}${text}\r\n`).join('');
}

function filterExtension(text: string, view: EhloView): string | undefined {
  const [keyword = '', ...values] = text.trim().split(/ +/);
  const name = keyword.toUpperCase();
  if (carried.has(name)) return text;
  // RFC 8689: promised end to end, so only where this leg is encrypted too.
  if (name === 'REQUIRETLS') return view.secure ? text : undefined;
  if (name === 'SIZE') {
    const size = announcedSize(parseSize(values[0]), view);
    return size === parseSize(values[0]) ? text : `SIZE ${size}`;
  }
  if (name === 'AUTH' && view.offerAuth) {
    const mechanisms = values.filter((mechanism) => isRelayableMechanism(mechanism.toUpperCase()));
    if (mechanisms.length === 0) return undefined;
    return mechanisms.length === values.length ? text : `AUTH ${mechanisms.join(' ')}`;
  }
  return undefined;
}
