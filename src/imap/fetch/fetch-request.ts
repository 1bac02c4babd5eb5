/**
 * What a client asks for with FETCH and UID FETCH (RFC 9051 §6.4.5 and its extensions), and how much of a message each
 * item tells. An item that is not known here is refused: nobody knows what it would show.
 */

import { limits } from '../../runtime/limits.js';
import { upperCase } from '../wire/octet-scan.js';
import { formatSection, parseSection, sameSection } from '../wire/section.js';
import { parseSet } from '../wire/sequence-set.js';
import type { Command, FetchItem, FetchRequest, OutgoingCommand, ResponseItem, Section, Token } from '../wire/wire.js';

const macros: ReadonlyMap<string, readonly string[]> = new Map([
  ['ALL', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE']],
  ['FAST', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE']],
  ['FULL', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY']],
]);

/**
 * How much of a message an item tells: `free` what the server knows about it as a thing in a mailbox, `metadata` what
 * it is like, `content` what is in it.
 */
export type ItemClass = 'free' | 'metadata' | 'content';

/** Items without brackets. */
const plainItems: ReadonlyMap<string, ItemClass> = new Map([
  ['UID', 'free'],
  ['FLAGS', 'free'],
  ['INTERNALDATE', 'free'],
  ['MODSEQ', 'free'],
  ['SAVEDATE', 'free'],
  ['EMAILID', 'metadata'],
  ['THREADID', 'free'],
  ['RFC822.SIZE', 'metadata'],
  ['RFC822.HEADER', 'metadata'],
  ['ENVELOPE', 'metadata'],
  ['BODY', 'metadata'],
  ['BODYSTRUCTURE', 'metadata'],
  // Its two hundred characters are of the body, and hold a small file whole.
  ['PREVIEW', 'content'],
  ['RFC822', 'content'],
  ['RFC822.TEXT', 'content'],
]);

/** Items with brackets, and whether `<offset.count>` may follow. */
const sectionItems: ReadonlyMap<string, { readonly partial: boolean }> = new Map([
  ['BODY[]', { partial: true }],
  ['BODY.PEEK[]', { partial: true }],
  ['BINARY[]', { partial: true }],
  ['BINARY.PEEK[]', { partial: true }],
  ['BINARY.SIZE[]', { partial: false }],
]);

/**
 * What stands behind the section. Dovecot reads on where RFC 9051 §9 partial ends: `<offset>` is all from there on,
 * and of a part nothing may be asked for. Whether it takes that, the server says.
 */
const sectionEnd = /\](?:<(0|[1-9][0-9]{0,15})(?:\.(0|[1-9][0-9]{0,15}))?>)?$/;

export interface FetchError {
  /** for the client, one line of ASCII */
  readonly error: string;
}

/** @param command FETCH or UID FETCH */
export function parseFetch(command: Command): FetchRequest | FetchError {
  const [set, wanted, ...rest] = command.args;
  const uid = command.verb === 'UID FETCH';
  const setText = set?.kind === 'atom' ? set.bytes.toString('latin1') : '';
  if (setText !== '$' && parseSet(setText) === undefined) return { error: 'Invalid message set' };
  if (wanted === undefined || wanted.kind === 'string') return { error: 'Missing items' };
  let items: readonly FetchItem[] | FetchError;
  let modifiers = rest;
  if (wanted.kind === 'list') items = parseItems(wanted.items);
  else {
    const name = upperCase(wanted.bytes.toString('latin1'));
    const macro = macros.get(name);
    const lazy = name === 'PREVIEW' && isLazy(rest[0]);
    if (lazy) modifiers = rest.slice(1);
    items = macro === undefined ? parseItems(lazy ? [wanted, ...rest.slice(0, 1)] : [wanted]) : macro.map(plainItem);
  }
  if ('error' in items) return items;
  if (items.length === 0) return { error: 'Missing items' };
  const modifierText = parseModifiers(modifiers, uid);
  if (typeof modifierText !== 'string') return modifierText;
  return { uid, set: setText, items, modifiers: modifierText };
}

function parseItems(tokens: readonly Token[]): readonly FetchItem[] | FetchError {
  if (tokens.length > limits.imap.fetchItemsMax) return { error: 'Too many items' };
  const items = new Map<string, FetchItem>();
  for (let index = 0; index < tokens.length; index += 1) {
    const token = tokens[index];
    if (token?.kind !== 'atom') return { error: 'Invalid item' };
    let item = parseItem(token.bytes.toString('latin1'));
    if ('error' in item) return item;
    if (tokens[index + 1]?.kind === 'list') {
      if (item.name !== 'PREVIEW' || !isLazy(tokens[index + 1])) return { error: `Invalid argument of ${item.name}` };
      item = { ...item, lazy: true };
      index += 1;
    }
    items.set(formatItem(item), item);
  }
  return [...items.values()];
}

/** `(LAZY)` (RFC 8970 §3.1); names of algorithms, which drafts had there, are refused. */
function isLazy(token: Token | undefined): boolean {
  if (token?.kind !== 'list' || token.items.length !== 1) return false;
  const [only] = token.items;
  return only?.kind === 'atom' && upperCase(only.bytes.toString('latin1')) === 'LAZY';
}

function parseItem(text: string): FetchItem | FetchError {
  const open = text.indexOf('[');
  if (open === -1) {
    const name = upperCase(text);
    return plainItems.has(name) ? plainItem(name) : { error: `Unknown item ${shown(text)}` };
  }
  const name = `${upperCase(text.slice(0, open))}[]`;
  const known = sectionItems.get(name);
  if (known === undefined) return { error: `Unknown item ${shown(text)}` };
  const found = sectionEnd.exec(text);
  const section = found === null ? undefined : parseSection(text.slice(open + 1, found.index));
  if (found === null || section === undefined) return { error: `Invalid section in ${shown(text)}` };
  if (found[1] === undefined) return { name, section, partial: undefined, lazy: false };
  if (!known.partial) return { error: `No part can be asked for of ${shown(text)}` };
  const partial = { offset: Number(found[1]), count: found[2] === undefined ? undefined : Number(found[2]) };
  if (!Number.isSafeInteger(partial.offset + (partial.count ?? 0))) return { error: `Invalid range in ${shown(text)}` };
  return { name, section, partial, lazy: false };
}

function plainItem(name: string): FetchItem {
  return { name, section: undefined, partial: undefined, lazy: false };
}

function shown(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, '?').slice(0, 60);
}

/** RFC 7162 §3.1.4.1, §3.2.6 */
function parseModifiers(tokens: readonly Token[], uid: boolean): string | FetchError {
  if (tokens.length === 0) return '';
  const [list] = tokens;
  if (tokens.length !== 1 || list?.kind !== 'list') return { error: 'Unexpected arguments' };
  let since: string | undefined;
  let vanished = false;
  for (let index = 0; index < list.items.length; index += 1) {
    const name = atomText(list.items[index]);
    if (name === 'CHANGEDSINCE' && since === undefined) {
      index += 1;
      since = atomText(list.items[index]);
      if (since === undefined || !/^(?:0|[1-9][0-9]{0,18})$/.test(since)) return { error: 'Invalid CHANGEDSINCE' };
    } else if (name === 'VANISHED' && !vanished) vanished = true;
    else return { error: `Unknown modifier ${shown(name ?? '')}` };
  }
  if (since === undefined) return { error: vanished ? 'VANISHED needs CHANGEDSINCE' : 'Missing modifiers' };
  if (vanished && !uid) return { error: 'VANISHED needs UID FETCH' };
  return `CHANGEDSINCE ${since}${vanished ? ' VANISHED' : ''}`;
}

function atomText(token: Token | undefined): string | undefined {
  return token?.kind === 'atom' ? upperCase(token.bytes.toString('latin1')) : undefined;
}

/** As a client writes it: ASCII, one line. */
export function formatItem(item: FetchItem): string {
  if (item.section === undefined) return item.lazy ? `${item.name} (LAZY)` : item.name;
  return `${item.name.slice(0, -1)}${formatSection(item.section)}]${formatPartial(item.partial)}`;
}

function formatPartial(partial: FetchItem['partial']): string {
  if (partial === undefined) return '';
  return partial.count === undefined ? `<${partial.offset}>` : `<${partial.offset}.${partial.count}>`;
}

/** Most plans share their items, which are asked for again and again. */
const formatted = new WeakMap<readonly FetchItem[], string>();

function formatItems(items: readonly FetchItem[]): string {
  const known = formatted.get(items) ?? items.map(formatItem).join(' ');
  formatted.set(items, known);
  return known;
}

export function formatFetch(request: FetchRequest): OutgoingCommand {
  const modifiers = request.modifiers === '' ? '' : ` (${request.modifiers})`;
  const items = formatItems(request.items);
  return [Buffer.from(`${request.uid ? 'UID ' : ''}FETCH ${request.set} (${items})${modifiers}`, 'latin1')];
}

export function itemClass(item: FetchItem): ItemClass {
  if (item.section === undefined) return plainItems.get(item.name) ?? 'content';
  if (item.name === 'BINARY.SIZE[]') return 'metadata';
  // As in answers: what comes under BINARY is content, whatever it is said to be of.
  return !item.name.startsWith('BINARY') && isMessageHeader(item.section) ? 'metadata' : 'content';
}

function isMessageHeader(section: Section): boolean {
  return section.part.length === 0 && (section.text?.startsWith('HEADER') ?? false);
}

/** The same of an answer. What nobody asked for by a known name may be anything. */
export function responseClass(item: ResponseItem): ItemClass {
  const plain = plainItems.get(item.name);
  if (plain !== undefined) return plain;
  if (item.name === 'BINARY.SIZE[]') return 'metadata';
  if (item.name !== 'BODY[]' || !/^HEADER/i.test(item.section)) return 'content';
  const section = parseSection(item.section);
  return section !== undefined && isMessageHeader(section) ? 'metadata' : 'content';
}

/** Whether this answers that: `BODY.PEEK[X]<o.c>` is answered as `BODY[X]<o>`. */
export function matches(item: FetchItem, answer: ResponseItem): boolean {
  if (item.name.replace('.PEEK', '') !== answer.name || item.partial?.offset !== answer.origin) return false;
  if (item.section === undefined) return true;
  const section = parseSection(answer.section);
  return section !== undefined && sameSection(item.section, section);
}
