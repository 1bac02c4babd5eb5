/** FETCH commands for which nothing is judged: what the client asks freely, and what we ask to know its messages. */
import type { Exchange, ExchangePort } from '../exchange.js';
import type { FetchEvent, FetchRequest, ServerEvent } from '../wire/wire.js';
import { createFetchGuard } from './fetch-guard.js';
import { uidItem } from './fetch-plan.js';
import { formatFetch } from './fetch-request.js';
import { FinalStatus } from './fetch-status.js';

/** Which messages the client means by its numbers. No message loses its number while a FETCH runs (RFC 9051 §7.5.1). */
export class NumberQuestion implements Exchange {
  readonly #request: FetchRequest;
  readonly #port: ExchangePort;
  readonly #answered: (uids: readonly number[]) => void;
  readonly #guard = createFetchGuard();
  readonly #uids: number[] = [];
  #over = false;

  constructor(request: FetchRequest, port: ExchangePort, answered: (uids: readonly number[]) => void) {
    this.#request = request;
    this.#port = port;
    this.#answered = answered;
  }

  start(): void {
    // What is wrong with the set, the server says to the client's own question.
    this.#port.send(formatFetch({ ...this.#request, items: [uidItem] }), () => {
      if (!this.#over) this.#answered(this.#uids);
    });
  }

  take(event: ServerEvent): boolean {
    if (!isFetch(event)) return false;
    if (event.kind === 'fetch') {
      for (const { name, number } of event.items) if (name === 'UID') this.#uids.push(number);
    }
    const passed = this.#guard(event);
    const asked = event.kind === 'fetch' && event.items.every(({ name }) => name === 'UID');
    if (passed !== undefined && !asked) this.#port.outlet.write(passed);
    return true;
  }

  abort(): void {
    this.#over = true;
  }
}

export function isFetch(event: ServerEvent): event is FetchEvent {
  return event.kind === 'fetch' || event.kind === 'fetch-data' || event.kind === 'fetch-more';
}

/** Nothing that waits for a judgement was asked for. */
export class FreeFetch implements Exchange {
  readonly #request: FetchRequest;
  readonly #port: ExchangePort;
  readonly #guard = createFetchGuard();

  constructor(request: FetchRequest, port: ExchangePort) {
    this.#request = request;
    this.#port = port;
  }

  start(): void {
    this.#port.send(formatFetch(this.#request), (response) => {
      this.#port.finish(new FinalStatus(response).line());
    });
  }

  take(event: ServerEvent): boolean {
    if (!isFetch(event)) return false;
    const passed = this.#guard(event);
    if (passed !== undefined) this.#port.outlet.write(passed);
    return true;
  }

  abort(): void {}
}
