/** Puts the events of one FETCH response together again: held, read over, or passed on as they come. */
import { limits } from '../../runtime/limits.js';
import type { Intake, MessageFacts } from '../handler.js';
import type { FetchEvent, ResponseItem } from '../wire/wire.js';
import type { Response, ResponsePart } from './fetch-answer.js';
import { classOf, isWholeAnswer } from './fetch-plan.js';
import type { ItemClass } from './fetch-request.js';
import { surelyWithoutAttachment } from './plain-structure.js';

/**
 * What becomes of a response whose literals come in pieces.
 * stream: passed as it comes · hold: its literals are kept · skip: they are read over
 */
export type Handling = 'stream' | 'hold' | 'skip';

/** What is done with the responses of one command. */
export interface ResponseTaker {
  /** Asked once for a response that does not come at once, when its first literal was announced. */
  choose(head: Response): Handling;
  /** `first` is that of the response; literals of a part follow as data. Only for `stream`. */
  streamPart(part: ResponsePart, first: boolean): void;
  streamData(bytes: Buffer): void;
  /** The response is here, but for the literals that were read over. Not for `stream`. */
  conclude(response: Response): void;
  /** Of the response concluded last no octets are kept: they were written, copied or are not wanted. */
  readonly spent: boolean;
}

/** Where literals are kept. */
export interface Keeping {
  receive(expectedBytes?: number): Intake;
  feed(intake: Intake, bytes: Buffer): void;
}

interface Current {
  readonly sequence: number;
  readonly parts: ResponsePart[];
  readonly handling: Handling;
  body: Intake | undefined;
}

export class ResponseAssembly {
  readonly #keeping: Keeping;
  #current: Current | undefined;
  /** no octets of the event taken last are kept, but for what was written */
  spent = false;

  constructor(keeping: Keeping) {
    this.#keeping = keeping;
  }

  /** A response has begun and is not over. */
  get open(): boolean {
    return this.#current !== undefined;
  }

  take(event: FetchEvent, taker: ResponseTaker): void {
    if (event.kind === 'fetch-data') this.#data(event.bytes, event.end, taker);
    else if (event.kind === 'fetch-more') this.#part(event, taker, false);
    else if (event.open) this.#begin(event, taker);
    else {
      taker.conclude({ sequence: event.sequence, parts: [closedPart(event)] });
      this.spent = taker.spent;
    }
  }

  #begin(event: FetchEvent & { kind: 'fetch' }, taker: ResponseTaker): void {
    const { sequence } = event;
    const handling = taker.choose({ sequence, parts: [{ ...closedPart(event), open: true }] });
    this.#current = { sequence, parts: [], handling, body: undefined };
    this.#part(event, taker, true);
  }

  #part(event: FetchEvent & { kind: 'fetch' | 'fetch-more' }, taker: ResponseTaker, first: boolean): void {
    const current = this.#current;
    if (current === undefined) return;
    const { items, open } = event;
    const short = event.raw.length <= limits.imapFetch.copiedBytes;
    this.spent = short || current.handling === 'stream';
    // Around a long literal there is little else: a copy of it does not hold on to the memory of all that was read.
    const raw = short && current.handling !== 'stream' ? Buffer.from(event.raw) : event.raw;
    const keep = open && current.handling === 'hold' && current.parts.length < limits.imapFetch.heldLiteralsMax;
    current.body = keep ? this.#keeping.receive(items.at(-1)?.literalBytes) : undefined;
    const part: ResponsePart = { raw, items, open, body: current.body };
    if (current.handling === 'stream') taker.streamPart(part, first);
    else if (current.parts.length < limits.imapFetch.responsePartsMax || !open) current.parts.push(part);
    if (open) return;
    this.#current = undefined;
    if (current.handling !== 'stream') taker.conclude(current);
  }

  #data(bytes: Buffer, _end: boolean, taker: ResponseTaker): void {
    const current = this.#current;
    this.spent = true;
    if (current === undefined) return;
    if (current.handling === 'stream') taker.streamData(bytes);
    else if (current.body !== undefined) this.#keeping.feed(current.body, bytes);
  }
}

function closedPart({ raw, items }: { raw: Buffer; items: readonly ResponseItem[] }): ResponsePart {
  return { raw, items, open: false, body: undefined };
}

/** What a response tells, in one look. */
export interface Survey {
  /** undefined when the response does not tell it; 0 when it tells two */
  readonly uid: number | undefined;
  /** the most that its items tell; NIL tells something too */
  readonly named: ItemClass;
  /** something of the content is in it */
  readonly filled: boolean;
  /** it holds more than one whole message */
  readonly twice: boolean;
  /** not when the server has nothing to give */
  readonly whole: { readonly part: ResponsePart; readonly item: ResponseItem } | undefined;
}

export function survey({ parts }: Response): Survey {
  let uid: number | undefined;
  let named: ItemClass = 'free';
  let filled = false;
  let twice = false;
  let whole: Survey['whole'];
  for (const part of parts) {
    for (const item of part.items) {
      if (item.name === 'UID') {
        uid = uid === undefined || uid === item.number ? item.number : 0;
        continue;
      }
      const of = classOf(item);
      if (of === 'free') continue;
      if (named !== 'content') named = of;
      filled ||= of === 'content' && (item.literalBytes > 0 || item.valueEnd > item.valueStart) && item.form !== 'nil';
      if (item.form === 'nil' || !isWholeAnswer(item)) continue;
      twice = whole !== undefined;
      whole ??= { part, item };
    }
  }
  return { uid, named, filled, twice, whole };
}

/** Whether the BODYSTRUCTURE in it tells that there surely is no attachment; undefined when there is none. */
export function structureOf({ parts }: Response): 'plain' | 'other' | undefined {
  let found: 'plain' | 'other' | undefined;
  for (const { raw, items } of parts) {
    for (const { name, form, valueStart, valueEnd } of items) {
      if (name !== 'BODYSTRUCTURE' || found === 'other') continue;
      const plain = form === 'list' && surelyWithoutAttachment(raw.subarray(valueStart, valueEnd));
      found = plain ? 'plain' : 'other';
    }
  }
  return found;
}

/** Octets of the literal or string that is a whole message; -1 when it is neither. */
export function wholeBytes({ part, item }: NonNullable<Survey['whole']>): number {
  if (item.form === 'literal' || item.form === 'literal8') return item.literalBytes;
  return item.form === 'quoted' ? unquoted(part.raw, item).length : -1;
}

/** RFC 9051 §9 quoted: a backslash stands before what it quotes. */
function unquoted(raw: Buffer, item: ResponseItem): Buffer {
  const value = raw.subarray(item.valueStart, item.valueEnd);
  if (!value.includes(0x5c)) return value;
  const bytes: number[] = [];
  for (let at = 0; at < value.length; at += 1) {
    if (value[at] === 0x5c) at += 1;
    bytes.push(value[at] ?? 0);
  }
  return Buffer.from(bytes);
}

/** The octets of a whole message that is in the response itself. */
export function wholeValue({ part, item }: NonNullable<Survey['whole']>): Buffer {
  return item.form === 'quoted' ? unquoted(part.raw, item) : part.raw.subarray(item.valueStart, item.valueEnd);
}

/** @param uid of the response */
export function factsOf({ parts }: Response, uid: number): MessageFacts {
  let facts: MessageFacts = { uid };
  for (const { raw, items } of parts) {
    for (const item of items) {
      if (item.name === 'INTERNALDATE' && item.form === 'quoted') {
        facts = { ...facts, internalDate: raw.toString('latin1', item.valueStart, item.valueEnd) };
      } else if (item.name === 'EMAILID' && item.form === 'list') {
        facts = { ...facts, emailId: raw.toString('latin1', item.valueStart + 1, item.valueEnd - 1) };
      }
    }
  }
  return facts;
}
