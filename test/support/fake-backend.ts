/** A backend that answers as a test tells it to: at once, late, wrong or never. */
import type { PartFacts } from '../../src/inspect/report.js';
import type { Answer, Backend, FallbackCause, PartContent } from '../../src/scoring/backend.js';

export class FakeBackend implements Backend {
  readonly name: string;
  version = '1';
  cacheable = true;
  opensArchives = false;
  /** digests that were asked by content, in order */
  readonly scanned: string[] = [];
  readonly closed: string[] = [];
  /** replaces the answer of the next scans */
  script: (part: PartFacts, content: PartContent, signal: AbortSignal) => Answer | Promise<Answer>;
  readonly #known = new Map<string, number>();

  constructor(name = 'fake') {
    this.name = name;
    this.script = (part) => this.answer(this.#known.get(part.sha256) ?? 0);
  }

  /** Makes the file known; every other one scores 0. */
  know(part: PartFacts, score: number): this {
    this.#known.set(part.sha256, score);
    return this;
  }

  answer(score: number): Answer {
    return {
      kind: 'score',
      backend: this.name,
      score,
      name: score > 0 ? 'Fake.Threat' : '',
      engine: `${this.name}/${this.version}`,
    };
  }

  none(cause: FallbackCause, detail = 'scripted'): Answer {
    return { kind: 'none', backend: this.name, cause, detail };
  }

  async lookup(): Promise<Answer | undefined> {
    return undefined;
  }

  async score(part: PartFacts, content: PartContent, signal: AbortSignal): Promise<Answer> {
    this.scanned.push(part.sha256);
    if (signal.aborted) return this.none('verdict-timeout', 'aborted');
    try {
      let bytes = 0;
      for await (const chunk of content.read(signal)) bytes += chunk.length;
      return bytes === content.bytes
        ? await this.script(part, content, signal)
        : this.none('unscannable', 'short content');
    } catch (error) {
      return this.none('backend-unavailable', String(error));
    }
  }

  health(): { readonly up: boolean; readonly detail: string } {
    return { up: true, detail: 'scripted' };
  }

  async close(): Promise<void> {
    this.closed.push('closed');
  }
}
