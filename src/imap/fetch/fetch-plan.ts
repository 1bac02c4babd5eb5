/**
 * What is asked of the server for a client's FETCH: which items wait for a judgement, under which names they are asked
 * for so that nothing is marked as read before it is served, and what must be changed back in the answers.
 */
import { limits } from '../../runtime/limits.js';
import { type Mailbox, standings } from '../handler.js';
import { wholeMessage } from '../wire/section.js';
import { countSet, lastOne, parseSet } from '../wire/sequence-set.js';
import type { FetchItem, FetchRequest, ResponseItem, Section } from '../wire/wire.js';
import { type ItemClass, itemClass, responseClass } from './fetch-request.js';

/** What is changed in answers that pass. */
export interface Edit {
  /** items that the client did not ask for, by name */
  readonly cut: ReadonlySet<string>;
  /** the names under which the client wants what comes as `BODY[]` and as `BODY[TEXT]` */
  readonly whole: readonly string[];
  readonly text: readonly string[];
  /** nothing is changed at all */
  readonly none: boolean;
}

export interface FetchPlan {
  readonly request: FetchRequest;
  /** the most that is asked for */
  readonly needs: ItemClass;
  /** all messages are known to stand as originals: asked in the client's words, and never asked again */
  readonly sure: boolean;
  readonly items: readonly FetchItem[];
  readonly edit: Edit;
  /** the answers hold whole messages, so that these can be judged as they pass */
  readonly whole: boolean;
  /** answers are to mark as read, and nothing that was asked did */
  readonly marksSeen: boolean;
}

export function plainItem(name: string, section?: Section): FetchItem {
  return { name, section, partial: undefined, lazy: false };
}
export const uidItem = plainItem('UID');
export const wholeItem = plainItem('BODY.PEEK[]', wholeMessage);

/** RFC 9051 §6.4.5, RFC 3501 §6.4.5, RFC 3516 §4.2: reading these sets \Seen. */
const seenForms: Readonly<Record<string, (item: FetchItem) => FetchItem>> = {
  RFC822: () => wholeItem,
  'RFC822.TEXT': () => plainItem('BODY.PEEK[]', { ...wholeMessage, text: 'TEXT' }),
  'BODY[]': (item) => ({ ...item, name: 'BODY.PEEK[]' }),
  'BINARY[]': (item) => ({ ...item, name: 'BINARY.PEEK[]' }),
};

export function marksSeen(item: FetchItem): boolean {
  return Object.hasOwn(seenForms, item.name);
}

function peeking(item: FetchItem): FetchItem {
  return seenForms[item.name]?.(item) ?? item;
}

/** `BODY[]` and `BODY.PEEK[]` without section. */
function isWholeBody(item: FetchItem): boolean {
  if (item.name === 'RFC822') return true;
  if (item.name !== 'BODY[]' && item.name !== 'BODY.PEEK[]') return false;
  return isEmpty(item.section) && item.partial === undefined;
}

function isEmpty(section: Section | undefined): boolean {
  return section === undefined || (section.part.length === 0 && section.text === undefined);
}

/** The name under which `item` is answered; two items with one key have one answer. */
export function answerKey(item: FetchItem): string {
  const name = item.name.replace('.PEEK[]', '[]');
  return JSON.stringify([name, item.section, item.partial]);
}

function distinct(items: readonly FetchItem[]): readonly FetchItem[] {
  if (items.length < 2) return items;
  const seen = new Set<string>();
  return items.filter((item) => {
    const key = JSON.stringify(item);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** What two forms of one question want as names of the answer. */
function namesOf(items: readonly FetchItem[], old: string, is: (item: FetchItem) => boolean, name: string): string[] {
  const names: string[] = [];
  if (items.some((item) => item.name !== old && is(item))) names.push(name);
  if (items.some((item) => item.name === old)) names.push(old);
  return names.length === 0 ? [name] : names;
}

function isTextBody(item: FetchItem): boolean {
  if (item.name !== 'BODY[]' && item.name !== 'BODY.PEEK[]') return false;
  return item.section?.text === 'TEXT' && item.section.part.length === 0 && item.partial === undefined;
}

export function editOf(items: readonly FetchItem[], cut: readonly string[]): Edit {
  const whole = namesOf(items, 'RFC822', isWholeBody, 'BODY[]');
  const text = namesOf(items, 'RFC822.TEXT', isTextBody, 'BODY[TEXT]');
  const none = cut.length === 0 && whole.join() === 'BODY[]' && text.join() === 'BODY[TEXT]';
  return { cut: new Set(cut), whole, text, none };
}
const noEdit: Edit = editOf([], []);
const onlyUidCut: Edit = editOf([], ['UID']);

export function needsOf(items: readonly FetchItem[]): ItemClass {
  let needs: ItemClass = 'free';
  for (const item of items) {
    const of = itemClass(item);
    if (of === 'content') return 'content';
    if (of === 'metadata') needs = 'metadata';
  }
  return needs;
}

/** The UIDs that a request names one by one or in ranges; undefined when they are too many, or only the server knows. */
function namedUids(request: FetchRequest): number[] | undefined {
  const set = request.uid ? parseSet(request.set) : undefined;
  if (set === undefined || set.some(({ last }) => last === lastOne)) return undefined;
  if (countSet(set) > limits.imapFetch.sureMessagesMax) return undefined;
  const uids: number[] = [];
  for (const { first, last } of set) for (let uid = first; uid <= last; uid += 1) uids.push(uid);
  return uids;
}

/**
 * Whether all messages of the request are named by UID and stand as originals. Such a FETCH needs no judgement, so
 * other commands need not wait for its end.
 */
export function isSure(request: FetchRequest, mailbox: Mailbox): boolean {
  const isKnown = (uid: number) => mailbox.standing(uid) === standings.original && mailbox.bytes(uid) > 0;
  return namedUids(request)?.every(isKnown) ?? false;
}

/**
 * The messages of a request of which nothing that is asked for could be answered now, so that asking is useless before
 * they are judged. Undefined when that is not sure of all.
 */
export function surelyWaiting({ request, whole, needs }: FetchPlan, mailbox: Mailbox): number[] | undefined {
  if (whole || needs !== 'content' || request.modifiers !== '') return undefined;
  // RFC 7162 §3.1: once it is asked for, the server tells it with every change, though these messages be gone.
  if (request.items.some(({ name }) => name === 'MODSEQ')) return undefined;
  const uids = namedUids(request);
  return uids?.every((uid) => mailbox.standing(uid) < standings.original) ? [...new Set(uids)] : undefined;
}

/** What follows from the items of a request alone. */
interface Shape {
  readonly needs: ItemClass;
  readonly whole: boolean;
  readonly marksSeen: boolean;
  readonly asksUid: boolean;
  /** in the client's words; the UID comes first, so that it is known before what it decides about */
  readonly own: readonly FetchItem[];
  /** the same without marking anything as read */
  readonly peeking: readonly FetchItem[];
  /** where the client did not ask for the UID, and where it is told it all the same */
  readonly edit: Edit;
  readonly editWithUid: Edit;
}

/** Clients ask for the same items again and again, and get them parsed as the same value. */
const shapes = new WeakMap<readonly FetchItem[], Shape>();

function shapeOf(items: readonly FetchItem[]): Shape {
  const known = shapes.get(items);
  if (known !== undefined) return known;
  const asked = distinct(items);
  const rest = asked.filter((item) => item.name !== 'UID');
  const shape: Shape = {
    needs: needsOf(asked),
    whole: asked.some(isWholeBody),
    marksSeen: asked.some(marksSeen),
    asksUid: rest.length < asked.length,
    own: [uidItem, ...rest],
    peeking: distinct([uidItem, ...rest.map(peeking)]),
    edit: editOf(asked, ['UID']),
    editWithUid: editOf(asked, []),
  };
  shapes.set(items, shape);
  return shape;
}

/** Of items of which at least one waits for a judgement. */
export function planFetch(request: FetchRequest, mailbox: Mailbox): FetchPlan {
  // One shape of object, made in one go: this runs for every FETCH.
  const { needs, whole, own, asksUid, peeking: items, marksSeen, edit: cutting, editWithUid } = shapeOf(request.items);
  if (isSure(request, mailbox)) {
    return { request, needs, sure: true, items: own, edit: noEdit, whole, marksSeen: false };
  }
  const edit = request.uid || asksUid ? editWithUid : cutting;
  return { request, needs, sure: false, items, edit, whole, marksSeen };
}

/**
 * Whether it pays to ask for the UIDs of a request before it: it names few messages, by number, and marks them as read.
 * When all of them stand as originals it can go to the server in the client's words, and one answer then tells content
 * and flags, as it does without us.
 */
export function asksByNumber({ uid, set, items, modifiers }: FetchRequest): boolean {
  if (uid || modifiers !== '' || !shapeOf(items).marksSeen) return false;
  const numbers = parseSet(set);
  return numbers !== undefined && countSet(numbers) <= limits.imapFetch.sureMessagesMax;
}

/** Whether these messages need no judgement. */
export function areOriginals(uids: readonly number[], mailbox: Mailbox): boolean {
  return uids.every((uid) => mailbox.standing(uid) === standings.original && mailbox.bytes(uid) > 0);
}

/** For messages that all stand as originals. What does not after all is judged and asked for as ever. */
export function planKnown(request: FetchRequest): FetchPlan {
  const { needs, whole, own, asksUid } = shapeOf(request.items);
  return { request, needs, sure: false, items: own, edit: asksUid ? noEdit : onlyUidCut, whole, marksSeen: false };
}

/**
 * How much an item of an answer tells. No server writes as a literal what says nothing of the content, so such a
 * literal is content under another name.
 */
export function classOf(item: ResponseItem): ItemClass {
  const of = responseClass(item);
  return of === 'free' && (item.form === 'literal' || item.form === 'literal8') ? 'content' : of;
}

/** A whole message, as the server answers for it. */
export function isWholeAnswer(item: ResponseItem): boolean {
  if (item.name === 'RFC822') return true;
  return item.name === 'BODY[]' && item.section === '' && item.origin === undefined;
}
