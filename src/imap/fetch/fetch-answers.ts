/**
 * Takes the server's answers to what the client asked for, and lets through of each message what its standing allows.
 * The rule looks at what a response holds, not at what was asked: a server that says more than it was asked gives
 * away no more.
 */
import { limits } from '../../runtime/limits.js';
import type { ExchangePort, Piece } from '../exchange.js';
import { type Intake, type Ruling, type StoredNotice, standings } from '../handler.js';
import { parseStored } from '../message/stored-message.js';
import type { ResponseItem } from '../wire/wire.js';
import { editedPart, fromNotice, passed, type Response, type ResponsePart, reduced } from './fetch-answer.js';
import {
  factsOf,
  type Handling,
  type ResponseTaker,
  type Survey,
  structureOf,
  survey,
  wholeBytes,
  wholeValue,
} from './fetch-assembly.js';
import type { Holdings, Place } from './fetch-hold.js';
import type { Edit, FetchPlan } from './fetch-plan.js';
import type { PendingMessage } from './message-batches.js';

/** What the exchange learns from the answers. */
export interface AnswerHost {
  readonly port: ExchangePort;
  readonly holdings: Holdings;
  readonly plan: FetchPlan;
  /** Some messages are to be asked for again: those behind them wait with them, as clients expect an order. */
  readonly waiting: boolean;
  /** messages that were answered from a notice, which has all that was asked at once */
  readonly noticed: Set<number>;
  /** The message was answered, with content or metadata. */
  served(sequence: number, uid: number): void;
  /** Nothing was answered: the message has to be judged and asked for again. */
  pend(message: PendingMessage): void;
  /** It could not be judged. */
  defer(uid: number, text: string): void;
  /** Some of it may not be answered. */
  refuse(uid: number): void;
}

/** Responses whose metadata may be seen once this is written down. */
interface ShownRun {
  readonly place: Place;
  readonly entries: { readonly response: Response; readonly uid: number }[];
}

export const tooLong: Ruling & { kind: 'defer' } = {
  kind: 'defer',
  text: 'The check of a message takes too long, try again later',
};
export const notWritten = 'The state of a message could not be written down, try again later';
const noNotice = 'The notice for a message is not at hand, try again later';

export class AnswerTaker implements ResponseTaker {
  readonly #host: AnswerHost;
  readonly #edit: Edit;
  readonly #asksFlags: boolean;
  /** what is not said of a message that is answered later */
  readonly #later: ReadonlySet<string>;
  #run: ShownRun | undefined;
  /** of the response that passes as it comes */
  #streamed = 0;
  /** of the response that is kept or read over: known before its end, so that the client can be kept alive meanwhile */
  #place: Place | undefined;
  spent = false;

  /** @param edit what is changed in the answers to this command */
  constructor(host: AnswerHost, edit: Edit) {
    this.#host = host;
    this.#edit = edit;
    const names = host.plan.request.items.map((item) => item.name).filter((name) => name !== 'UID');
    this.#asksFlags = names.includes('FLAGS');
    this.#later = new Set([...edit.cut, ...names]);
  }

  choose(head: Response): Handling {
    const handling = this.#handling(head);
    if (handling === 'stream') return handling;
    this.#place = this.#reserve();
    this.#host.holdings.asking();
    return handling;
  }

  #handling(head: Response): Handling {
    const { plan, port } = this.#host;
    const look = survey(head);
    const { uid } = look;
    if (uid === undefined || uid === 0) return 'hold';
    const standing = port.mailbox.standing(uid);
    if (standing === standings.original && !this.#differs(look, uid)) {
      if (this.#mustHold(head)) return 'hold';
      this.#streamed = uid;
      this.#host.served(head.sequence, uid);
      return 'stream';
    }
    if (standing === standings.notice || standing === standings.lateNotice) return 'skip';
    return plan.whole || look.whole !== undefined || this.#showable(head, look) ? 'hold' : 'skip';
  }

  /** A literal that is wanted twice, or not at all, cannot be passed as it comes. */
  #mustHold({ parts }: Response): boolean {
    const { none, cut, whole, text } = this.#edit;
    if (none) return false;
    return whole.length > 1 || text.length > 1 || parts.some((part) => cut.has(lastOpen(part)?.name ?? ''));
  }

  streamPart(part: ResponsePart, first: boolean): void {
    this.#endRun();
    const { port, holdings } = this.#host;
    if (!first && !this.#continues(part)) {
      port.fail('a FETCH response that changes its message');
      return;
    }
    for (const piece of editedPart(part, this.#edit, first)) if (Buffer.isBuffer(piece)) port.outlet.write(piece);
    holdings.wrote();
  }

  /** The head has decided about the message; what follows must be of the same. */
  #continues(part: ResponsePart): boolean {
    const rest = { sequence: 0, parts: [part] };
    const look = survey(rest);
    if (look.uid !== undefined && look.uid !== this.#streamed) return false;
    return !this.#differs(look, this.#streamed) && !this.#mustHold(rest);
  }

  streamData(bytes: Buffer): void {
    this.#host.port.outlet.write(bytes);
    this.#host.holdings.wrote();
  }

  conclude(response: Response): void {
    const place = this.#place;
    this.#place = undefined;
    this.spent = false;
    const look = survey(response);
    const { uid } = look;
    if (look.named === 'free') this.#put(passed(response, this.#edit), place, []);
    else if (uid === undefined || uid === 0) this.#host.port.fail('a FETCH response that does not tell its UID');
    else this.#byStanding(response, look, uid, place);
  }

  #byStanding(response: Response, look: Survey, uid: number, place: Place | undefined): void {
    const { mailbox } = this.#host.port;
    const standing = mailbox.standing(uid);
    switch (standing) {
      case standings.notice:
      case standings.lateNotice:
        this.#withNotice(response, uid, mailbox.notice(uid), standing === standings.lateNotice, place);
        return;
      case standings.original:
        if (this.#differs(look, uid)) this.#judgeOrPend(response, look, uid, place);
        else this.#pass(response, uid, place);
        return;
      case standings.metadata:
        if (look.named === 'content') this.#judgeOrPend(response, look, uid, place);
        else this.#pass(response, uid, place);
        return;
      default:
        if (this.#showable(response, look)) this.#show(response, uid, place);
        else this.#judgeOrPend(response, look, uid, place);
    }
  }

  /** Another message than the one that was judged under this UID. */
  #differs(look: Survey, uid: number): boolean {
    const known = this.#host.port.mailbox.bytes(uid);
    // A server that cannot read a message may say that it is empty. What is in it later was never judged.
    return look.whole === undefined ? known === 0 && look.filled : wholeBytes(look.whole) !== known;
  }

  #showable(response: Response, look: Survey): boolean {
    if (look.named !== 'metadata') return false;
    if (!this.#host.port.mailbox.metadataWaits) return true;
    if (this.#host.waiting) return false;
    return structureOf(response) === 'plain';
  }

  #pass(response: Response, uid: number, place?: Place): void {
    const [part] = response.parts;
    if (response.parts.length === 1 && part?.open === false) {
      this.#host.served(response.sequence, uid);
      this.#put(passed(response, this.#edit), place, []);
      return;
    }
    const bodies = bodiesOf(response);
    if (response.parts.some(({ open, body }) => open && body === undefined)) {
      this.#pend(response, uid, place);
      return;
    }
    const flushed = bodies.map((body) => body.spool.flush(body.spool.length)).filter((work) => work !== undefined);
    if (flushed.length > 0) {
      const kept = place ?? this.#reserve();
      this.#host.holdings.wait(Promise.all(flushed), (done) => {
        if (done === undefined) this.#defer(response, uid, tooLong.text, kept);
        else this.#pass(response, uid, kept);
      });
      return;
    }
    if (!response.parts.every(isComplete)) {
      this.#defer(response, uid, notWritten, place);
      return;
    }
    this.#host.served(response.sequence, uid);
    this.#put(passed(response, this.#edit), place, bodies);
  }

  #withNotice(
    response: Response,
    uid: number,
    notice: StoredNotice | Promise<StoredNotice>,
    late: boolean,
    at?: Place,
  ) {
    if ('then' in notice) {
      const place = at ?? this.#reserve();
      this.#host.holdings.wait(notice, (known) => {
        if (known === undefined) this.#defer(response, uid, noNotice, place);
        else this.#withNotice(response, uid, known, late, place);
      });
      return;
    }
    const { plan, noticed } = this.#host;
    if (noticed.has(uid)) {
      this.#put(reduced(response, this.#edit.cut) ?? [], at, []);
      this.#free(response);
      return;
    }
    noticed.add(uid);
    const { pieces, refused } = fromNotice(response, plan.request.items, parseStored(notice.bytes), this.#edit, late);
    if (refused) this.#host.refuse(uid);
    else this.#host.served(response.sequence, uid);
    this.#put(pieces ?? [], at, []);
    this.#free(response);
  }

  #judgeOrPend(response: Response, look: Survey, uid: number, at: Place | undefined): void {
    const { whole } = look;
    if (look.twice) {
      this.#free(response);
      this.#host.port.fail('a FETCH response with two whole messages');
      return;
    }
    if (whole === undefined || wholeBytes(whole) < 0 || (whole.item === lastOpen(whole.part) && !whole.part.body)) {
      this.#pend(response, uid, at);
      return;
    }
    const { holdings } = this.#host;
    const own = whole.item === lastOpen(whole.part) ? undefined : holdings.receive();
    const intake = own ?? whole.part.body;
    if (intake === undefined) return;
    own?.write(wholeValue(whole));
    const ruling = intake.judge(factsOf(response, uid));
    if (!('then' in ruling)) {
      this.#ruled(response, uid, ruling, own, at);
      return;
    }
    const place = at ?? this.#reserve(response);
    // What is passed is the response, so its copy can make room for the next one.
    if (own?.recorded === true) holdings.release(own);
    holdings.wait(ruling, (known) => this.#ruled(response, uid, known ?? tooLong, own, place));
  }

  #ruled(response: Response, uid: number, ruling: Ruling, own: Intake | undefined, place?: Place): void {
    if (own !== undefined) this.#host.holdings.release(own);
    if (ruling.kind === 'original') this.#pass(response, uid, place);
    else if (ruling.kind === 'notice') this.#withNotice(response, uid, ruling.notice, ruling.late, place);
    else this.#defer(response, uid, ruling.text, place);
  }

  #defer(response: Response, uid: number, text: string, place: Place | undefined): void {
    this.#host.defer(uid, text);
    this.#put([], place, []);
    this.#free(response);
  }

  /** What the server says of flags by itself is said now; it would not say it again. */
  #pend(response: Response, uid: number, place?: Place): void {
    this.#host.pend({ sequence: response.sequence, uid, structure: structureOf(response) });
    const flags = !this.#asksFlags && response.parts.some(({ items }) => items.some(({ name }) => name === 'FLAGS'));
    this.#put((flags ? reduced(response, this.#later) : undefined) ?? [], place, []);
    this.#free(response);
  }

  #free(response: Response): void {
    for (const body of bodiesOf(response)) this.#host.holdings.release(body);
  }

  #reserve(response?: Response): Place {
    this.#endRun();
    let bytes = 0;
    for (const { raw } of response?.parts ?? []) bytes += raw.length;
    return this.#host.holdings.reserve(bytes);
  }

  /** @param bodies whose spools are in the pieces */
  #put(pieces: readonly Piece[], place: Place | undefined, bodies: readonly Intake[]): void {
    const { holdings, port } = this.#host;
    const sent = bodies.length === 0 ? undefined : holdings.handOver(bodies);
    if (place !== undefined) {
      place.fill(pieces, sent);
      return;
    }
    if (pieces.length === 0) return;
    this.#endRun();
    holdings.wrote();
    if (sent !== undefined) port.outlet.writePieces(pieces, sent);
    else {
      for (const piece of pieces) if (Buffer.isBuffer(piece)) port.outlet.write(piece);
      this.spent = true;
    }
  }

  #show(response: Response, uid: number, place: Place | undefined): void {
    const { holdings, port } = this.#host;
    if (place !== undefined) {
      holdings.wait(written(port.mailbox.showMetadata([uid])), (done) => {
        if (done === undefined) this.#defer(response, uid, notWritten, place);
        else if (this.#isShown(uid)) this.#pass(response, uid, place);
        else this.#pend(response, uid, place);
      });
      return;
    }
    if (this.#run === undefined) {
      const run: ShownRun = { place: holdings.reserve(), entries: [] };
      this.#run = run;
      // What came in one read is written down together.
      holdings.wait(new Promise<void>((resolve) => setImmediate(resolve)), () => {
        if (this.#run === run) this.#endRun();
      });
    }
    this.#run.entries.push({ response, uid });
    if (this.#run.entries.length >= limits.imapFetch.shownTogetherMax) this.#endRun();
  }

  /** Must be called before anything else is written, so that responses stay in their order. */
  #endRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    const { holdings, port } = this.#host;
    const work = written(port.mailbox.showMetadata(run.entries.map(({ uid }) => uid)));
    holdings.wait(work, (done) => this.#shown(run, done !== undefined));
  }

  #shown({ place, entries }: ShownRun, written: boolean): void {
    const pieces: Piece[] = [];
    for (const { response, uid } of entries) {
      if (written && this.#isShown(uid)) {
        this.#host.served(response.sequence, uid);
        pieces.push(...passed(response, this.#edit));
      } else if (written) this.#host.pend({ sequence: response.sequence, uid, structure: structureOf(response) });
      else this.#host.defer(uid, notWritten);
    }
    this.#put(pieces, place, []);
  }

  /** Whether it still may be shown: others may have found the message bad meanwhile. */
  #isShown(uid: number): boolean {
    const standing = this.#host.port.mailbox.standing(uid);
    return standing === standings.metadata || standing === standings.original;
  }

  /** Something else follows in the output. */
  interrupt(): void {
    this.#endRun();
  }
}

/** Told apart from work that failed. */
function written(work: Promise<void>): Promise<true> {
  return work.then(() => true as const);
}

function lastOpen(part: ResponsePart): ResponseItem | undefined {
  return part.open ? part.items[part.items.length - 1] : undefined;
}

function bodiesOf({ parts }: Response): Intake[] {
  return parts.map(({ body }) => body).filter((body) => body !== undefined);
}

/** Whether the kept literal is all that was announced: a spool drops what it cannot write. */
function isComplete(part: ResponsePart): boolean {
  if (!part.open) return true;
  const { body } = part;
  return body !== undefined && body.spool.failure === undefined && body.spool.length === lastOpen(part)?.literalBytes;
}
