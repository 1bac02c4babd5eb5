/**
 * What in HTML, SVG or XML makes a reader's program act: script elements, event handlers, addresses that are script,
 * and the calls with which script builds a file. It reads bytes from left to right and builds no tree, as trees are
 * where readers differ.
 */

export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface MarkupFacts {
  /** contents of script elements that run */
  readonly scripts: readonly Range[];
  /** some script element that runs, with or without content */
  readonly script: boolean;
  /** values of event handlers, and addresses that are script */
  readonly handlers: readonly Range[];
}

/** bytes of a start tag that are looked at for its type */
const tagBytes = 256;
/** script elements that hold data: search engines and mail programs read them, nothing runs them */
const dataTypes = /^\s*(?:application|text)\/(?:[a-z0-9.+-]{0,40}\+)?(?:json|x-template|template|html|plain)\s*(?:;|$)/;
const attribute = /[\s/]+([^\s=>"'/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]*)))?/y;
/** the library that mail in AMP has to load, and that runs only there; such newsletters are many */
const ampLibrary =
  /^script\s{1,8}async(?:=""|)(?:\s{1,8}custom-(?:element|template)="[a-z0-9-]{1,40}"){0,2}\s{1,8}src="https:\/\/cdn\.ampproject\.org\/v0[a-z0-9./-]{1,60}"(?:\s{1,8}custom-(?:element|template)="[a-z0-9-]{1,40}"){0,2}\s{0,8}$/;
/** words of prose that look like handlers */
const noHandlers = new Set(['once', 'only', 'ones', 'online']);
const handlerMax = 32;
/** handlers and addresses that are looked into one by one */
export const rangesMax = 1000;

/** By its first type attribute; a tag that is not read to it could hold anything. */
function isDataBlock(tag: string): boolean {
  attribute.lastIndex = 'script'.length;
  for (let found = attribute.exec(tag); found !== null; found = attribute.exec(tag)) {
    if (found[1] === 'type') return dataTypes.test(found[2] ?? found[3] ?? found[4] ?? '');
  }
  return false;
}

/** Whether a `download` attribute stands in a tag: what it points at is saved, not shown. */
export function hasDownload(lower: Buffer): boolean {
  for (let at = lower.indexOf('download'); at >= 0; at = lower.indexOf('download', at + 8)) {
    const before = lower[at - 1];
    const after = lower[at + 8];
    const separated = isBlank(before) || before === 0x22 || before === 0x27 || before === 0x2f;
    if (!separated || !(isBlank(after) || after === 0x3d || after === 0x3e || after === 0x2f)) continue;
    const back = lower.toString('latin1', Math.max(0, at - tagBytes * 4), at);
    // In a long tag only its end is seen, and that is full of the payload.
    if (back.lastIndexOf('<') > back.lastIndexOf('>') || !back.includes('>')) return true;
  }
  return false;
}

/** ASCII letters in lower case, everything else as it is; offsets stay. */
export function lowerCase(text: Buffer): Buffer {
  const out = Buffer.allocUnsafe(text.length);
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at] as number; // at < length
    out[at] = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
  }
  return out;
}

/** @param lower the text in lower case */
export function scanMarkup(lower: Buffer): MarkupFacts {
  const scripts: Range[] = [];
  let script = false;
  let close = 0;
  for (let at = lower.indexOf('script'); at >= 0; at = lower.indexOf('script', at + 6)) {
    if (!isScriptTag(lower, at)) continue;
    // Searched for once: a hostile text has millions of tags that never end.
    if (close < at) close = indexOrEnd(lower, '>', at);
    const text = lower.toString('latin1', at, Math.min(close, at + tagBytes));
    const tag = text.split('<', 1)[0] ?? '';
    if (isDataBlock(tag) || ampLibrary.test(tag)) continue;
    script = true;
    const end = endOfScript(lower, close);
    scripts.push({ start: Math.min(lower.length, close + 1), end });
    at = Math.max(at, end - 6);
  }
  return { scripts, script, handlers: [...firstOf(handlers(lower)), ...firstOf(scriptAddresses(lower))] };
}

/** A hostile page has millions; with so many, all of it is looked at. */
function* firstOf(ranges: Iterable<Range>): Generator<Range, void, undefined> {
  let count = 0;
  for (const range of ranges) {
    if (count >= rangesMax) return;
    count += 1;
    yield range;
  }
}

function indexOrEnd(text: Buffer, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at < 0 ? text.length : at;
}

/** `<script`, or with a namespace's prefix `<svg:script`. */
function isScriptTag(lower: Buffer, at: number): boolean {
  if (isWord(lower[at + 6])) return false;
  let before = at - 1;
  if (lower[before] === 0x3a) {
    before -= 1;
    while (at - before < handlerMax && isWord(lower[before])) before -= 1;
  }
  return lower[before] === 0x3c;
}

/** In front of `</script`, or the end of the text. */
function endOfScript(lower: Buffer, from: number): number {
  for (let at = lower.indexOf('script', from); at >= 0; at = lower.indexOf('script', at + 6)) {
    let before = at - 1;
    while (at - before < handlerMax && (isWord(lower[before]) || lower[before] === 0x3a)) before -= 1;
    if (lower[before] === 0x2f && lower[before - 1] === 0x3c) return Math.max(from, before - 1);
  }
  return lower.length;
}

/** The values of `onerror=` and the like where an attribute may stand. */
function* handlers(lower: Buffer): Generator<Range, void, undefined> {
  for (let at = lower.indexOf(0x3d); at >= 0; at = lower.indexOf(0x3d, at + 1)) {
    const end = skipBlanksBack(lower, at);
    let start = end;
    while (end - start < handlerMax && isLetter(lower[start - 1])) start -= 1;
    if (end - start < 5 || lower[start] !== 0x6f || lower[start + 1] !== 0x6e) continue;
    const before = lower[start - 1];
    const separated = isBlank(before) || before === 0x22 || before === 0x27 || before === 0x2f;
    if (!separated || noHandlers.has(lower.toString('latin1', start, end))) continue;
    const value = attributeValue(lower, at + 1);
    yield value;
    at = Math.max(at, value.end - 1);
  }
}

/** Between quotes, or up to the end of the tag. */
function attributeValue(lower: Buffer, from: number): Range {
  let start = from;
  while (isBlank(lower[start])) start += 1;
  const quote = lower[start];
  if (quote !== 0x22 && quote !== 0x27) return { start, end: indexOrEnd(lower, '>', start) };
  const end = lower.indexOf(quote, start + 1);
  return { start: start + 1, end: end < 0 ? lower.length : end };
}

/** Addresses that are script, in an attribute or a call; line ends and tabs in the scheme do not matter. */
export function* scriptAddresses(lower: Buffer): Generator<Range, void, undefined> {
  for (let at = lower.indexOf(0x3a); at >= 0; at = lower.indexOf(0x3a, at + 1)) {
    if (lower[at - 1] !== 0x74 && !isBlank(lower[at - 1])) continue;
    const start = schemeStart(lower, at, 'javascript') ?? schemeStart(lower, at, 'vbscript');
    if (start === undefined || !isAddressPlace(lower, start)) continue;
    const quote = lower[skipBlanksBack(lower, start) - 1];
    const closing = quote === 0x22 || quote === 0x27 || quote === 0x60 ? lower.indexOf(quote, at) : -1;
    const end = closing < 0 ? indexOrEnd(lower, '>', at) : closing;
    yield { start: at + 1, end };
    at = Math.max(at, end - 1);
  }
}

/** Where a scheme in front of a colon begins, with blanks between its letters; undefined when it is another one. */
export function schemeStart(lower: Buffer, colon: number, scheme: string): number | undefined {
  let at = colon;
  for (let index = scheme.length - 1; index >= 0; index -= 1) {
    at -= 1;
    while (isBreak(lower[at])) at -= 1;
    if (lower[at] !== scheme.charCodeAt(index)) return undefined;
  }
  return at;
}

/** Behind `=`, with or without a quote, or behind a quote or parenthesis of a call. */
function isAddressPlace(lower: Buffer, start: number): boolean {
  const end = skipBlanksBack(lower, start);
  const before = lower[end - 1];
  if (before === 0x3d || before === 0x28) return true;
  if (before !== 0x22 && before !== 0x27 && before !== 0x60) return false;
  const outside = lower[skipBlanksBack(lower, end - 1) - 1];
  return outside === 0x3d || outside === 0x28 || outside === 0x2c;
}

/** Behind the last byte in front of `at` that is no blank. */
export function skipBlanksBack(text: Buffer, at: number): number {
  let end = at;
  while (isBlank(text[end - 1])) end -= 1;
  return end;
}

function isBreak(byte: number | undefined): boolean {
  return byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function isBlank(byte: number | undefined): boolean {
  return byte !== undefined && byte <= 0x20;
}

function isLetter(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x61 && byte <= 0x7a;
}

function isWord(byte: number | undefined): boolean {
  return isLetter(byte) || (byte !== undefined && ((byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x5f));
}
