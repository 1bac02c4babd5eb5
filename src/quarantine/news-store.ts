/** What people still have to be told, in the store: administrators by digests, recipients who asked by answers. */
import type { OpenEvent } from './administrator-table.js';
import type { OpenAnswer } from './answer-table.js';
import type { Item } from './item.js';
import type { NewMail } from './outbox-table.js';
import type { StoreTables } from './store-tables.js';

export interface Digest {
  readonly administrator: string;
  readonly lastEvent: number;
  readonly listener: string;
  readonly events: readonly (OpenEvent & { readonly detail: Item })[];
  readonly omitted: number;
}

/** An answer that is owed, with the message that it is about. */
export interface DueAnswer extends OpenAnswer {
  readonly detail: Item;
}

export class NewsStore {
  readonly #tables: StoreTables;

  constructor(tables: StoreTables) {
    this.#tables = tables;
  }

  /** What the administrators who may be mailed now have to be told. */
  dueDigests(now: number): Digest[] {
    const { administrators } = this.#tables;
    return administrators.due(now).map((administrator) => {
      const open = administrators.openEvents(administrator);
      const events = open.events.map((event) => ({ ...event, detail: this.#tables.item(event.item) }));
      return {
        administrator,
        lastEvent: open.last,
        listener: events[0]?.detail.listener ?? '',
        events,
        omitted: open.count - events.length,
      };
    });
  }

  /** The digest becomes a mail and its events are told, or neither. */
  queueDigest(digest: Pick<Digest, 'administrator' | 'lastEvent'>, mail: NewMail, now: number): number {
    return this.#tables.write(() => {
      const id = this.#tables.outbox.add(mail, now);
      this.#tables.administrators.markMailed(digest.administrator, digest.lastEvent, id, now);
      return id;
    });
  }

  /** The oldest answers that are owed. */
  dueAnswers(): DueAnswer[] {
    return this.#tables.answers.open().map((answer) => ({ ...answer, detail: this.#tables.item(answer.item) }));
  }

  /** The answer becomes a mail, once. */
  queueAnswer(answer: number, mail: NewMail, now: number): void {
    this.#tables.write(() => {
      const id = this.#tables.outbox.add(mail, now);
      // Somebody else was faster: his mail is queued.
      if (!this.#tables.answers.markMailed(answer, id)) this.#tables.outbox.finish(id, 'cancelled', 'queued before');
    });
  }
}
