/** Reads what FETCH says of the messages of a swap: facts, and a digest of a body that is never kept. */
import { createHash, type Hash } from 'node:crypto';
import type { FetchEvent, ResponseItem, ServerEvent } from '../wire/wire.js';

/** One message as one response told it; undefined is what it did not tell. */
export interface FetchedMessage {
  readonly uid: number;
  /** as written, latin1 */
  readonly flags: readonly string[] | undefined;
  /** RFC822.SIZE, octets */
  readonly bytes: number | undefined;
  /** as written, without quotes */
  readonly internalDate: string | undefined;
  /** of BODY[] */
  readonly body: { readonly bytes: number; readonly sha256: string } | undefined;
}

/** Takes the events of one command; every message goes to `told` when its response is over. */
export class FetchFacts {
  readonly #told: (message: FetchedMessage) => void;
  #uid = 0;
  #flags: readonly string[] | undefined;
  #bytes: number | undefined;
  #internalDate: string | undefined;
  #body: FetchedMessage['body'];
  /** of the literal under way, when it is a body */
  #hash: Hash | undefined;
  #hashed = 0;

  constructor(told: (message: FetchedMessage) => void) {
    this.#told = told;
  }

  take(event: ServerEvent): void {
    if (event.kind === 'fetch') this.#clear();
    if (event.kind === 'fetch' || event.kind === 'fetch-more') this.#items(event);
    else if (event.kind === 'fetch-data') this.#data(event.bytes, event.end);
  }

  #clear(): void {
    this.#uid = 0;
    this.#flags = undefined;
    this.#bytes = undefined;
    this.#internalDate = undefined;
    this.#body = undefined;
    this.#hash = undefined;
  }

  #items(event: Extract<FetchEvent, { kind: 'fetch' | 'fetch-more' }>): void {
    const last = event.open ? event.items.at(-1) : undefined;
    for (const item of event.items) {
      if (item === last) {
        // Each piece is hashed as it comes, so that no piece of work is longer than one read of the socket.
        this.#hash = isBody(item) ? createHash('sha256') : undefined;
        this.#hashed = 0;
      } else {
        this.#item(item, event.raw);
      }
    }
    if (event.open || this.#uid === 0) return;
    this.#told({
      uid: this.#uid,
      flags: this.#flags,
      bytes: this.#bytes,
      internalDate: this.#internalDate,
      body: this.#body,
    });
  }

  #item(item: ResponseItem, raw: Buffer): void {
    const text = () => raw.toString('latin1', item.valueStart, item.valueEnd);
    if (item.name === 'UID') this.#uid = item.number;
    else if (item.name === 'RFC822.SIZE') this.#bytes = item.number;
    else if (item.name === 'INTERNALDATE') this.#internalDate = text();
    else if (item.name === 'FLAGS') this.#flags = text().replace(/[()]/g, '').split(' ').filter(Boolean);
    else if (isBody(item)) this.#body = wholeBody(item, raw);
  }

  #data(bytes: Buffer, end: boolean): void {
    if (this.#hash === undefined) return;
    this.#hash.update(bytes);
    this.#hashed += bytes.length;
    if (!end) return;
    this.#body = { bytes: this.#hashed, sha256: this.#hash.digest('hex') };
    this.#hash = undefined;
  }
}

function isBody(item: ResponseItem): boolean {
  return item.name === 'BODY[]' && item.section === '' && item.origin === undefined;
}

function wholeBody(item: ResponseItem, raw: Buffer): FetchedMessage['body'] {
  if (item.form !== 'literal' && item.form !== 'quoted') return undefined;
  const value = raw.subarray(item.valueStart, item.valueEnd);
  // RFC 9051 §9: a backslash in a quoted string stands before the character that is meant.
  const octets =
    item.form === 'quoted' ? Buffer.from(value.toString('latin1').replace(/\\(.)/g, '$1'), 'latin1') : value;
  return { bytes: octets.length, sha256: createHash('sha256').update(octets).digest('hex') };
}
