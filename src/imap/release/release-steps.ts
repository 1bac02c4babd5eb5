/**
 * The steps that give one released message a new UID, each recorded before the next command is sent, so that a cut at
 * any octet loses nothing: the old message is removed only after this very connection has read the copy and found it
 * whole, and a copy that may have been made is looked for before another one is.
 */
import { limits } from '../../runtime/limits.js';
import type { TaggedResponse } from '../exchange.js';
import type { ReleasedCopy } from '../handler.js';
import type { OutgoingCommand } from '../wire/wire.js';
import type { SelectedForSwap, SwapPort } from './release-swap.js';
import { type FetchedMessage, FetchFacts } from './swap-fetch.js';

export interface SwapResult {
  /** gone: there was nothing left to swap; later: tried again at the next SELECT; left: the same, as the reader wants it so */
  readonly kind: 'swapped' | 'gone' | 'later' | 'left' | 'given-up';
  readonly reason: string;
  readonly copyUid: number | undefined;
}

/** Rejects when the connection is over or a step cannot be recorded. */
export async function swapOne(port: SwapPort, selected: SelectedForSwap, copy: ReleasedCopy): Promise<SwapResult> {
  if (copy.uidValidity !== selected.uidValidity) return result('given-up', 'the mailbox is another one: UIDVALIDITY');
  return new Swap(port, selected, copy).run();
}

function result(kind: SwapResult['kind'], reason = '', copyUid?: number): SwapResult {
  return { kind, reason, copyUid };
}

class Swap {
  readonly #port: SwapPort;
  readonly #selected: SelectedForSwap;
  readonly #copy: ReleasedCopy;

  constructor(port: SwapPort, selected: SelectedForSwap, copy: ReleasedCopy) {
    this.#port = port;
    this.#selected = selected;
    this.#copy = copy;
  }

  async run(): Promise<SwapResult> {
    const { uid, bytes, step } = this.#copy;
    const original = await this.#look(uid);
    if (original === 'refused') return result('later', 'the server does not say whether the message is there');
    if (original === 'absent') {
      await this.#copy.advance('done');
      return result(step === 'removing' ? 'swapped' : 'gone', '', this.#copy.copyUid);
    }
    if (original.bytes !== bytes) return result('given-up', 'the message has another size than when it was judged');
    const made = await this.#madeBefore(original);
    if (typeof made === 'number') return this.#replace(made);
    if (made !== undefined) return made;
    if (isDeleted(original) && step === 'removing') {
      // The mark is ours, and the copy that it was set for is gone: the message must not go the same way.
      const answer = await this.#store(uid, '-FLAGS.SILENT (\\Deleted)');
      if (answer.status !== 'OK') return result('later', 'the copy is gone');
    } else if (isDeleted(original)) {
      return result('left', 'the reader has marked the message as deleted');
    }
    const copied = await this.#makeCopy(original);
    return typeof copied === 'number' ? this.#replace(copied) : copied;
  }

  /** UID of a copy that an earlier run made, verified now; undefined when there is none. */
  async #madeBefore(original: FetchedMessage): Promise<number | SwapResult | undefined> {
    const { step, copyUid, uidNextBefore } = this.#copy;
    if (step === 'waiting') return undefined;
    if (copyUid !== undefined && step !== 'copying') {
      const found = await this.#verify(copyUid);
      if (found === 'refused') return result('later', 'the server does not give the copy');
      // Gone, or never what was recorded: there is nothing that could stand in for the message.
      return found === 'same' ? copyUid : undefined;
    }
    return uidNextBefore === undefined ? undefined : this.#search(uidNextBefore, original);
  }

  /** A copy keeps size and date (RFC 9051 §6.4.7), so that an equal message that was delivered meanwhile is none. */
  async #search(from: number, original: FetchedMessage): Promise<number | SwapResult | undefined> {
    const candidates: number[] = [];
    const { uid, bytes } = this.#copy;
    const facts = new FetchFacts((message) => {
      // `n:*` names the last message even when its UID is lower.
      if (message.uid < from || message.uid === uid || this.#selected.taken.has(message.uid)) return;
      if (message.bytes !== bytes || message.internalDate !== original.internalDate) return;
      if (candidates.length <= limits.releaseSwap.candidatesMax && !candidates.includes(message.uid))
        candidates.push(message.uid);
    });
    const answer = await this.#port.run([text(`UID FETCH ${from}:* (UID RFC822.SIZE INTERNALDATE)`)], (event) =>
      facts.take(event),
    );
    if (answer.status !== 'OK') return result('later', 'the server does not say what was added');
    if (candidates.length > limits.releaseSwap.candidatesMax) return result('given-up', 'too many messages look alike');
    for (const candidate of candidates.sort((left, right) => left - right)) {
      const found = await this.#verify(candidate);
      if (found === 'refused') return result('later', 'the server does not give the copy');
      if (found === 'same') return candidate;
    }
    return undefined;
  }

  async #makeCopy(original: FetchedMessage): Promise<number | SwapResult> {
    const { uid } = this.#copy;
    const before = this.#selected.uidNext;
    // What the server gives now must be what was judged, or no copy could ever be found to be one.
    const source = await this.#verify(uid);
    if (source === 'refused') return result('later', 'the server does not give the message');
    if (source === 'other') return result('given-up', 'the message is another one than was released');
    await this.#copy.advance('copying', { uidNextBefore: before });
    const answer = await this.#port.run([text(`UID COPY ${uid} `), ...this.#selected.name]);
    if (answer.status !== 'OK')
      return result(isFinal(answer) ? 'given-up' : 'later', `the server does not copy the message: ${codeOf(answer)}`);
    const told = this.#copyUid(answer);
    // RFC 4315 §3: COPYUID may be missing.
    const made = told ?? (await this.#search(before, original));
    if (made === undefined)
      return result('given-up', 'the server says that it copied the message, but there is no copy');
    if (typeof made !== 'number') return made;
    if (made < before || made === uid) return result('given-up', 'the server does not make a second copy');
    if (told !== undefined) {
      const found = await this.#verify(told);
      if (found === 'refused') return result('later', 'the server does not give the copy');
      if (found !== 'same') return result('given-up', 'the copy differs from the message', told);
    }
    return made;
  }

  /** COPYUID of one message: validity, the old UID, the new one. */
  #copyUid(answer: TaggedResponse): number | undefined {
    if (answer.code?.name !== 'COPYUID') return undefined;
    const match = /^ *(\d{1,10}) (\d{1,10}) (\d{1,10})$/.exec(answer.code.text.trimEnd());
    if (match === null) return undefined;
    const [validity, source, target] = match.slice(1).map(Number);
    return validity === this.#selected.uidValidity && source === this.#copy.uid ? target : undefined;
  }

  /** The copy stands and was verified: it takes over the flags, and the old message goes. */
  async #replace(copyUid: number): Promise<SwapResult> {
    const copy = this.#copy;
    const selected = this.#selected;
    const { uid } = copy;
    selected.taken.add(copyUid);
    selected.uidNext = Math.max(selected.uidNext, copyUid + 1);
    if (copy.step !== 'removing' || copy.copyUid !== copyUid) {
      if (copy.step !== 'copied' || copy.copyUid !== copyUid) await copy.advance('copied', { copyUid });
      await this.#carryFlags(copyUid);
      await copy.advance('removing');
    }
    const marked = await this.#store(uid, '+FLAGS.SILENT (\\Deleted)');
    if (marked.status !== 'OK') return result('given-up', `the server does not mark it as deleted: ${codeOf(marked)}`);
    // RFC 4315 §2.1: of this UID alone, whatever else is marked as deleted.
    const expunged = await this.#port.run([text(`UID EXPUNGE ${uid}`)]);
    if (expunged.status !== 'OK') {
      await this.#store(uid, '-FLAGS.SILENT (\\Deleted)');
      return result('given-up', `the server does not remove it: ${codeOf(expunged)}`, copyUid);
    }
    if ((await this.#look(uid)) !== 'absent') return result('later', 'the server has not removed it yet', copyUid);
    await copy.advance('done');
    return result('swapped', '', copyUid);
  }

  /** What changed since the copy was made, and what the server did not copy. \Deleted too: what the reader deletes stays deleted. */
  async #carryFlags(copyUid: number): Promise<void> {
    const [before, after] = [await this.#look(this.#copy.uid), await this.#look(copyUid)];
    if (typeof before === 'string' || typeof after === 'string') return;
    const known = new Set((after.flags ?? []).map((flag) => flag.toLowerCase()));
    const missing = (before.flags ?? []).filter(
      (flag) => flag.toLowerCase() !== '\\recent' && !known.has(flag.toLowerCase()),
    );
    // A server that refuses has its reasons; the message itself matters more.
    if (missing.length > 0) await this.#store(copyUid, `+FLAGS.SILENT (${missing.join(' ')})`);
  }

  /** Reads the whole copy. */
  async #verify(uid: number): Promise<'same' | 'other' | 'refused'> {
    const { bytes, sha256 } = this.#copy;
    let found: FetchedMessage | undefined;
    const facts = new FetchFacts((message) => {
      if (message.uid === uid && message.body !== undefined) found = message;
    });
    const answer = await this.#port.run([text(`UID FETCH ${uid} (UID BODY.PEEK[])`)], (event) => facts.take(event));
    if (answer.status !== 'OK') return 'refused';
    return found?.body?.bytes === bytes && found.body.sha256 === sha256 ? 'same' : 'other';
  }

  async #look(uid: number): Promise<FetchedMessage | 'absent' | 'refused'> {
    let found: FetchedMessage | undefined;
    const facts = new FetchFacts((message) => {
      if (message.uid === uid && message.bytes !== undefined) found = message;
    });
    const command = `UID FETCH ${uid} (UID FLAGS RFC822.SIZE INTERNALDATE)`;
    const answer = await this.#port.run([text(command)], (event) => facts.take(event));
    return answer.status === 'OK' ? (found ?? 'absent') : 'refused';
  }

  #store(uid: number, change: string): Promise<TaggedResponse> {
    return this.#port.run([text(`UID STORE ${uid} ${change}`)]);
  }
}

const text = (command: string): OutgoingCommand[number] => Buffer.from(command, 'latin1');

const isDeleted = (message: FetchedMessage): boolean =>
  message.flags?.some((flag) => flag.toLowerCase() === '\\deleted') === true;

/** RFC 5530: what no later attempt changes. A full mailbox may have room again. */
const isFinal = (answer: TaggedResponse): boolean =>
  answer.status === 'BAD' || answer.code?.name === 'CANNOT' || answer.code?.name === 'NOPERM';

/** For the log: the response code, as the text beside it is the server's own. */
const codeOf = (answer: TaggedResponse): string => answer.code?.name ?? answer.status;
