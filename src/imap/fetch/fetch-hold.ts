/**
 * What one FETCH holds while messages are judged: messages that are being taken in, places in the output, and waits
 * for answers of the judge. Bounds them, keeps the client alive meanwhile, and frees all of it at the end. Knows no
 * IMAP but `* OK`.
 */
import { limits } from '../../runtime/limits.js';
import type { ExchangePort, Piece, Reservation } from '../exchange.js';
import type { Intake } from '../handler.js';

/** A place in the output; filled once, also when the exchange ends early. */
export interface Place {
  fill(pieces: readonly Piece[], sent?: () => void): void;
}

interface Wait {
  /** tick at which it began */
  readonly since: number;
  readonly settle: (expired: boolean) => void;
}

const stillChecking = Buffer.from('* OK Still checking\r\n');

export class Holdings {
  readonly #port: ExchangePort;
  readonly #intakes = new Set<Intake>();
  /** on their way to the client's socket */
  readonly #leaving = new Set<Intake>();
  readonly #places = new Set<Reservation>();
  readonly #waits = new Set<Wait>();
  /** intakes that are waited for before more is read */
  #slow: Intake | undefined;
  #crowded = false;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;
  #tick = 0;
  readonly #tickMs: number;
  /** something went to the client since the last tick */
  #progress = false;
  #asking = false;
  #idle: (() => void) | undefined;

  constructor(port: ExchangePort) {
    this.#port = port;
    this.#tickMs = Math.max(1, Math.min(port.times.keepAliveMs, port.times.judgeMs));
  }

  /** Begins to take a message in; `release` ends it. */
  receive(expectedBytes?: number): Intake {
    const intake = this.#port.mailbox.receive(expectedBytes);
    this.#intakes.add(intake);
    this.#watchCrowd();
    return intake;
  }

  /** Gives the octets of a message to its intake, and stops reading while its file is behind. */
  feed(intake: Intake, bytes: Buffer): void {
    intake.write(bytes);
    if (!intake.full || this.#slow !== undefined) return;
    this.#slow = intake;
    this.#port.pause();
    intake.onDrain = () => this.#drained(intake);
  }

  #drained(intake: Intake): void {
    if (this.#slow !== intake) return;
    this.#slow = undefined;
    this.#port.resume();
  }

  release(intake: Intake): void {
    if (!this.#intakes.delete(intake)) return;
    intake.onDrain = undefined;
    this.#drained(intake);
    intake.close();
    this.#watchCrowd();
  }

  /** The outlet reads them from now on, whatever becomes of the exchange. Returns what is to be called when it has. */
  handOver(intakes: readonly Intake[]): () => void {
    for (const intake of intakes) {
      this.#intakes.delete(intake);
      this.#leaving.add(intake);
    }
    return () => {
      for (const intake of intakes) {
        if (this.#leaving.delete(intake)) intake.close();
      }
      this.#watchCrowd();
    };
  }

  /**
   * The next place in the output.
   *
   * @param bytes in memory that wait with it
   */
  reserve(bytes = 0): Place {
    const reservation = this.#port.outlet.reserve(bytes);
    this.#places.add(reservation);
    this.#watchCrowd();
    return {
      fill: (pieces, sent) => {
        if (!this.#places.delete(reservation)) return;
        if (pieces.length > 0) this.#progress = true;
        reservation.fill(pieces, sent);
        this.#watchCrowd();
      },
    };
  }

  /** Told of everything that is written past the places. */
  wrote(): void {
    this.#progress = true;
  }

  #watchCrowd(): void {
    const { heldMax, placesMax } = limits.imapFetch;
    const crowd = Math.max((this.#intakes.size + this.#leaving.size) / heldMax, this.#places.size / placesMax);
    if (!this.#crowded && !this.#ended && crowd >= 1) {
      this.#crowded = true;
      this.#port.pause();
    } else if (this.#crowded && (this.#ended || crowd <= 0.5)) {
      this.#crowded = false;
      this.#port.resume();
    }
  }

  /**
   * Waits for something that another part of the gate works on.
   * @param done called once, unless the exchange ends before; `undefined` when it failed or took too long
   */
  wait<T>(work: Promise<T>, done: (value: T | undefined) => void): void {
    const wait: Wait = {
      since: this.#tick,
      settle: () => this.#settled(wait, () => done(undefined)),
    };
    this.#waits.add(wait);
    this.#startClock();
    this.#port.supervise(
      work.then(
        (value) => this.#settled(wait, () => done(value)),
        () => this.#settled(wait, () => done(undefined)),
      ),
    );
  }

  #settled(wait: Wait, run: () => void): void {
    if (!this.#waits.delete(wait)) return;
    run();
    if (this.#waits.size === 0) this.#idle?.();
  }

  get idle(): boolean {
    return this.#waits.size === 0;
  }

  /** Resolves when nothing is waited for. At most one caller at a time. */
  async whenIdle(): Promise<void> {
    while (this.#waits.size > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    this.#idle = undefined;
  }

  /** From now on, answers come of which the client sees nothing yet. */
  asking(): void {
    this.#asking = true;
    this.#startClock();
  }

  #startClock(): void {
    if (this.#timer !== undefined || this.#ended) return;
    this.#progress = true;
    this.#timer = setInterval(() => this.#onTick(), this.#tickMs);
  }

  #onTick(): void {
    this.#tick += 1;
    for (const wait of this.#waits) {
      // One more tick, because the wait began somewhere within the first.
      if ((this.#tick - wait.since - 1) * this.#tickMs >= this.#port.times.judgeMs) wait.settle(true);
    }
    if (this.#waits.size === 0 && !this.#asking) {
      this.#stopClock();
      return;
    }
    if (!this.#progress) this.#port.outlet.interject(stillChecking);
    this.#progress = false;
  }

  #stopClock(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Frees everything that is held. Nothing is waited for any more. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopClock();
    this.#waits.clear();
    for (const reservation of this.#places) reservation.fill([]);
    this.#places.clear();
    for (const intake of [...this.#intakes]) this.release(intake);
    this.#watchCrowd();
    this.#idle?.();
  }
}
