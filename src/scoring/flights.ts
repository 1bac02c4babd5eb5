/**
 * Scans under way: one for each digest, backend and version, however many messages wait for it. Nobody's abort ends a
 * scan that others share, and one that nobody waits for any more still fills the caches.
 */
import { limits } from '../runtime/limits.js';
import type { Answer } from './backend.js';

export class Flights {
  readonly #flights = new Map<string, Promise<Answer>>();
  readonly #controllers = new Set<AbortController>();

  get full(): boolean {
    return this.#flights.size >= limits.scoring.flightsMax;
  }

  get(key: string): Promise<Answer> | undefined {
    return this.#flights.get(key);
  }

  /** @param scan never rejects; its signal is that of the flight, not of a message */
  launch(key: string, scan: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const controller = new AbortController();
    const { flightMaxMs } = limits.scoring;
    const tooLong = () => controller.abort(new DOMException('scan took too long', 'TimeoutError'));
    const timer = setTimeout(tooLong, flightMaxMs);
    timer.unref();
    this.#controllers.add(controller);
    const flight = scan(controller.signal).finally(() => {
      clearTimeout(timer);
      this.#controllers.delete(controller);
      this.#flights.delete(key);
    });
    this.#flights.set(key, flight);
    return flight;
  }

  abort(): void {
    for (const controller of this.#controllers) controller.abort();
  }
}
