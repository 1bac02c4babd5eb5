/** The backend inside the gate: static rules on facts, and hash feeds. It needs neither content nor network, so it answers at once. */
import type { PartFacts } from '../inspect/report.js';
import type { Answer, Backend } from './backend.js';
import type { HashFeeds } from './hash-feed.js';
import { rulesVersion, worstRule } from './rules.js';

/** the test file as such, without anything before or behind it */
const eicarSha256 = '275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f';

export class EmbeddedBackend implements Backend {
  readonly name = 'embedded';
  /** names count too, and they are no function of the bytes */
  readonly cacheable = false;
  readonly opensArchives = false;
  readonly #feeds: () => HashFeeds;
  /** asked for twice in a row: to judge a message, and for the record of what was delivered */
  #last: { readonly part: PartFacts; readonly feeds: HashFeeds; readonly answer: Answer } | undefined;

  /** @param feeds the feeds of this moment; a reload swaps them */
  constructor(feeds: () => HashFeeds) {
    this.#feeds = feeds;
  }

  get version(): string {
    return `${rulesVersion}-${this.#feeds().version}`;
  }

  /** Always has an answer: what neither a rule nor a feed knows scores 0. */
  scoreNow(part: PartFacts): Answer {
    const feeds = this.#feeds();
    const last = this.#last;
    if (last?.part === part && last.feeds === feeds) return last.answer;
    const answer = this.#answer(part, feeds);
    this.#last = { part, feeds, answer };
    return answer;
  }

  #answer(part: PartFacts, feeds: HashFeeds): Answer {
    const rule = worstRule(part);
    let score: number = rule?.score ?? 0;
    let name = rule?.id ?? '';
    const listed = feeds.find(part);
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
