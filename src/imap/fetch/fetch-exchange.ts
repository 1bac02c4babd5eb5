/**
 * One FETCH of a client: asked of the server, answered as far as its messages are judged, and for the rest judged and
 * asked again before the command ends. Owns the order of these steps; what passes is decided in `fetch-answers.ts`.
 */
import { limits } from '../../runtime/limits.js';
import type { Exchange, ExchangePort, TaggedResponse } from '../exchange.js';
import { standings } from '../handler.js';
import type { FetchItem, FetchRequest, ServerEvent } from '../wire/wire.js';
import { type AnswerHost, AnswerTaker, notWritten } from './fetch-answers.js';
import { ResponseAssembly, type ResponseTaker } from './fetch-assembly.js';
import {
  BodyTaker,
  bodyItems,
  FlagTaker,
  SizeTaker,
  StructureTaker,
  sizeItems,
  structureItems,
} from './fetch-bodies.js';
import { Holdings } from './fetch-hold.js';
import {
  areOriginals,
  asksByNumber,
  type FetchPlan,
  needsOf,
  plainItem,
  planFetch,
  planKnown,
  surelyWaiting,
} from './fetch-plan.js';
import { formatFetch } from './fetch-request.js';
import { FinalStatus } from './fetch-status.js';
import { FreeFetch, isFetch, NumberQuestion } from './free-fetch.js';
import { batches, type PendingMessage } from './message-batches.js';

/** Runs one FETCH or UID FETCH. The mailbox must be selected. */
export function createFetchExchange(request: FetchRequest, port: ExchangePort): Exchange {
  if (needsOf(request.items) === 'free') return new FreeFetch(request, port);
  let running: JudgedFetch | NumberQuestion | undefined;
  const judge = (plan: FetchPlan) => {
    const judged = new JudgedFetch(plan, port);
    running = judged;
    judged.start();
  };
  return {
    // Planned as late as can be: commands before it may have changed what is known of the messages.
    start: () => {
      port.ahead.asked(request);
      if (!asksByNumber(request)) return judge(planFetch(request, port.mailbox));
      const question = new NumberQuestion(request, port, (uids) =>
        judge(areOriginals(uids, port.mailbox) ? planKnown(request) : planFetch(request, port.mailbox)),
      );
      running = question;
      question.start();
    },
    take: (event) => running?.take(event) ?? false,
    get spent() {
      return running instanceof JudgedFetch && running.spent;
    },
    abort: () => running?.abort(),
  };
}

class JudgedFetch implements Exchange, AnswerHost {
  readonly plan: FetchPlan;
  readonly port: ExchangePort;
  readonly holdings: Holdings;
  readonly noticed = new Set<number>();
  readonly #assembly: ResponseAssembly;
  readonly #status = new FinalStatus();
  /** takes the answers of the command under way, or of the last one */
  #taker: ResponseTaker;
  #pending = new Map<number, PendingMessage>();
  /** messages that are judged and asked for together */
  #together: number = limits.imapFetch.bodiesTogetherLeast;
  /** UIDs, and the numbers by which the client knows them */
  readonly #served = new Map<number, number>();
  /** answered not at all or not as asked */
  readonly #unserved = new Set<number>();
  /** sequence numbers do not mean any more what they meant */
  #shifted = false;
  /** stand as originals, but what the server says does not fit to what was judged */
  readonly #doubted = new Set<number>();
  #aborted: (() => void) | undefined;
  #over = false;

  constructor(plan: FetchPlan, port: ExchangePort) {
    this.plan = plan;
    this.port = port;
    this.holdings = new Holdings(port);
    this.#assembly = new ResponseAssembly(this.holdings);
    this.#taker = new AnswerTaker(this, plan.edit);
  }

  start(): void {
    const { request, items } = this.plan;
    const waiting = surelyWaiting(this.plan, this.port.mailbox);
    if (waiting !== undefined) {
      for (const uid of waiting) this.pend({ sequence: 0, uid, structure: undefined });
      this.port.supervise(this.#workOff());
      return;
    }
    this.port.send(formatFetch({ ...request, items }), (response) => {
      this.#status.add(response);
      this.#interrupt();
      const quiet = this.holdings.idle && this.#pending.size === 0;
      if (quiet && !this.#mustMarkSeen()) this.#finish();
      else this.port.supervise(this.plan.sure ? this.#waitAlone() : this.#workOff());
    });
  }

  get spent(): boolean {
    return this.#assembly.spent;
  }

  take(event: ServerEvent): boolean {
    if (this.#over) return false;
    if (isFetch(event)) {
      this.#assembly.take(event, this.#taker);
      return true;
    }
    this.#interrupt();
    // RFC 9051 §7.5.1 forbids it here; if it comes all the same, our numbers would be those of other messages.
    if (event.kind === 'data' && event.name === 'EXPUNGE' && !this.plan.request.uid) this.#shifted = true;
    return false;
  }

  #interrupt(): void {
    if (this.#taker instanceof AnswerTaker) this.#taker.interrupt();
  }

  served(sequence: number, uid: number): void {
    if (this.plan.marksSeen) this.#served.set(uid, this.plan.request.uid ? uid : sequence);
  }

  pend(message: PendingMessage): void {
    const { uid } = message;
    if (this.#unserved.has(uid)) return;
    if (this.port.mailbox.standing(uid) === standings.original) this.#doubted.add(uid);
    // A FETCH that others do not wait for has no second command.
    if (this.plan.sure || this.#shifted) this.defer(uid, stillUnjudged);
    else if (this.#pending.size >= limits.imapFetch.pendingMax) this.defer(uid, tooMany);
    else this.#pending.set(uid, message);
  }

  defer(uid: number, text: string): void {
    this.#unserved.add(uid);
    this.#status.defer(text);
  }

  get waiting(): boolean {
    return this.#pending.size > 0;
  }

  refuse(uid: number): void {
    this.#unserved.add(uid);
    this.#status.refuse();
  }

  /** What the server says now may answer another command already, which is not for us to take. */
  async #waitAlone(): Promise<void> {
    this.port.pause();
    await this.holdings.whenIdle();
    this.port.resume();
    if (!this.#over) this.#finish();
  }

  /** Everything behind the server's first answer. */
  async #workOff(): Promise<void> {
    this.holdings.asking();
    // What the client has asked for comes first: its message is here and under judgement, or has to be asked for.
    const isHere = this.#pending.size === 0;
    const judging = !isHere || !this.holdings.idle;
    if (judging && isHere) await this.#readAhead();
    await this.holdings.whenIdle();
    for (let round = 0; round < limits.imapFetch.roundsMax && this.#pending.size > 0; round += 1) {
      const all = [...this.#pending.values()];
      this.#pending = new Map();
      for (let from = 0; from < all.length && !this.#over; ) {
        const [batch] = batches(all.slice(from, from + this.#together), this.#numberOf);
        if (batch === undefined) break;
        from += batch.members.length;
        await this.#again(batch.members);
        if (this.#shifted) for (const { uid } of batch.members) this.defer(uid, stillUnjudged);
      }
    }
    if (judging && !isHere) await this.#readAhead();
    await this.holdings.whenIdle();
    // Those that could not be judged, or not be asked for.
    for (const { uid } of this.#pending.values()) this.defer(uid, stillUnjudged);
    if (!this.#over && this.#mustMarkSeen()) await this.#markSeen();
    if (!this.#over) this.#finish();
  }

  /** Judges what a client that goes through its mailbox will ask for next, while it waits for this one anyway. */
  async #readAhead(): Promise<void> {
    const { ahead, mailbox } = this.port;
    const set = this.plan.needs === 'content' ? ahead.next(mailbox) : undefined;
    if (set === undefined) return;
    const { cut } = this.plan.edit;
    const sizes = new SizeTaker(this.port, this.holdings, cut);
    let answer = await this.#command(set, sizeItems, sizes);
    const messages = answer?.status === 'OK' ? ahead.chosen(sizes.messages, mailbox) : [];
    const [batch] = batches(messages, this.#numberOf);
    if (batch !== undefined)
      answer = await this.#command(batch.set, bodyItems, new BodyTaker(this.port, this.holdings, cut));
    ahead.read(answer?.status === 'OK');
  }

  readonly #numberOf = (message: Pick<PendingMessage, 'uid' | 'sequence'>): number =>
    this.plan.request.uid ? message.uid : message.sequence;

  /** Judges messages that were not answered, and asks for them again, all in their order. */
  async #again(messages: readonly PendingMessage[]): Promise<void> {
    await this.#result(this.port.mailbox.settle(messages.map(({ uid }) => uid)));
    const unknown = messages.filter(({ uid }) => this.#doubted.has(uid) || !this.#stands(uid));
    const heavy = this.plan.needs === 'metadata' ? await this.#withAttachment(unknown) : unknown;
    const judged = await this.#judge(heavy);
    // What was not answered is gone: RFC 9051 §7.5.1 lets others expunge meanwhile.
    await this.#ask(messages.filter(({ uid }) => judged.has(uid) || this.#stands(uid)));
  }

  /** Whether what was asked of this message can be answered now. */
  #stands(uid: number): boolean {
    const standing = this.port.mailbox.standing(uid);
    return this.plan.needs === 'metadata' ? standing !== standings.unjudged : standing >= standings.original;
  }

  /** What surely has no attachment may show its metadata. Returns the others; those that are gone are in neither. */
  async #withAttachment(messages: readonly PendingMessage[]): Promise<PendingMessage[]> {
    const taker = new StructureTaker(this.port, this.holdings, this.plan.edit.cut);
    await this.#askFor(
      messages.filter(({ structure }) => structure === undefined),
      structureItems,
      taker,
    );
    const of = ({ uid, structure }: PendingMessage) => structure ?? taker.structures.get(uid);
    const plain = messages.filter((message) => of(message) === 'plain').map(({ uid }) => uid);
    if (plain.length > 0) {
      const shown = await this.#result(this.port.mailbox.showMetadata(plain).then(() => true));
      if (shown === undefined) for (const uid of plain) this.defer(uid, notWritten);
    }
    return messages.filter((message) => of(message) === 'other');
  }

  /** Takes whole messages in. Returns those that could be judged. */
  async #judge(messages: readonly PendingMessage[]): Promise<ReadonlySet<number>> {
    const judged = new Set<number>();
    const taker = new BodyTaker(this.port, this.holdings, this.plan.edit.cut, (uid, ruling) => {
      if (ruling.kind === 'defer') this.defer(uid, ruling.text);
      else judged.add(uid);
    });
    await this.#askFor(messages, bodyItems, taker);
    // Small messages go together, large ones are answered one by one.
    const { bodiesTogetherBytes, askedTogetherMax } = limits.imapFetch;
    const together = taker.bytes > bodiesTogetherBytes ? this.#together >> 1 : this.#together * 2;
    this.#together = Math.max(1, Math.min(together, askedTogetherMax));
    return judged;
  }

  /** Asks for what the client asked for. */
  async #ask(messages: readonly PendingMessage[]): Promise<void> {
    const { request, items, edit } = this.plan;
    // RFC 7162 §3.1.4.1: CHANGEDSINCE, which is not said again, asks for MODSEQ too.
    const all = /CHANGEDSINCE/i.test(request.modifiers) ? [...items, plainItem('MODSEQ')] : items;
    await this.#askFor(messages, all, new AnswerTaker(this, edit));
  }

  async #askFor(messages: readonly PendingMessage[], items: readonly FetchItem[], taker: ResponseTaker): Promise<void> {
    for (const { set } of batches(messages, this.#numberOf)) await this.#send(set, items, taker);
  }

  /** Runs a command of ours of the client's kind, and waits for all judgements that its answers need. */
  async #send(set: string, items: readonly FetchItem[], taker: ResponseTaker): Promise<void> {
    const answer = await this.#command(set, items, taker);
    if (answer !== undefined) this.#status.add(answer);
    await this.holdings.whenIdle();
  }

  /** As `#send`, without waiting for judgements, and whatever the answer is. */
  async #command(set: string, items: readonly FetchItem[], taker: ResponseTaker): Promise<TaggedResponse | undefined> {
    if (this.#over || this.#shifted) return undefined;
    this.#taker = taker;
    let answer: TaggedResponse | undefined;
    const command = formatFetch({ uid: this.plan.request.uid, set, items, modifiers: '' });
    await this.#until(
      new Promise<void>((resolve) => {
        this.port.send(command, (response) => {
          answer = response;
          this.#interrupt();
          resolve();
        });
      }),
    );
    return answer;
  }

  /** What somebody else works on; undefined when that fails or takes too long. */
  async #result<T>(work: Promise<T>): Promise<T | undefined> {
    let result: T | undefined;
    await this.#until(
      new Promise<void>((resolve) => {
        this.holdings.wait(work, (value) => {
          result = value;
          resolve();
        });
      }),
    );
    return result;
  }

  /** Waits, but not beyond the end of the connection. */
  #until(work: Promise<unknown>): Promise<unknown> {
    const end = new Promise<void>((resolve) => {
      this.#aborted = resolve;
    });
    return this.#over ? Promise.resolve() : Promise.race([work, end]);
  }

  #mustMarkSeen(): boolean {
    return this.plan.marksSeen && this.#served.size > 0;
  }

  /** Reads nothing of what was served, in the way that marks it as read if the server would have done so. */
  async #markSeen(): Promise<void> {
    const served = [...this.#served].filter(([uid]) => !this.#unserved.has(uid));
    const numbers = served.map(([, number]) => number).sort((a, b) => a - b);
    for (const { set } of batches(numbers, (number) => number)) {
      await this.#send(set, [emptyHeader], new FlagTaker(this.port, this.holdings, this.plan.edit.cut));
    }
  }

  #finish(): void {
    this.#over = true;
    this.holdings.end();
    this.port.finish(this.#status.line());
  }

  abort(): void {
    this.#over = true;
    this.holdings.end();
    this.#aborted?.();
  }
}

const tooMany = 'Too many messages are to be checked at once, ask for fewer or ask again';
const stillUnjudged = 'A message could not be checked, try again later';
const emptyHeader = plainItem('BODY[]', { part: [], text: 'HEADER.FIELDS', fields: ['X-Sluice-None'] });
