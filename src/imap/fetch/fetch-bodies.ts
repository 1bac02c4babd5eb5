/**
 * Takes whole messages that we asked for ourselves: each goes to the judge, none to the client. Also the answers of
 * which only flags are wanted.
 */
import { limits } from '../../runtime/limits.js';
import type { ExchangePort } from '../exchange.js';
import type { Intake, Ruling } from '../handler.js';
import type { FetchItem } from '../wire/wire.js';
import { type Response, type ResponsePart, reduced } from './fetch-answer.js';
import { tooLong } from './fetch-answers.js';
import {
  factsOf,
  type Handling,
  type ResponseTaker,
  structureOf,
  survey,
  wholeBytes,
  wholeValue,
} from './fetch-assembly.js';
import type { Holdings, Place } from './fetch-hold.js';
import { plainItem, uidItem, wholeItem } from './fetch-plan.js';

const internalDate = 'INTERNALDATE';

/** What a whole message is asked for with. */
export const bodyItems: readonly FetchItem[] = [uidItem, plainItem(internalDate), wholeItem];

/** Answers of which the client sees only flags. */
export class FlagTaker implements ResponseTaker {
  readonly spent = true;
  protected readonly port: ExchangePort;
  protected readonly holdings: Holdings;
  readonly #cut: ReadonlySet<string>;
  /**
   * of a response that comes in pieces, so that the client can be kept alive meanwhile. No longer than that: what the
   * server says besides would wait behind it, and with enough of that the server for the client.
   */
  #place: Place | undefined;

  /** @param cut items that the client did not ask for */
  constructor(port: ExchangePort, holdings: Holdings, cut: ReadonlySet<string>) {
    this.port = port;
    this.holdings = holdings;
    this.#cut = cut;
  }

  choose(head: Response): Handling {
    this.#place = this.holdings.reserve();
    return this.handling(head);
  }

  protected handling(_head: Response): Handling {
    return 'skip';
  }

  streamPart(_part: ResponsePart, _first: boolean): void {}

  streamData(_bytes: Buffer): void {}

  conclude(response: Response): void {
    const place = this.#place;
    this.#place = undefined;
    const flags = (reduced(response, this.#cut) ?? []).filter((piece) => Buffer.isBuffer(piece));
    if (place !== undefined) place.fill(flags);
    else for (const piece of flags) this.port.outlet.write(piece);
  }
}

export class BodyTaker extends FlagTaker {
  readonly #judged: ((uid: number, ruling: Ruling) => void) | undefined;
  /** octets of the messages taken so far */
  bytes = 0;

  /** @param judged told of every ruling. When nobody is told, what is only being written down is not waited for */
  constructor(
    port: ExchangePort,
    holdings: Holdings,
    cut: ReadonlySet<string>,
    judged?: (uid: number, ruling: Ruling) => void,
  ) {
    super(port, holdings, new Set([...cut, internalDate]));
    this.#judged = judged;
  }

  protected override handling(head: Response): Handling {
    return survey(head).whole === undefined ? 'skip' : 'hold';
  }

  override conclude(response: Response): void {
    const { uid, whole } = survey(response);
    super.conclude(response);
    const kept = response.parts.map(({ body }) => body).filter((body) => body !== undefined);
    const intake = whole === undefined || wholeBytes(whole) < 0 ? undefined : this.#intakeOf(whole);
    for (const body of kept) if (body !== intake) this.holdings.release(body);
    if (uid === 0 || (uid === undefined && whole !== undefined)) {
      if (intake !== undefined) this.holdings.release(intake);
      this.port.fail('a FETCH response that does not tell its UID');
    } else if (intake !== undefined && uid !== undefined) this.#judge(response, intake, uid);
  }

  #intakeOf(whole: Parameters<typeof wholeValue>[0]): Intake | undefined {
    this.bytes += wholeBytes(whole);
    const { part, item } = whole;
    if (part.open && item === part.items[part.items.length - 1]) return part.body;
    const intake = this.holdings.receive();
    intake.write(wholeValue(whole));
    return intake;
  }

  #judge(response: Response, intake: Intake, uid: number): void {
    const ruling = intake.judge(factsOf(response, uid));
    const done = (known: Ruling) => {
      this.holdings.release(intake);
      this.#judged?.(uid, known);
    };
    if ('then' in ruling && this.#judged === undefined && intake.recorded) this.holdings.release(intake);
    else if ('then' in ruling) this.holdings.wait(ruling, (known) => done(known ?? tooLong));
    else done(ruling);
  }
}

/** What is asked to tell mails without attachment. */
export const structureItems: readonly FetchItem[] = [uidItem, plainItem('BODYSTRUCTURE')];

/** Takes structures; the client sees nothing of them. */
export class StructureTaker extends FlagTaker {
  readonly structures = new Map<number, 'plain' | 'other'>();

  override conclude(response: Response): void {
    super.conclude(response);
    const { uid } = survey(response);
    const structure = structureOf(response);
    if (uid !== undefined && structure !== undefined) this.structures.set(uid, structure);
  }
}

const size = 'RFC822.SIZE';

/** What is asked to tell how large messages are. */
export const sizeItems: readonly FetchItem[] = [uidItem, plainItem(size)];

/** Takes sizes; the client sees nothing of them. */
export class SizeTaker extends FlagTaker {
  readonly messages: { readonly sequence: number; readonly uid: number; readonly bytes: number }[] = [];

  override conclude(response: Response): void {
    super.conclude(response);
    const { sequence, parts } = response;
    const { uid } = survey(response);
    const told = parts.flatMap(({ items }) => items).find(({ name, form }) => name === size && form === 'number');
    if (uid !== undefined && told !== undefined && this.messages.length < limits.readAhead.messagesMax) {
      this.messages.push({ sequence, uid, bytes: told.number });
    }
  }
}
