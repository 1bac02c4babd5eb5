/** A reader of RFC 5424 records and of the Common Event Format that forgives nothing: whatever deviates is an error. */

export interface ParsedRecord {
  readonly facility: number;
  readonly severity: number;
  /** ms since 1970 */
  readonly at: number;
  readonly hostname: string;
  readonly appName: string;
  readonly procId: string;
  readonly msgId: string;
  readonly data: readonly ParsedElement[];
  readonly message: string | undefined;
}

export interface ParsedElement {
  readonly id: string;
  /** in order; no name twice */
  readonly params: ReadonlyMap<string, string>;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** RFC 5424 §6. @throws Error that says where */
export function parseRecord(bytes: Buffer): ParsedRecord {
  const text = utf8.decode(bytes);
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text)) throw new Error(`control character in ${shown(text)}`);
  const head =
    /^<(0|[1-9][0-9]{0,2})>1 ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z) ([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) ([\x21-\x7e]{1,128}) ([\x21-\x7e]{1,32}) /.exec(
      text,
    );
  if (head === null) throw new Error(`no header: ${text.slice(0, 200)}`);
  const [whole, priority, timestamp = '', hostname = '', appName = '', procId = '', msgId = ''] = head;
  if (Number(priority) > 191) throw new Error(`priority ${priority}`);
  const reader = new DataReader(text, whole.length);
  const data = reader.elements();
  const rest = text.slice(reader.at);
  if (rest !== '' && !rest.startsWith(' ')) throw new Error(`no blank before the message: ${rest.slice(0, 50)}`);
  const at = Date.parse(timestamp);
  if (Number.isNaN(at)) throw new Error(`no time: ${timestamp}`);
  const code = Number(priority);
  const message = rest === '' ? undefined : rest.slice(1);
  return { facility: code >> 3, severity: code & 7, at, hostname, appName, procId, msgId, data, message };
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 300));

/** STRUCTURED-DATA, RFC 5424 §6.3 */
class DataReader {
  readonly #text: string;
  at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.at = at;
  }

  elements(): ParsedElement[] {
    if (this.#text[this.at] === '-') {
      this.at += 1;
      return [];
    }
    const elements: ParsedElement[] = [];
    while (this.#text[this.at] === '[') elements.push(this.#element());
    if (elements.length === 0) throw new Error(`no structured data at ${this.at}: ${this.#text.slice(this.at, 50)}`);
    return elements;
  }

  #element(): ParsedElement {
    this.at += 1;
    const id = this.#name();
    const params = new Map<string, string>();
    while (this.#text[this.at] === ' ') {
      this.at += 1;
      const name = this.#name();
      if (params.has(name)) throw new Error(`${name} twice`);
      this.#expect('="');
      params.set(name, this.#value());
    }
    this.#expect(']');
    return { id, params };
  }

  #name(): string {
    const found = /^[\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32}/.exec(this.#text.slice(this.at, this.at + 33));
    if (found === null || found[0].length > 32) throw new Error(`no name at ${this.at}`);
    this.at += found[0].length;
    return found[0];
  }

  #value(): string {
    let value = '';
    for (;;) {
      const character = this.#text[this.at];
      if (character === undefined) throw new Error('a value without end');
      this.at += 1;
      if (character === '"') return value;
      if (character === ']') throw new Error(`a bracket in a value at ${this.at}`);
      if (character !== '\\') {
        value += character;
        continue;
      }
      const escaped = this.#text[this.at] ?? '';
      if (!'"\\]'.includes(escaped) || escaped === '') throw new Error(`escape of ${escaped}`);
      value += escaped;
      this.at += 1;
    }
  }

  #expect(text: string): void {
    if (!this.#text.startsWith(text, this.at)) throw new Error(`no ${text} at ${this.at}: ${shown(this.#text)}`);
    this.at += text.length;
  }
}

export interface ParsedCef {
  /** vendor, product, version, class, name, severity */
  readonly header: readonly string[];
  readonly extension: ReadonlyMap<string, string>;
}

/** @throws Error that says where */
export function parseCef(text: string): ParsedCef {
  if (!text.startsWith('CEF:0|')) throw new Error(`no CEF: ${text.slice(0, 50)}`);
  const header: string[] = [];
  let field = '';
  let at = 'CEF:0|'.length;
  for (; header.length < 6; at += 1) {
    const character = text[at];
    if (character === undefined) throw new Error('a header without end');
    if (character === '|') {
      header.push(field);
      field = '';
    } else if (character === '\\') {
      at += 1;
      const escaped = text[at] ?? '';
      if (escaped !== '|' && escaped !== '\\') throw new Error(`escape of ${escaped} in the header`);
      field += escaped;
    } else field += character;
  }
  return { header, extension: extensionOf(text.slice(at)) };
}

function extensionOf(text: string): Map<string, string> {
  const keys = [...text.matchAll(/(?:^| )([A-Za-z][A-Za-z0-9]*)=/g)];
  const extension = new Map<string, string>();
  for (const [index, key] of keys.entries()) {
    const start = key.index + key[0].length;
    const written = text.slice(start, keys[index + 1]?.index ?? text.length);
    if (/(?:^|[^\\])(?:\\\\)*=/.test(written)) throw new Error(`a bare = in ${written}`);
    if (/(?:^|[^\\])(?:\\\\)*\\(?![\\=])/.test(written)) throw new Error(`a bare \\ in ${written}`);
    const name = key[1] ?? '';
    if (extension.has(name)) throw new Error(`${name} twice`);
    extension.set(name, written.replace(/\\([\\=])/g, '$1'));
  }
  if (text !== '' && keys[0]?.index !== 0) throw new Error(`no key where the extension begins: ${text.slice(0, 50)}`);
  return extension;
}

/** Takes records out of a stream, however it is cut. RFC 6587 §3.4.1 and §3.4.2. */
export class FrameReader {
  readonly #framing: 'octet-counted' | 'newline';
  readonly #record: (record: Buffer) => void;
  #held: Buffer = Buffer.alloc(0);

  constructor(framing: 'octet-counted' | 'newline', record: (record: Buffer) => void) {
    this.#framing = framing;
    this.#record = record;
  }

  /** octets that are no whole record yet */
  get rest(): number {
    return this.#held.length;
  }

  /** @throws Error where no frame begins */
  read(chunk: Buffer): void {
    this.#held = Buffer.concat([this.#held, chunk]);
    while (this.#framing === 'newline' ? this.#line() : this.#counted());
  }

  #line(): boolean {
    const end = this.#held.indexOf(10);
    if (end === -1) return false;
    this.#take(0, end, end + 1);
    return true;
  }

  #counted(): boolean {
    const blank = this.#held.indexOf(32);
    const digits = this.#held.subarray(0, blank === -1 ? this.#held.length : blank).toString('latin1');
    if (!/^[1-9][0-9]{0,5}$/.test(digits) && (blank !== -1 || digits.length > 0))
      throw new Error(`no length where a frame begins: ${digits.slice(0, 40)}`);
    if (blank === -1) return false;
    const end = blank + 1 + Number(digits);
    if (this.#held.length < end) return false;
    this.#take(blank + 1, end, end);
    return true;
  }

  #take(start: number, end: number, next: number): void {
    const record = Buffer.from(this.#held.subarray(start, end));
    this.#held = this.#held.subarray(next);
    this.#record(record);
  }
}
