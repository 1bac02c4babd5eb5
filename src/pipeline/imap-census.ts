/**
 * Which mailboxes have many more rows than messages, and forgetting the rows of messages that are gone. A mailbox is
 * found to be one when it is opened, and the server is asked what is left when it is opened the next time. One at a
 * time: the answer for a large mailbox takes some memory, and nobody is in a hurry.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Census, LeftUids, MailboxIdentity } from '../imap/handler.js';
import type { StoreAccess } from '../quarantine/store-access.js';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Logger } from '../runtime/log.js';
import type { RowOwner } from './imap-commit.js';

export interface CensusTools {
  readonly store: StoreAccess;
  readonly log: Logger;
  /** ms since 1970 */
  clock(): number;
}

interface Crowded {
  readonly id: number;
  readonly uidValidity: number;
  readonly mailboxId: string | undefined;
  /** ms since 1970 when it was asked last; undefined for never */
  readonly asked: number | undefined;
}

/** Forgets rows in memory; `keeps` says of a UID whether its row stays. */
export type RetainRows = (mailbox: number, keeps: (uid: number) => boolean) => Promise<void>;

export class ImapCensus {
  readonly #tools: CensusTools;
  readonly #retain: RetainRows;
  /** by owner and name, the oldest first */
  readonly #crowded = new Map<string, Crowded>();
  #running = false;

  constructor(tools: CensusTools, retain: RetainRows) {
    this.#tools = tools;
    this.#retain = retain;
  }

  /** @param owner server and user, as JSON; @param messages how many the server says that there are */
  counted(owner: string, identity: MailboxIdentity, { id, rows }: RowOwner, messages: number): void {
    const { rowsPerMessage, rowsFree, mailboxesMax } = limits.census;
    const key = keyText(owner, identity.name);
    const known = this.#crowded.get(key);
    this.#crowded.delete(key);
    if (id === undefined || rows.forgettable <= rowsPerMessage * messages + rowsFree) return;
    const { uidValidity, mailboxId } = identity;
    this.#crowded.set(key, { id, uidValidity, mailboxId, asked: known?.asked });
    if (this.#crowded.size <= mailboxesMax) return;
    for (const oldest of this.#crowded.keys()) {
      this.#crowded.delete(oldest);
      break;
    }
  }

  due(owner: string, name: string): Census | undefined {
    const key = keyText(owner, name);
    const crowded = this.#crowded.get(key);
    if (crowded === undefined || this.#running) return undefined;
    const now = this.#tools.clock();
    const { id, uidValidity, mailboxId, asked } = crowded;
    if (asked !== undefined && now - asked < limits.census.pauseMs) return undefined;
    // Also when it comes to nothing: a server that does not answer would be asked by every client that tries again.
    this.#crowded.set(key, { ...crowded, asked: now });
    this.#running = true;
    let work: Promise<void> | undefined;
    return {
      uidValidity,
      mailboxId,
      forgetOthers: (left, below) => {
        work ??= this.#forget(id, left, below);
      },
      close: () => {
        void (work ?? Promise.resolve()).finally(() => {
          this.#running = false;
        });
      },
    };
  }

  /** Never rejects: what stays is found again. */
  async #forget(id: number, left: LeftUids, below: number): Promise<void> {
    const { store, log } = this.#tools;
    let rows = 0;
    try {
      for (let after: number | undefined = 0; after !== undefined; ) {
        const { windowRows, windowPauseMs } = limits.census;
        const uids: Uint32Array = await store.call('forgettableMessages', id, after, below, windowRows);
        const gone = uids.filter((uid) => !left.has(uid));
        if (gone.length > 0) rows += await store.call('forgetMessages', id, gone);
        after = uids.length < windowRows ? undefined : uids.at(-1);
        if (after !== undefined) await sleep(windowPauseMs);
      }
      await this.#retain(id, (uid) => uid >= below || left.has(uid));
      log.info({ rows, messages: left.count }, 'rows of messages that are gone are forgotten');
    } catch (error) {
      log.warn({ rows, error: messageOf(error) }, 'rows of messages that are gone cannot be forgotten');
    }
  }
}

function keyText(owner: string, name: string): string {
  return owner + JSON.stringify(name);
}
