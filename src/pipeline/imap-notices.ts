/** The notices that were asked for last, in memory: a client asks for many items of one, one after another. */
import { LRUCache } from 'lru-cache';
import type { StoredNotice } from '../imap/handler.js';
import type { StoreAccess } from '../quarantine/store-access.js';
import { GateError } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';

export class NoticeMemory {
  readonly #store: StoreAccess;
  readonly #notices = new LRUCache<number, StoredNotice>({ max: limits.imapJudge.noticesMax });

  constructor(store: StoreAccess) {
    this.#store = store;
  }

  /** @param id its row; rejects with `store-failed` or `not-found` */
  get(id: number): StoredNotice | Promise<StoredNotice> {
    return this.#notices.get(id) ?? this.#fetch(id);
  }

  async #fetch(id: number): Promise<StoredNotice> {
    const found = await this.#store.call('imapNotice', id);
    if (found === undefined) throw new GateError('not-found', `notice ${id} is not in the store`);
    const { message } = found;
    const notice = {
      item: found.item,
      bytes: Buffer.from(message.buffer, message.byteOffset, message.length),
    };
    this.#notices.set(id, notice);
    return notice;
  }
}
