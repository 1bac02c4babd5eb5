/**
 * The tags of an XML text, one after the other: as much of XML as packages of Office and OpenDocument need. It builds
 * no tree and expands no entities but characters, so its cost is linear whatever it is given.
 */

export interface XmlTag {
  /** without its prefix */
  readonly name: string;
  /** by name without prefix; the first of equals */
  readonly attributes: ReadonlyMap<string, string>;
  /** the text behind the tag, up to the next one */
  readonly text: string;
}

const named: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);

const isBlank = (text: string, at: number): boolean => /\s/.test(text.charAt(at));
const local = (name: string): string => name.slice(name.lastIndexOf(':') + 1);

/** @param names local names of the tags that are wanted */
export function* xmlTags(text: string, names: ReadonlySet<string>): Generator<XmlTag> {
  for (let at = text.indexOf('<'); at !== -1; at = text.indexOf('<', at)) {
    if (text.startsWith('<!--', at) || text.startsWith('<![CDATA[', at) || text.startsWith('<?', at)) {
      const close = text.startsWith('<!--', at) ? '-->' : text.startsWith('<?', at) ? '?>' : ']]>';
      const end = text.indexOf(close, at);
      if (end === -1) return;
      at = end + close.length;
      continue;
    }
    const name = local(/^[\w:.-]{1,64}/.exec(text.slice(at + 1, at + 65))?.[0] ?? '');
    const wanted = names.has(name);
    const attributes = new Map<string, string>();
    const end = readAttributes(text, at + 1, wanted ? attributes : undefined);
    if (end === -1) return;
    at = end;
    if (!wanted) continue;
    const next = text.indexOf('<', end);
    yield { name, attributes, text: unescaped(text.slice(end, next === -1 ? text.length : next)) };
  }
}

/** Reads to the end of the tag, which quotes may hide; returns the place behind it, -1 when it has no end. */
function readAttributes(text: string, from: number, into: Map<string, string> | undefined): number {
  let at = from;
  for (;;) {
    const rest = nextOf(text, at);
    if (rest === -1) return -1;
    const sign = text.charAt(rest);
    if (sign === '>') return rest + 1;
    const close = text.indexOf(sign, rest + 1);
    if (close === -1) return -1;
    if (into !== undefined) {
      const key = attributeName(text, at, rest);
      if (key !== '' && !into.has(key)) into.set(key, unescaped(text.slice(rest + 1, close)));
    }
    at = close + 1;
  }
}

/** The next `>` or quote. */
function nextOf(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const sign = text.charCodeAt(at);
    if (sign === 0x3e || sign === 0x22 || sign === 0x27) return at;
  }
  return -1;
}

/** The word in front of the equals sign that stands in front of a quote. */
function attributeName(text: string, from: number, quote: number): string {
  let end = quote;
  while (end > from && (isBlank(text, end - 1) || text.charAt(end - 1) === '=')) end -= 1;
  let start = end;
  while (start > from && !isBlank(text, start - 1)) start -= 1;
  return local(text.slice(start, end));
}

function unescaped(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|(\w{2,4}));/g, (all, hex, decimal, name) => {
    if (name !== undefined) return named.get(String(name)) ?? all;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(String(hex), 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}
