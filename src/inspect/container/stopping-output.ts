/** An output that remembers that a bound was reached, for openers that hand it on to decoders. */
import type { MemberAbout, MemberWriter, OpenOutput } from './opener.js';

export class StoppingOutput implements OpenOutput {
  readonly #out: OpenOutput;
  #stopped = false;

  constructor(out: OpenOutput) {
    this.#out = out;
  }

  /** A member or its bytes were refused: whatever follows would be as well. */
  get stopped(): boolean {
    return this.#stopped || this.#out.exhausted;
  }

  get bytesLeft(): number {
    return this.#out.bytesLeft;
  }

  get exhausted(): boolean {
    return this.stopped;
  }

  member(about: MemberAbout): MemberWriter | undefined {
    const writer = this.stopped ? undefined : this.#out.member(about);
    if (writer === undefined) {
      this.#stopped = true;
      return undefined;
    }
    return {
      write: (chunk) => {
        const goOn = writer.write(chunk);
        if (!goOn) this.#stopped = true;
        return goOn;
      },
      end: (flags) => writer.end(flags),
    };
  }

  async add(about: MemberAbout, content: Uint8Array): Promise<boolean> {
    if (!this.stopped && !(await this.#out.add(about, content))) this.#stopped = true;
    return !this.#stopped;
  }

  flag(flag: Parameters<OpenOutput['flag']>[0]): void {
    this.#out.flag(flag);
  }

  problem(code: Parameters<OpenOutput['problem']>[0]): void {
    this.#out.problem(code);
  }
}
