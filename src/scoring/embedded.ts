/** The backend inside the gate: static rules on facts, and hash feeds. It needs neither content nor network, so it answers at once. */
import type { PartFacts } from '../inspect/report.js';
import type { Answer, Backend } from './backend.js';
import type { HashFeeds } from './hash-feed.js';
import { rulesVersion, worstRule } from './rules.js';

export class EmbeddedBackend implements Backend {
  readonly name = 'embedded';
  /** names count too, and they are no function of the bytes */
  readonly cacheable = false;
  readonly opensArchives = false;
  readonly #feeds: () => HashFeeds;

  /** @param feeds the feeds of this moment; a reload swaps them */
  constructor(feeds: () => HashFeeds) {
    this.#feeds = feeds;
  }

  get version(): string {
    return `${rulesVersion}-${this.#feeds().version}`;
  }

  /** Always has an answer: what neither a rule nor a feed knows scores 0. */
  scoreNow(part: PartFacts): Answer {
    const rule = worstRule(part);
    let score: number = rule?.score ?? 0;
    let name = rule?.id ?? '';
    const listed = this.#feeds().find(part);
    if (listed !== undefined && listed.score > score) {
      score = listed.score;
      name = listed.name;
    }
    return { kind: 'score', backend: this.name, score, name, engine: `embedded/${this.version}` };
  }

  async lookup(part: PartFacts): Promise<Answer> {
    return this.scoreNow(part);
  }

  async score(part: PartFacts): Promise<Answer> {
    return this.scoreNow(part);
  }

  health(): { readonly up: boolean; readonly detail: string } {
    return { up: true, detail: `${this.#feeds().count} digests in feeds` };
  }

  async close(): Promise<void> {}
}
