/**
 * Tells from a server's BODYSTRUCTURE whether a message surely has no attachment: nothing but texts that a reader is
 * shown, without a name. Whatever is not exactly understood counts as an attachment.
 */
import { limits } from '../../runtime/limits.js';

/** A value of a response: a list, a string or number, or NIL. */
type Value = readonly Value[] | string | undefined;

const octets = { space: 32, quote: 34, open: 40, close: 41, backslash: 92, brace: 123 } as const;

/** Thrown inside this file only. */
class Odd extends Error {}

class ValueReader {
  #at = 0;
  #left = limits.imapFetch.structureValuesMax;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  whole(): Value {
    const value = this.#value(0);
    if (this.#at !== this.#bytes.length) throw new Odd();
    return value;
  }

  #value(depth: number): Value {
    this.#left -= 1;
    if (this.#left < 0 || depth > limits.imapFetch.structureDepthMax) throw new Odd();
    const byte = this.#bytes[this.#at];
    if (byte === octets.open) return this.#list(depth);
    if (byte === octets.quote) return this.#quoted();
    if (byte === octets.brace) return this.#literal();
    return this.#atom();
  }

  /** Bodies of a multipart stand without a space between them (RFC 9051 §9 body-type-mpart); some servers write one. */
  #list(depth: number): Value {
    const values: Value[] = [];
    this.#at += 1;
    while (this.#bytes[this.#at] !== octets.close) {
      if (this.#bytes[this.#at] === octets.space) this.#at += 1;
      values.push(this.#value(depth + 1));
    }
    this.#at += 1;
    return values;
  }

  #quoted(): string {
    const bytes = this.#bytes;
    let text = '';
    for (let at = this.#at + 1; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === octets.quote) {
        this.#at = at + 1;
        return text;
      }
      if (byte === octets.backslash) at += 1;
      text += String.fromCharCode(bytes[at] ?? 0);
    }
    throw new Odd();
  }

  #literal(): string {
    const head = /^\{(\d{1,9})\+?\}\r\n/.exec(this.#bytes.toString('latin1', this.#at, this.#at + 16));
    if (head === null) throw new Odd();
    const from = this.#at + head[0].length;
    this.#at = from + Number(head[1]);
    if (this.#at > this.#bytes.length) throw new Odd();
    return this.#bytes.toString('latin1', from, this.#at);
  }

  #atom(): string | undefined {
    const from = this.#at;
    while (isAtomOctet(this.#bytes[this.#at])) this.#at += 1;
    if (this.#at === from) throw new Odd();
    const text = this.#bytes.toString('latin1', from, this.#at);
    return text.toUpperCase() === 'NIL' ? undefined : text;
  }
}

function isAtomOctet(byte: number | undefined): boolean {
  return byte !== undefined && byte > octets.space && byte < 127 && !specials.has(byte);
}
const specials: ReadonlySet<number> = new Set([
  octets.quote,
  octets.open,
  octets.close,
  octets.backslash,
  octets.brace,
]);

const shownTexts: ReadonlySet<string> = new Set(['PLAIN', 'HTML']);
const shownMultiparts: ReadonlySet<string> = new Set(['ALTERNATIVE', 'MIXED', 'RELATED']);
const harmlessParameters: ReadonlySet<string> = new Set([
  'CHARSET',
  'FORMAT',
  'DELSP',
  'REPLY-TYPE',
  'BOUNDARY',
  'TYPE',
  'START',
  'DIFFERENCES',
]);
const encodings: ReadonlySet<string> = new Set(['7BIT', '8BIT', 'BINARY', 'QUOTED-PRINTABLE', 'BASE64']);

/** `(name value …)` or NIL, with names that say nothing of a file. */
function harmless(parameters: Value): boolean {
  if (parameters === undefined) return true;
  if (typeof parameters === 'string' || parameters.length % 2 !== 0) return false;
  return parameters.every((value, index) => index % 2 === 1 || harmlessParameters.has(upper(value)));
}

function upper(value: Value): string {
  return typeof value === 'string' ? value.toUpperCase() : '';
}

/** `("inline" NIL)` or NIL. */
function shownInline(disposition: Value): boolean {
  if (disposition === undefined) return true;
  if (typeof disposition === 'string') return false;
  return disposition.length === 2 && upper(disposition[0]) === 'INLINE' && disposition[1] === undefined;
}

function isPlain(body: Value): boolean {
  if (body === undefined || typeof body === 'string') return false;
  return typeof body[0] === 'string' ? isShownText(body) : isShownMultipart(body);
}

/** type subtype parameters id description encoding octets lines, then md5 disposition language location */
function isShownText(body: readonly Value[]): boolean {
  // Without extension data nobody said that there is no disposition.
  if (body.length < 10 || body.length > 12) return false;
  if (upper(body[0]) !== 'TEXT' || !shownTexts.has(upper(body[1]))) return false;
  return harmless(body[2]) && encodings.has(upper(body[5])) && shownInline(body[9]);
}

/** 1*body subtype, then parameters disposition language location */
function isShownMultipart(body: readonly Value[]): boolean {
  const at = body.findIndex((value) => typeof value === 'string' || value === undefined);
  if (at < 1 || body.length < at + 3 || body.length > at + 5) return false;
  if (!shownMultiparts.has(upper(body[at]))) return false;
  return harmless(body[at + 1]) && shownInline(body[at + 2]) && body.slice(0, at).every(isPlain);
}

/** @param value of a BODYSTRUCTURE item (RFC 9051 §7.5.2) */
export function surelyWithoutAttachment(value: Buffer): boolean {
  try {
    return isPlain(new ValueReader(value).whole());
  } catch (error) {
    if (error instanceof Odd) return false;
    throw error;
  }
}
