/** Stands in for the session around a FETCH: an ordered way to the client, and a server that answers in chunks. */

import type {
  Exchange,
  ExchangePort,
  ExchangeTimes,
  Outlet,
  Piece,
  Reservation,
  TaggedResponse,
} from '../../src/imap/exchange.js';
import { ReadAhead } from '../../src/imap/fetch/read-ahead.js';
import type { Mailbox } from '../../src/imap/handler.js';
import { ResponseReader } from '../../src/imap/wire/response-reader.js';
import type { OutgoingCommand, ServerEvent } from '../../src/imap/wire/wire.js';

interface Entry {
  pieces: readonly Piece[] | undefined;
  sent: (() => void) | undefined;
}

/** What the client gets, in one order. */
export class RecordingOutlet implements Outlet {
  readonly entries: Entry[] = [];
  readonly received: Buffer[] = [];
  interjected = 0;
  /** the server's last response goes on */
  midResponse = false;
  open = 0;
  fills = 0;
  #draining = false;

  get backlog(): number {
    return this.entries.length;
  }

  write(bytes: Buffer): void {
    this.#add({ pieces: [bytes], sent: undefined });
  }

  writePieces(pieces: readonly Piece[], sent?: () => void): void {
    this.#add({ pieces, sent });
  }

  reserve(): Reservation {
    const entry: Entry = { pieces: undefined, sent: undefined };
    this.open += 1;
    this.#add(entry);
    return {
      fill: (pieces, sent) => {
        if (entry.pieces !== undefined) throw new Error('filled twice');
        this.open -= 1;
        this.fills += 1;
        entry.pieces = pieces;
        entry.sent = sent;
        void this.#drain();
      },
    };
  }

  interject(line: Buffer): boolean {
    const [first] = this.entries;
    if (first === undefined ? this.midResponse : first.pieces !== undefined) return false;
    this.received.push(line);
    this.interjected += 1;
    return true;
  }

  #add(entry: Entry): void {
    this.entries.push(entry);
    void this.#drain();
  }

  async #drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    for (let entry = this.entries[0]; entry?.pieces !== undefined; entry = this.entries[0]) {
      for (const piece of entry.pieces) {
        if (Buffer.isBuffer(piece)) this.received.push(piece);
        else await this.#read(piece);
      }
      this.entries.shift();
      entry.sent?.();
    }
    this.#draining = false;
  }

  async #read({ spool, start, end }: Exclude<Piece, Buffer>): Promise<void> {
    for (let at = start; at < end; ) {
      const chunk = Buffer.from(await spool.readChunk(at, end));
      this.received.push(chunk);
      at += chunk.length;
    }
  }

  /** Nothing is left to be read, however long the disk takes; a place that nobody fills is not waited for. */
  async emptied(): Promise<void> {
    for (let idle = 0; this.entries.length > 0 && idle < 200; idle = this.#draining ? 0 : idle + 1) {
      await new Promise((done) => setTimeout(done, 1));
    }
  }

  get text(): Buffer {
    return Buffer.concat(this.received);
  }
}

export interface PortOptions {
  readonly mailbox: Mailbox;
  /** what the server answers */
  readonly answer: (command: OutgoingCommand, tag: string) => Buffer;
  /** the size of the next chunk that is read */
  readonly chunk: () => number;
  readonly times?: ExchangeTimes;
  /** what FETCH commands before this one have told */
  readonly ahead?: ReadAhead;
}

export class FakePort implements ExchangePort {
  readonly outlet = new RecordingOutlet();
  readonly mailbox: Mailbox;
  readonly times: ExchangeTimes;
  readonly ahead: ReadAhead;
  readonly finished: Buffer[] = [];
  readonly failures: string[] = [];
  readonly sent: string[] = [];
  exchange: Exchange | undefined;
  paused = 0;
  pauses = 0;
  readonly #options: PortOptions;
  readonly #reader = new ResponseReader();
  readonly #waiting: { tag: string; answered: (response: TaggedResponse) => void }[] = [];
  #input: Buffer = Buffer.alloc(0);
  #tags = 0;
  #pumping = false;
  #done: (() => void) | undefined;
  readonly over = new Promise<void>((resolve) => {
    this.#done = resolve;
  });

  constructor(options: PortOptions) {
    this.mailbox = options.mailbox;
    this.times = options.times ?? { keepAliveMs: 20_000, judgeMs: 60_000 };
    this.ahead = options.ahead ?? new ReadAhead(() => 1000);
    this.#options = options;
  }

  run(exchange: Exchange): Promise<void> {
    this.exchange = exchange;
    exchange.start();
    return this.over;
  }

  send(command: OutgoingCommand, answered: (response: TaggedResponse) => void): void {
    this.#tags += 1;
    const tag = `S${this.#tags}`;
    this.sent.push(
      Buffer.concat(command.map((piece) => (Buffer.isBuffer(piece) ? piece : piece.literal))).toString('latin1'),
    );
    this.#waiting.push({ tag, answered });
    this.#input = Buffer.concat([this.#input, this.#options.answer(command, tag)]);
    this.#pump();
  }

  /** Something that the server says on its own. */
  say(bytes: Buffer): void {
    this.#input = Buffer.concat([this.#input, bytes]);
    this.#pump();
  }

  forward(event: ServerEvent): void {
    if ('raw' in event) this.outlet.write(event.raw);
  }

  pause(): void {
    this.paused += 1;
    this.pauses += 1;
  }

  resume(): void {
    this.paused -= 1;
    if (this.paused < 0) throw new Error('resumed more often than paused');
    this.#pump();
  }

  finish(status: Buffer): void {
    if (this.finished.length > 0) throw new Error('finished twice');
    this.finished.push(status);
    this.outlet.write(Buffer.concat([Buffer.from('C1 '), status]));
    this.#done?.();
  }

  fail(reason: string): void {
    this.failures.push(reason);
    this.exchange?.abort();
    this.#done?.();
  }

  supervise(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.fail(`supervised: ${error instanceof Error ? error.stack : error}`));
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      this.#read();
    });
  }

  #read(): void {
    while (this.paused === 0 && this.failures.length === 0) {
      const event = this.#reader.next();
      if (event !== undefined) this.#take(event);
      else if (this.#input.length === 0) return;
      else {
        const size = Math.max(1, this.#options.chunk());
        this.#reader.push(Buffer.from(this.#input.subarray(0, size)));
        this.#input = this.#input.subarray(size);
      }
    }
  }

  #take(event: ServerEvent): void {
    if (event.kind === 'fetch' || event.kind === 'fetch-more') this.outlet.midResponse = event.open;
    if (event.kind === 'fault') {
      this.fail(`fault ${event.fault}`);
    } else if (event.kind === 'tagged') {
      const next = this.#waiting.shift();
      if (next?.tag !== event.tag) throw new Error('an answer to nothing');
      next.answered(event);
    } else if (this.exchange?.take(event) !== true) this.forward(event);
  }
}
