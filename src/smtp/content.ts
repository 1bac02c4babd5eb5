/**
 * The content of one transaction: received by DATA or BDAT into the spool, judged when it is whole, and only then
 * relayed with the same bytes. Knows nothing of why a message is refused; that is the handler's.
 */

import type { Spool } from '../runtime/spool.js';
import { ForbiddenByteWatch } from './control-scan.js';
import { DataReader } from './data-reader.js';
import type { Intake, Judgement, RelayOutcome, SmtpEnvelope } from './handler.js';
import { Relay, type RelayHost } from './relay.js';
import { replies } from './replies.js';
import type { Reply } from './reply.js';
import type { SessionIo, SessionServices, SessionSettings } from './session-io.js';

/** What the content asks of the session it belongs to. */
export interface ContentHost extends RelayHost {
  readonly io: SessionIo;
  readonly services: SessionServices;
  readonly settings: SessionSettings;
  reply(reply: Reply): void;
  /** The spool cannot keep up, or can again. */
  spoolPressure(full: boolean): void;
  /** A chunk that is not the last is in. */
  chunkEnded(): void;
  /** The transaction is over; go on with the next command. */
  contentEnded(): void;
  setDeadline(ms: number): void;
}

export type ContentVerb = 'DATA' | 'BDAT';
type State = 'receiving' | 'between-chunks' | 'judging' | 'relaying' | 'ended';

export class Content {
  readonly #host: ContentHost;
  readonly #verb: ContentVerb;
  readonly #spool: Spool;
  readonly #intake: Intake;
  readonly #reader = new DataReader();
  readonly #watch: ForbiddenByteWatch | undefined;
  #state: State = 'receiving';
  #tooLarge = false;
  #chunkLeft = 0;
  #lastChunk = false;
  #relay: Relay | undefined;

  /** @param binary BODY=BINARYMIME: any octet is content (RFC 3030 §3) */
  constructor(host: ContentHost, verb: ContentVerb, envelope: SmtpEnvelope, binary: boolean) {
    this.#host = host;
    this.#verb = verb;
    this.#spool = host.services.spools.create();
    this.#spool.onDrain = () => host.spoolPressure(false);
    this.#watch = verb === 'BDAT' && !binary ? new ForbiddenByteWatch() : undefined;
    this.#intake = host.services.handler.open(envelope, this.#spool);
  }

  get receiving(): boolean {
    return this.#state === 'receiving';
  }

  get relaying(): boolean {
    return this.#state === 'relaying';
  }

  get judging(): boolean {
    return this.#state === 'judging';
  }

  /** The next chunk of a BDAT message begins. */
  beginChunk(bytes: number, last: boolean): void {
    this.#state = 'receiving';
    this.#chunkLeft = bytes;
    this.#lastChunk = last;
    if (bytes === 0) this.#chunkEnded();
  }

  /** Takes content from `chunk[from]` on. Returns the index behind what it took. */
  receive(chunk: Buffer, from: number): number {
    this.#host.setDeadline(this.#host.settings.timeouts.dataMs);
    if (this.#verb === 'DATA') {
      const end = this.#reader.read(chunk, from, this.#store);
      if (end === -1) return chunk.length;
      this.#received(this.#reader.forbidden !== undefined);
      return end;
    }
    const end = Math.min(chunk.length, from + this.#chunkLeft);
    const content = chunk.subarray(from, end);
    this.#watch?.read(content);
    this.#store(content);
    this.#chunkLeft -= content.length;
    if (this.#chunkLeft === 0) this.#chunkEnded();
    return end;
  }

  readonly #store = (content: Buffer): void => {
    const max = this.#host.settings.messageBytesMax;
    if (this.#tooLarge || (max > 0 && this.#spool.length + content.length > max)) {
      this.#tooLarge = true;
      return;
    }
    const more = this.#spool.append(content);
    if (this.#spool.failure !== undefined) return;
    this.#intake.write(content);
    if (!more) this.#host.spoolPressure(true);
  };

  #chunkEnded(): void {
    if (this.#lastChunk) {
      this.#received(this.#watch?.end() !== undefined);
      return;
    }
    const refusal = this.#refusal(this.#watch?.found !== undefined);
    if (refusal !== undefined) {
      this.#refuse(refusal);
      return;
    }
    // RFC 3030 §2: the 250 of a chunk that is not the last accepts nothing.
    this.#state = 'between-chunks';
    this.#host.chunkEnded();
    this.#host.reply({ code: 250, enhanced: '2.0.0', text: 'Chunk received' });
  }

  #refusal(forbidden: boolean): Reply | undefined {
    if (forbidden) return replies.bareBytes;
    if (this.#tooLarge) return replies.sizeExceeded;
    return this.#spool.failure === undefined ? undefined : replies.spoolFull;
  }

  #refuse(refusal: Reply): void {
    const { services } = this.#host;
    if (refusal === replies.bareBytes) services.event('forbidden-byte', this.#reader.forbidden ?? this.#watch?.found);
    else if (refusal === replies.sizeExceeded) services.event('too-large');
    else services.event('spool-failed', this.#spool.failure?.message);
    this.abort(refusal.text);
    this.#host.reply(refusal);
    this.#host.abandonTransaction();
    this.#host.contentEnded();
  }

  /** All content is here. */
  #received(forbidden: boolean): void {
    const refusal = this.#refusal(forbidden);
    if (refusal !== undefined) {
      this.#refuse(refusal);
      return;
    }
    this.#state = 'judging';
    this.#host.setDeadline(this.#host.settings.timeouts.judgeMs);
    const flushed = this.#spool.flush(this.#spool.length);
    if (flushed === undefined) this.#judge();
    else flushed.then(() => this.#judge()).catch((error: unknown) => this.#failed(error));
  }

  #judge(): void {
    if (this.#state !== 'judging') return;
    const judgement = this.#intake.judge();
    if ('then' in judgement) judgement.then(this.#judged).catch((error: unknown) => this.#failed(error));
    else this.#judged(judgement);
  }

  #failed(error: unknown): void {
    if (this.#state === 'ended') return;
    if (this.#spool.failure !== undefined) {
      this.#refuse(replies.spoolFull);
      return;
    }
    this.#host.services.unexpected(error);
    // Half the content may be at the next hop, and to it our RSET would be more of it.
    if (this.#state === 'relaying') this.#host.upstreamBroken();
    else this.#answer(replies.internal);
  }

  readonly #judged = (judgement: Judgement): void => {
    if (this.#state !== 'judging') {
      if (judgement.kind === 'relay') judgement.settled({ kind: 'lost' });
      return;
    }
    if (judgement.kind === 'answer') {
      this.#answer(judgement.reply);
      return;
    }
    this.#state = 'relaying';
    const stuffed = this.#reader.stuffed;
    this.#relay = new Relay(this.#host, this.#spool, judgement.pieces, { verb: this.#verb, stuffed }, (outcome) =>
      this.#relayed(outcome, judgement.settled),
    );
    this.#relay.start();
  };

  #answer(reply: Reply): void {
    this.#end();
    this.#host.reply(reply);
    this.#host.abandonTransaction();
    this.#host.contentEnded();
  }

  #relayed(outcome: RelayOutcome, settled: (outcome: RelayOutcome) => void): void {
    this.#end();
    settled(outcome);
    this.#host.contentEnded();
  }

  /** The judgement took longer than any client waits. */
  judgeTimedOut(): void {
    this.#intake.abort('judgement timed out');
    this.#answer(replies.judgeTimeout);
  }

  /** Ends without a reply: the client left, or the transaction was dropped. */
  abort(reason: string): void {
    if (this.#state === 'ended') return;
    const relaying = this.#state === 'relaying';
    if (relaying) this.#relay?.lost();
    else this.#intake.abort(reason);
    this.#end();
  }

  #end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#spool.onDrain = undefined;
    this.#host.spoolPressure(false);
    this.#spool.release();
  }
}
