/**
 * Mailbox lists of a header as ENVELOPE shows them (RFC 9051 §7.5.2): display name, route, mailbox, host; a group as
 * a mailbox without host before its members and nothing but NIL behind them. Never throws: what is no address is shown
 * as a mailbox of an empty host, so that its reader sees something.
 */
import { readQuoted, skipComment } from '../../mime/address.js';
import { limits } from '../../runtime/limits.js';

export interface EnvelopeAddress {
  readonly name: string | undefined;
  readonly route: string | undefined;
  readonly mailbox: string | undefined;
  readonly host: string | undefined;
}

interface Word {
  readonly kind: 'atom' | 'quoted' | 'special' | 'comment';
  readonly text: string;
  /** a blank or a comment stands before it */
  readonly spaced: boolean;
}

const atomRun = /[^\s<>,;:@"()[\]\\]+/y;

function wordAt(text: string, at: number, spaced: boolean): { readonly word: Word; readonly end: number } {
  const char = text[at] as string; // at < text.length
  if (char === '"') {
    const quoted = readQuoted(text, at + 1, '"');
    return { word: { kind: 'quoted', text: quoted.text, spaced }, end: quoted.end };
  }
  if (char === '[') {
    const literal = readQuoted(text, at + 1, ']');
    return { word: { kind: 'atom', text: `[${literal.text}]`, spaced }, end: literal.end };
  }
  if (char === '(') {
    const { end, closed } = skipComment(text, at);
    const inner = text.slice(at + 1, closed ? end - 1 : end).replace(/\\([\s\S])/g, '$1');
    return { word: { kind: 'comment', text: inner.trim(), spaced }, end };
  }
  atomRun.lastIndex = at;
  const atom = atomRun.exec(text)?.[0];
  if (atom !== undefined) return { word: { kind: 'atom', text: atom, spaced }, end: at + atom.length };
  return { word: { kind: 'special', text: char, spaced }, end: at + 1 };
}

function words(text: string): Word[] {
  const found: Word[] = [];
  let spaced = false;
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text[at] ?? '')) {
      spaced = true;
      at += 1;
      continue;
    }
    const { word, end } = wordAt(text, at, spaced);
    found.push(word);
    spaced = word.kind === 'comment';
    at = end;
  }
  return found;
}

function isSpecial(word: Word | undefined, text: string): boolean {
  return word?.kind === 'special' && word.text === text;
}

function phrase(part: readonly Word[]): string {
  return part
    .map((word, at) => (at > 0 && word.spaced ? ` ${word.text}` : word.text))
    .join('')
    .trim();
}

/** RFC 5322 §4.4 allows blanks around the dots, which belong to nothing. */
function joined(part: readonly Word[]): string {
  return part.map((word) => word.text).join('');
}

/** `local@domain`, or `@a,@b:local@domain` in angle brackets. */
function specification(part: readonly Word[]): Pick<EnvelopeAddress, 'route' | 'mailbox' | 'host'> {
  const colon = isSpecial(part[0], '@') ? part.findIndex((word) => isSpecial(word, ':')) : -1;
  const address = part.slice(colon + 1);
  const at = address.findLastIndex((word) => isSpecial(word, '@'));
  return {
    route: colon > 0 ? joined(part.slice(0, colon)) : undefined,
    mailbox: joined(at < 0 ? address : address.slice(0, at)),
    host: at < 0 ? '' : joined(address.slice(at + 1)),
  };
}

/** One address, whose words are all between two commas; undefined when there is nothing. */
function addressOf(part: readonly Word[]): EnvelopeAddress | undefined {
  const plain = part.filter((word) => word.kind !== 'comment');
  // The old way to tell a name: behind the address.
  const last = part.at(-1);
  const comment = last?.kind === 'comment' && last.text !== '' ? last.text : undefined;
  if (plain.length === 0) return undefined;
  const open = plain.findIndex((word) => isSpecial(word, '<'));
  if (open >= 0) {
    const close = plain.findIndex((word, at) => at > open && isSpecial(word, '>'));
    const inner = plain.slice(open + 1, close < 0 ? plain.length : close);
    const name = phrase(plain.slice(0, open)) || comment;
    return { name, ...specification(inner) };
  }
  if (plain.length > 1 && !plain.some((word) => isSpecial(word, '@'))) {
    return { name: phrase(plain), route: undefined, mailbox: '', host: '' };
  }
  return { name: comment, ...specification(plain) };
}

const groupEnd: EnvelopeAddress = { name: undefined, route: undefined, mailbox: undefined, host: undefined };

/** @param text a field's body, unfolded, one character per octet */
export function envelopeAddresses(text: string): EnvelopeAddress[] {
  const found: EnvelopeAddress[] = [];
  let part: Word[] = [];
  let angle = false;
  let group = false;
  const flush = () => {
    const address = addressOf(part);
    if (address !== undefined) found.push(address);
    part = [];
    angle = false;
  };
  for (const word of words(text)) {
    if (found.length >= limits.storedMessage.addressesMax) break;
    if (isSpecial(word, '<')) angle = true;
    else if (isSpecial(word, '>')) angle = false;
    if (!angle && isSpecial(word, ',')) flush();
    else if (!angle && !group && isSpecial(word, ':')) {
      const name = phrase(part.filter(({ kind }) => kind !== 'comment'));
      found.push({ name: undefined, route: undefined, mailbox: name, host: undefined });
      part = [];
      group = true;
    } else if (!angle && isSpecial(word, ';')) {
      flush();
      if (group) found.push(groupEnd);
      group = false;
    } else part.push(word);
  }
  flush();
  if (group) found.push(groupEnd);
  return found;
}
