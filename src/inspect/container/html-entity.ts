/** Character references of HTML: enough of them to see through what hides an address or markup in an attribute. */

const named: ReadonlyMap<string, string> = new Map([
  ['colon', ':'],
  ['tab', '\t'],
  ['newline', '\n'],
  ['lpar', '('],
  ['rpar', ')'],
  ['comma', ','],
  ['semi', ';'],
  ['sol', '/'],
  ['plus', '+'],
  ['equals', '='],
  ['num', '#'],
  ['period', '.'],
  ['lowbar', '_'],
  ['percnt', '%'],
  ['quot', '"'],
  ['apos', "'"],
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
]);
/** digits of a reference, with any number of zeros in front that is still plausible */
const digitsMax = 32;
const nameMax = 8;
const ampersand = 0x26;

interface Reference {
  readonly character: string;
  /** behind its last byte */
  readonly end: number;
}

/** The text with its references decoded; the same buffer when it has none. */
export function withoutEntities(text: Buffer): Buffer {
  let at = text.indexOf(ampersand);
  if (at < 0) return text;
  const out = Buffer.allocUnsafe(text.length);
  let length = 0;
  let from = 0;
  for (; at >= 0; at = text.indexOf(ampersand, at + 1)) {
    const found = referenceAt(text, at);
    if (found === undefined) continue;
    length += text.copy(out, length, from, at);
    length += out.write(found.character, length, 'utf8');
    from = found.end;
  }
  if (from === 0) return text;
  length += text.copy(out, length, from);
  return out.subarray(0, length);
}

function referenceAt(text: Buffer, at: number): Reference | undefined {
  if (text[at + 1] === 0x23) return numberAt(text, at + 2);
  let end = at + 1;
  while (end - at <= nameMax && isLetter(text[end])) end += 1;
  if (end - at < 3) return undefined;
  const character = named.get(text.toString('latin1', at + 1, end).toLowerCase());
  // Browsers know some names without the semicolon, but not the longer ones that matter here.
  if (character === undefined || (text[end] !== 0x3b && end - at > 4)) return undefined;
  return { character, end: text[end] === 0x3b ? end + 1 : end };
}

function numberAt(text: Buffer, at: number): Reference | undefined {
  const hex = ((text[at] ?? 0) | 0x20) === 0x78;
  const base = hex ? 16 : 10;
  const start = hex ? at + 1 : at;
  let end = start;
  let code = 0;
  for (let digit = digitOf(text[end]); digit < base && end - start < digitsMax; digit = digitOf(text[end])) {
    code = Math.min(code * base + digit, 0x110000);
    end += 1;
  }
  if (end === start || code === 0 || code > 0x10ffff) return undefined;
  return { character: String.fromCodePoint(code), end: text[end] === 0x3b ? end + 1 : end };
}

function isLetter(byte: number | undefined): boolean {
  const letter = (byte ?? 0) | 0x20;
  return letter >= 0x61 && letter <= 0x7a;
}

function digitOf(byte: number | undefined): number {
  if (byte === undefined) return 99;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 99;
}
