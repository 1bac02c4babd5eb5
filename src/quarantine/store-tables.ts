/** The tables of held mail, which the parts of the store share, and the two things that all of them do with them. */
import { GateError } from '../runtime/errors.js';
import { AdministratorTable } from './administrator-table.js';
import { AnswerTable, type RequestAnswer } from './answer-table.js';
import { AuditTable } from './audit.js';
import type { Database } from './database.js';
import { IncidentTable } from './incident-table.js';
import type { Item } from './item.js';
import { ItemTable } from './item-table.js';
import { OutboxTable } from './outbox-table.js';
import { recipientActor, TokenTable } from './token-table.js';

export class StoreTables {
  readonly items: ItemTable;
  readonly incidents: IncidentTable;
  readonly outbox: OutboxTable;
  readonly tokens: TokenTable;
  readonly administrators: AdministratorTable;
  readonly answers: AnswerTable;
  readonly audit: AuditTable;
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
    this.items = new ItemTable(database);
    this.incidents = new IncidentTable(database);
    this.outbox = new OutboxTable(database);
    this.tokens = new TokenTable(database);
    this.administrators = new AdministratorTable(database);
    this.answers = new AnswerTable(database);
    this.audit = new AuditTable(database);
  }

  /** IMMEDIATE takes the write lock before the first read, so that what was read still holds when it is written. */
  write<Result>(work: () => Result): Result {
    return this.#database.transaction(work).immediate();
  }

  /** Throws `not-found`. */
  item(id: string): Item {
    const item = this.items.get(id);
    if (item === undefined) throw new GateError('not-found', `no item ${id} in the quarantine`, { temporary: false });
    return item;
  }

  /**
   * Everybody who asked for this item is owed an answer, but whoever brought it about himself. Whoever got it before
   * the release failed for others is told so, and not what ended it for them.
   */
  answerRequests(item: string, answer: RequestAnswer, reason: string | undefined, actor: string, at: number): void {
    const deliveries = this.items.deliveries(item).filter(({ status }) => status === 'delivered');
    const served = new Set(deliveries.map(({ address }) => address));
    for (const { recipient } of this.tokens.requestsOf(item)) {
      if (recipient === undefined || actor === recipientActor(recipient)) continue;
      if (served.has(recipient)) this.answers.owe(item, recipient, 'released', undefined, at);
      else this.answers.owe(item, recipient, answer, reason, at);
    }
  }
}
