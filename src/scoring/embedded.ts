/** The backend inside the gate: EICAR and hash feeds. It needs neither content nor network, so it answers at once. */
import { createHash } from 'node:crypto';
import { type PartFacts, type PartFlag, partFlags } from '../inspect/report.js';
import type { Answer, Backend } from './backend.js';
import type { HashFeeds } from './hash-feed.js';

interface Rule {
  readonly id: string;
  readonly flag: PartFlag;
  readonly score: number;
}

/** What is recognised by the facts of a part; the id is the name of the threat. */
const rules: readonly Rule[] = [{ id: 'EICAR-Test-File', flag: partFlags.eicar, score: 1 }];

const rulesVersion = createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, 8);

/** the test file as such, without anything before or behind it */
const eicarSha256 = '275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f';

export class EmbeddedBackend implements Backend {
  readonly name = 'embedded';
  readonly cacheable = true;
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
    let score = 0;
    let name = '';
    for (const rule of rules) {
      if (rule.score > score && part.flags.includes(rule.flag)) {
        score = rule.score;
        name = rule.id;
      }
    }
    const listed = this.#feeds().find(part);
    if (listed !== undefined && listed.score > score) {
      score = listed.score;
      name = listed.name;
    }
    return { kind: 'score', backend: this.name, score, name, engine: `embedded/${this.version}` };
  }

  /** By digest alone: what no feed lists is not known, whatever the rules would say of it. */
  async lookup(part: PartFacts): Promise<Answer | undefined> {
    const known = part.sha256 === eicarSha256 ? { score: 1, name: 'EICAR-Test-File' } : this.#feeds().find(part);
    if (known === undefined) return undefined;
    return { kind: 'score', backend: this.name, ...known, engine: `embedded/${this.version}` };
  }

  async score(part: PartFacts): Promise<Answer> {
    return this.scoreNow(part);
  }

  health(): { readonly up: boolean; readonly detail: string } {
    return { up: true, detail: `${this.#feeds().count} digests in feeds` };
  }

  async close(): Promise<void> {}
}
