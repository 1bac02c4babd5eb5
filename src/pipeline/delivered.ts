/**
 * The files that were delivered in the last day, for feeds and rules that learn of one too late. It keeps facts, no
 * content, in memory, and asks nobody: what needs the content again cannot be found out here.
 */
import { setImmediate } from 'node:timers/promises';
import type { PartFacts } from '../inspect/report.js';
import { limits } from '../runtime/limits.js';

export interface Delivery {
  /** MessageRecord.id */
  readonly id: string;
  readonly protocol: 'smtp' | 'imap';
  readonly listener: string;
  readonly clientAddress: string;
  readonly mailFrom: string;
  readonly recipients: readonly string[];
  readonly messageId: string | undefined;
  readonly subject: string | undefined;
}

export interface DeliveredFile {
  /** the same object for all files of a message */
  readonly delivery: Delivery;
  readonly part: PartFacts;
  /** what was thought of it then by those who are asked again later */
  readonly score: number;
  /** ms since 1970 */
  readonly at: number;
}

/** What is thought of a file now, as far as that is known without its content. */
export interface Opinion {
  readonly score: number;
  readonly name: string;
}
export type OpinionOf = (part: PartFacts) => Opinion;

export interface TurnedBad {
  readonly file: DeliveredFile;
  readonly opinion: Opinion;
}

export class DeliveredFiles {
  readonly #opinionOf: OpinionOf;
  readonly #clock: () => number;
  /** oldest first; a file that was told is taken out */
  #files: DeliveredFile[] = [];

  /** @param clock milliseconds since 1970 */
  constructor(opinionOf: OpinionOf, clock: () => number) {
    this.#opinionOf = opinionOf;
    this.#clock = clock;
  }

  get count(): number {
    return this.#files.length;
  }

  note(delivery: Delivery, parts: readonly PartFacts[]): void {
    const at = this.#clock();
    const { filesPerMessage, filesMax } = limits.delivered;
    for (const part of parts.slice(0, filesPerMessage)) {
      // Not the whole tree: members are noted by themselves.
      this.#files.push({ delivery, at, score: this.#opinionOf(part).score, part: { ...part, members: [] } });
    }
    // Now and then, so that a full list does not cost a copy for each message.
    if (this.#files.length > filesMax * 1.1) this.#files = this.#files.slice(-filesMax);
  }

  /**
   * Those of which worse is thought than when they were delivered, and which count as malicious now; each is told once.
   * Files that passed for a list's or a profile's sake are not told for what was known before. Lets the event loop run
   * in between.
   */
  async recheck(isMalicious: (score: number) => boolean): Promise<TurnedBad[]> {
    const { keptMs, slice } = limits.delivered;
    const oldest = this.#clock() - keptMs;
    this.#files = this.#files.filter(({ at }) => at >= oldest);
    const looked = [...this.#files];
    const turned: TurnedBad[] = [];
    for (const [index, file] of looked.entries()) {
      if (index % slice === slice - 1) await setImmediate();
      const opinion = this.#opinionOf(file.part);
      if (opinion.score > file.score && isMalicious(opinion.score)) turned.push({ file, opinion });
    }
    const told = new Set(turned.map(({ file }) => file));
    if (told.size > 0) this.#files = this.#files.filter((file) => !told.has(file));
    return turned;
  }
}
