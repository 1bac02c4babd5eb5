/** What recipients who asked for a release still have to be told, durable from the transaction that decided it. */
import { limits } from '../runtime/limits.js';
import type { Database } from './database.js';

/** What became of a request. */
export type RequestAnswer = 'released' | 'denied' | 'deleted' | 'expired';

export interface OpenAnswer {
  readonly id: number;
  readonly item: string;
  /** address of the one who is told */
  readonly recipient: string;
  readonly answer: RequestAnswer;
  /** an administrator's words */
  readonly reason: string | undefined;
  /** ms since 1970 */
  readonly at: number;
}

interface AnswerRow extends Omit<OpenAnswer, 'reason'> {
  readonly reason: string | null;
}

export class AnswerTable {
  readonly #insert;
  readonly #open;
  readonly #mailed;

  constructor(database: Database) {
    this.#insert = database.prepare<[string, string, RequestAnswer, string | null, number]>(
      'INSERT INTO recipient_answers (item, recipient, answer, reason, at) VALUES (?, ?, ?, ?, ?)',
    );
    this.#open = database.prepare<[number], AnswerRow>(
      'SELECT id, item, recipient, answer, reason, at FROM recipient_answers WHERE mail IS NULL ORDER BY id LIMIT ?',
    );
    this.#mailed = database.prepare<[number, number]>(
      'UPDATE recipient_answers SET mail = ? WHERE id = ? AND mail IS NULL',
    );
  }

  owe(item: string, recipient: string, answer: RequestAnswer, reason: string | undefined, at: number): void {
    this.#insert.run(item, recipient, answer, reason ?? null, at);
  }

  /** The oldest that are not mailed yet. */
  open(): OpenAnswer[] {
    return this.#open.all(limits.outbox.claimMax).map((row) => ({ ...row, reason: row.reason ?? undefined }));
  }

  /** False when somebody else was faster. */
  markMailed(id: number, mail: number): boolean {
    return this.#mailed.run(mail, id).changes === 1;
  }
}
