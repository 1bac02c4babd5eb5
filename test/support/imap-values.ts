/**
 * What an IMAP server says, read to the octet for tests: where a response ends, and what its values are. Written from
 * the grammar (RFC 9051 §9) and without the product's own reader, which it is there to judge.
 */

export type ImapValue =
  | { readonly kind: 'atom'; readonly text: string }
  | { readonly kind: 'string'; readonly bytes: Buffer; readonly form: 'quoted' | 'literal' | 'literal8' }
  | { readonly kind: 'list'; readonly items: readonly ImapValue[] };

export interface ImapResponse {
  /** as it came, with literals and CRLF */
  readonly raw: Buffer;
  /** `*`, `+`, or the tag of a command */
  readonly tag: string;
  /** upper case: OK, NO, BAD, BYE, PREAUTH, EXISTS, FETCH, LIST …; empty for a continuation request */
  readonly name: string;
  /** of `* 5 EXISTS`, `* 5 FETCH` */
  readonly number: number | undefined;
  /** where in `raw` what follows the name begins */
  readonly start: number;
}

const lineEnd = Buffer.from('\r\n');
const announcement = /~?\{(\d+)\+?\}$/;
const statusWords = /^(?:OK|NO|BAD|BYE|PREAUTH)$/;

/** A status line's text is free and announces nothing, whatever it ends with. */
function announces(head: string): boolean {
  const [tag, word] = head.split(' ', 2);
  return tag !== '+' && !statusWords.test((word ?? '').toUpperCase());
}

/**
 * Where the response at `from` ends, behind its CRLF. When it is not all there yet, `need` says how many octets
 * `input` must have at least before it is worth another look.
 */
export function responseEnd(input: Buffer, from: number): { readonly end: number } | { readonly need: number } {
  let at = from;
  let mayAnnounce: boolean | undefined;
  for (;;) {
    const newline = input.indexOf(lineEnd, at);
    if (newline === -1) return { need: input.length + 1 };
    mayAnnounce ??= announces(input.toString('latin1', from, Math.min(newline, from + 200)));
    const tail = input.toString('latin1', Math.max(at, newline - 24), newline);
    const found = mayAnnounce ? announcement.exec(tail) : null;
    if (found === null) return { end: newline + 2 };
    at = newline + 2 + Number(found[1]);
    if (at > input.length) return { need: at + 2 };
  }
}

/** @throws Error when it is no response at all */
export function readResponse(raw: Buffer): ImapResponse {
  const head = raw.toString('latin1', 0, 400);
  const found = /^(\*|\+|[^\s(){%*"\\\]]+) ?(?:(\d+) )?([A-Za-z0-9.-]*)/.exec(head);
  if (found === null) throw new Error(`not a response: ${JSON.stringify(head)}`);
  const [all, tag = '', number, name = ''] = found;
  if (tag === '+') return { raw, tag, name: '', number: undefined, start: 1 };
  return {
    raw,
    tag,
    name: name.toUpperCase(),
    number: number === undefined ? undefined : Number(number),
    start: all.length,
  };
}

/** The text of a status line, without its code. */
export function textOf(response: ImapResponse): string {
  return response.raw.toString('latin1', response.start).replace(/^ (?:\[[^\]]*\] ?)?|\r\n$/g, '');
}

/** What stands behind the name of a code in a status line; undefined when the line has not that code. */
export function codeOf(response: ImapResponse, name: string): string | undefined {
  const found = /^ \[([A-Za-z0-9-]+)(?: ([^\]]*))?\]/.exec(response.raw.toString('latin1', response.start));
  return found?.[1]?.toUpperCase() === name ? (found[2] ?? '') : undefined;
}

class Reader {
  readonly #input: Buffer;
  at: number;

  constructor(input: Buffer, at: number) {
    this.#input = input;
    this.at = at;
  }

  fail(what: string): never {
    const near = this.#input.toString('latin1', Math.max(0, this.at - 40), this.at + 40);
    throw new Error(`${what} at octet ${this.at}, near ${JSON.stringify(near)}`);
  }

  peek(): string {
    return this.at < this.#input.length ? String.fromCharCode(this.#input[this.at] ?? 0) : '';
  }

  expect(character: string): void {
    if (this.peek() !== character) this.fail(`no ${JSON.stringify(character)}`);
    this.at += 1;
  }

  /** Octets until one of `ends`, latin1. */
  until(ends: string): string {
    const from = this.at;
    while (this.at < this.#input.length && !ends.includes(this.peek())) this.at += 1;
    return this.#input.toString('latin1', from, this.at);
  }

  quoted(): Buffer {
    this.expect('"');
    const octets: number[] = [];
    for (;;) {
      const octet = this.#input[this.at];
      if (octet === undefined || octet === 0x0d || octet === 0x0a) this.fail('an open quoted string');
      this.at += 1;
      if (octet === 0x22) return Buffer.from(octets);
      if (octet === 0x5c) {
        const escaped = this.#input[this.at];
        if (escaped !== 0x22 && escaped !== 0x5c) this.fail('a quoted character that needs no quoting');
        octets.push(escaped);
        this.at += 1;
      } else octets.push(octet);
    }
  }

  literal(): Buffer {
    this.expect('{');
    const digits = this.until('}');
    if (!/^\d+$/.test(digits)) this.fail('a literal without a size');
    this.expect('}');
    this.expect('\r');
    this.expect('\n');
    const end = this.at + Number(digits);
    if (end > this.#input.length) this.fail('a literal that is too short');
    const bytes = this.#input.subarray(this.at, end);
    this.at = end;
    return bytes;
  }

  value(): ImapValue {
    const next = this.peek();
    if (next === '(') return this.list();
    if (next === '"') return { kind: 'string', bytes: this.quoted(), form: 'quoted' };
    if (next === '{') return { kind: 'string', bytes: this.literal(), form: 'literal' };
    if (next === '~') {
      this.at += 1;
      return { kind: 'string', bytes: this.literal(), form: 'literal8' };
    }
    const text = this.until(' ()\r\n');
    if (text === '') this.fail('no value');
    return { kind: 'atom', text };
  }

  list(): ImapValue {
    this.expect('(');
    const items: ImapValue[] = [];
    while (this.peek() !== ')') {
      // Body structures write the parts of a multipart without spaces between them.
      if (this.peek() === ' ') this.at += 1;
      items.push(this.value());
    }
    this.at += 1;
    return { kind: 'list', items };
  }

  /** Name of a FETCH item in upper case, field names as atoms whatever their form. */
  itemName(): string {
    let name = this.until(' [()\r\n').toUpperCase();
    if (this.peek() !== '[') return name;
    this.at += 1;
    name += '[';
    while (this.peek() !== ']') {
      const next = this.peek();
      if (next === '"') name += this.quoted().toString('latin1').toUpperCase();
      else if (next === '{') name += this.literal().toString('latin1').toUpperCase();
      else if (next === '' || next === '\r') this.fail('an open section');
      else {
        name += next.toUpperCase();
        this.at += 1;
      }
    }
    this.at += 1;
    return `${name}]${this.until(' ()\r\n')}`;
  }
}

/** Everything behind the name of a response. @throws Error when it is not well-formed to its end */
export function valuesOf(response: ImapResponse): ImapValue[] {
  const reader = new Reader(response.raw, response.start);
  const values: ImapValue[] = [];
  while (reader.peek() === ' ') {
    reader.at += 1;
    values.push(reader.value());
  }
  reader.expect('\r');
  reader.expect('\n');
  return values;
}

/** Items of a FETCH response by their names. @throws Error when it is not well-formed to its end, or names one twice */
export function fetchItemsOf(response: ImapResponse): Map<string, ImapValue> {
  const reader = new Reader(response.raw, response.start);
  const items = new Map<string, ImapValue>();
  reader.expect(' ');
  reader.expect('(');
  while (reader.peek() !== ')') {
    if (items.size > 0) reader.expect(' ');
    const name = reader.itemName();
    reader.expect(' ');
    if (items.has(name)) reader.fail(`${name} twice`);
    items.set(name, reader.value());
  }
  for (const character of ')\r\n') reader.expect(character);
  return items;
}

/** A value in one spelling: quoted strings and literals alike, atoms in upper case. Octets as latin1. */
export function plainValue(value: ImapValue | undefined): string {
  switch (value?.kind) {
    case undefined:
      return '(absent)';
    case 'atom':
      return value.text.startsWith('\\') ? value.text : value.text.toUpperCase();
    case 'string':
      return JSON.stringify(value.bytes.toString('latin1'));
    case 'list':
      return `(${value.items.map(plainValue).join(' ')})`;
  }
}

/** Octets of a string; undefined for NIL and everything else. */
export function bytesOf(value: ImapValue | undefined): Buffer | undefined {
  return value?.kind === 'string' ? value.bytes : undefined;
}

/** -1 when it is no number */
export function numberIn(value: ImapValue | undefined): number {
  return value?.kind === 'atom' && /^\d+$/.test(value.text) ? Number(value.text) : -1;
}
