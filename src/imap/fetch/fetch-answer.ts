/**
 * Makes the octets that a client gets from the parts of a server's FETCH response: passed with little changes, reduced
 * to what says nothing of a message's content, or built from a notice.
 */
import type { Piece } from '../exchange.js';
import type { Intake } from '../handler.js';
import { answerItem, type StoredMessage } from '../message/stored-message.js';
import type { FetchItem, ResponseItem } from '../wire/wire.js';
import { answerKey, classOf, type Edit } from './fetch-plan.js';
import { itemClass } from './fetch-request.js';

/** A run of items, up to a literal that came in pieces or to the end of the response. */
export interface ResponsePart {
  readonly raw: Buffer;
  readonly items: readonly ResponseItem[];
  /** the last item is a literal whose octets are not in `raw` … */
  readonly open: boolean;
  /** … but here, unless they were read over */
  readonly body: Intake | undefined;
}

/** A whole response. Its first part begins with `* n FETCH (`, its last ends with `)` and CRLF. */
export interface Response {
  readonly sequence: number;
  readonly parts: readonly ResponsePart[];
}

const space = Buffer.from(' ');
const ending = Buffer.from(')\r\n');

/** `* n FETCH (` and the items, each a list of pieces. Undefined when there are none. */
function listed(sequence: number, items: readonly (readonly Piece[])[]): Piece[] | undefined {
  if (items.length === 0) return undefined;
  const pieces: Piece[] = [Buffer.from(`* ${sequence} FETCH (`)];
  for (const [index, item] of items.entries()) {
    if (index > 0) pieces.push(space);
    pieces.push(...item);
  }
  pieces.push(ending);
  return pieces;
}

/** The item as it came. */
function itself({ raw, items, open, body }: ResponsePart, item: ResponseItem): Piece[] {
  const pieces: Piece[] = [raw.subarray(item.start, item.end)];
  if (open && item === items[items.length - 1] && body !== undefined) pieces.push(bodyOf(body));
  return pieces;
}

function bodyOf(body: Intake): Piece {
  return { spool: body.spool, start: 0, end: body.spool.length };
}

/** The names under which the client wants this item; undefined when under its own. */
export function newNames(item: ResponseItem, edit: Edit): readonly string[] | undefined {
  if (item.name !== 'BODY[]' || item.origin !== undefined) return undefined;
  const names = item.section === '' ? edit.whole : item.section.toUpperCase() === 'TEXT' ? edit.text : undefined;
  return names === undefined || (names.length === 1 && names[0]?.startsWith('BODY')) ? undefined : names;
}

/** The item under the names that the client used. */
function edited(part: ResponsePart, item: ResponseItem, edit: Edit): Piece[][] {
  const names = newNames(item, edit);
  if (names === undefined) return [itself(part, item)];
  const nameEnd = part.raw.indexOf(0x5d, item.start) + 1;
  return names.map((name) => {
    const [, ...rest] = itself(part, item);
    return [Buffer.from(name), part.raw.subarray(nameEnd, item.end), ...rest];
  });
}

/** One part with its changes; without the octets of an open literal when they are written as they come. */
export function editedPart(part: ResponsePart, edit: Edit, first: boolean): Piece[] {
  const { raw, items, body } = part;
  const quick = edit.none ? [raw] : first ? withoutUid(raw, items, edit) : undefined;
  if (quick !== undefined) return body === undefined ? quick : [...quick, bodyOf(body)];
  const kept = items.filter((item) => !edit.cut.has(item.name)).flatMap((item) => edited(part, item, edit));
  const last = items[items.length - 1];
  // Behind a literal, a space leads to the next item.
  const pieces: Piece[] = first ? [raw.subarray(0, items[0]?.start ?? raw.length - ending.length)] : [];
  for (const [index, item] of kept.entries()) {
    if (index > 0 || !first) pieces.push(space);
    pieces.push(...item);
  }
  if (!part.open) pieces.push(raw.subarray(last?.end ?? raw.length - ending.length));
  return pieces;
}

/** The common case: the UID comes first, and nothing else is to be changed. */
function withoutUid(raw: Buffer, items: readonly ResponseItem[], edit: Edit): Piece[] | undefined {
  const [uid, next] = items;
  if (uid?.name !== 'UID' || next === undefined || !edit.cut.has('UID')) return undefined;
  for (let index = 1; index < items.length; index += 1) {
    const item = items[index];
    if (item !== undefined && (edit.cut.has(item.name) || newNames(item, edit) !== undefined)) return undefined;
  }
  return [raw.subarray(0, uid.start), raw.subarray(next.start)];
}

/** The response as the client asked for it, with its literals; nothing when it did not ask for any of it. */
export function passed({ parts }: Response, edit: Edit): Piece[] {
  if (edit.cut.size > 0 && parts.every(({ items }) => items.every(({ name }) => edit.cut.has(name)))) return [];
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return editedPart(only, edit, true);
  return parts.flatMap((part, index) => editedPart(part, edit, index === 0));
}

/** Items of the server that say nothing of the content. */
function freeItems({ parts }: Response, cut: ReadonlySet<string>): { item: ResponseItem; pieces: Piece[] }[] {
  return parts.flatMap((part) =>
    part.items
      .filter((item) => classOf(item) === 'free' && !cut.has(item.name))
      .map((item) => ({ item, pieces: itself(part, item) })),
  );
}

/**
 * What a response says of the mailbox and not of the content. Undefined when that is nothing, or only the UID.
 *
 * @param cut items that the client did not ask for
 */
export function reduced(response: Response, cut: ReadonlySet<string>): Piece[] | undefined {
  const free = freeItems(response, cut);
  if (free.every(({ item }) => item.name === 'UID')) return undefined;
  return listed(
    response.sequence,
    free.map(({ pieces }) => pieces),
  );
}

export interface NoticeAnswer {
  readonly pieces: readonly Piece[] | undefined;
  /** some items were left out: pieces of a message of which the client may hold other pieces */
  readonly refused: boolean;
}

/**
 * The answer for a message that a notice stands in for.
 *
 * @param late the client may hold pieces of the original: what begins within it is refused, or the two would be joined
 */
export function fromNotice(
  response: Response,
  asked: readonly FetchItem[],
  message: StoredMessage,
  edit: Edit,
  late: boolean,
): NoticeAnswer {
  const items: (readonly Piece[])[] = freeItems(response, edit.cut).map(({ pieces }) => pieces);
  const answered = new Set<string>();
  let refused = false;
  for (const item of asked) {
    const key = answerKey(item);
    if (itemClass(item) === 'free' || answered.has(key)) continue;
    answered.add(key);
    if (late && item.partial !== undefined && item.partial.offset > 0) refused = true;
    else items.push([answerItem(message, item)]);
  }
  return { pieces: listed(response.sequence, items), refused };
}
