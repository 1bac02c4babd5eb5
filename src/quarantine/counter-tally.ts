/** What was counted since the store was told: a few numbers in memory, so that mail itself costs no write and no promise. */
import { type CounterProtocol, type CounterWord, counterProtocols } from './counter-names.js';

/** The sums of one protocol. */
export class ProtocolTally {
  sums: Partial<Record<CounterWord, number>> = {};

  add(word: CounterWord, count = 1): void {
    this.sums[word] = (this.sums[word] ?? 0) + count;
  }
}

export class CounterTally {
  readonly #protocols = new Map<CounterProtocol, ProtocolTally>(
    counterProtocols.map((protocol) => [protocol, new ProtocolTally()]),
  );
  readonly #listeners = new Map<string, ProtocolTally>();
  /** of a listener that nobody named; its counts go nowhere */
  readonly #nowhere = new ProtocolTally();

  /** @param protocols of every listener by its name */
  constructor(protocols: Readonly<Record<string, CounterProtocol>>) {
    for (const [listener, protocol] of Object.entries(protocols)) {
      const sums = this.#protocols.get(protocol);
      if (sums !== undefined) this.#listeners.set(listener, sums);
    }
  }

  of(listener: string): ProtocolTally {
    return this.#listeners.get(listener) ?? this.#nowhere;
  }

  /** Everything counted so far, by stored name, and begins anew; undefined when nothing was. */
  take(): Record<string, number> | undefined {
    const taken: Record<string, number> = {};
    for (const [protocol, tally] of this.#protocols) {
      for (const [word, value] of Object.entries(tally.sums)) if (value !== 0) taken[`${protocol}.${word}`] = value;
      tally.sums = {};
    }
    return Object.keys(taken).length === 0 ? undefined : taken;
  }
}
