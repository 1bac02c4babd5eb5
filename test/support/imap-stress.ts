/**
 * Clients that do anything at any time to one mailbox they share, each holding the server to what it said before:
 * numbers that exist, UIDs that stay, an EXPUNGE only where it may be (RFC 9051 §7.5.1), content that never changes.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ImapAnswer, ImapClient, type OutgoingPiece } from './imap-client.js';
import { bytesOf, fetchItemsOf, type ImapResponse, numberIn, valuesOf } from './imap-values.js';

/** Numbers below `below`, the same for the same seed. */
export type Random = (below: number) => number;

export function randomFrom(seed: number): Random {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const digestOf = (bytes: Buffer) => createHash('sha1').update(bytes).digest('hex');
const nothing = digestOf(Buffer.alloc(0));

/** What all clients know of the messages, by UID. */
export class SharedContent {
  readonly problems: string[] = [];
  commands = 0;
  readonly #digests = new Map<number, string>();
  readonly #sizes = new Map<number, number>();

  content(uid: number, bytes: Buffer): void {
    this.#same(this.#digests, uid, digestOf(bytes), 'content');
    this.#same(this.#sizes, uid, bytes.length, 'size');
  }

  size(uid: number, size: number): void {
    this.#same(this.#sizes, uid, size, 'size');
  }

  /** messages whose content somebody has read */
  get read(): number {
    return this.#digests.size;
  }

  #same<T>(known: Map<number, T>, uid: number, value: T, what: string): void {
    const before = known.get(uid);
    // Dovecot says that what another client has expunged a moment ago is empty.
    if (value === 0 || value === nothing) return;
    if (before === undefined) known.set(uid, value);
    else if (before !== value) this.problems.push(`UID ${uid}: ${what} ${String(before)} has become ${String(value)}`);
  }
}

export interface StressOptions {
  readonly user: string;
  readonly password: string;
  /** what is appended now and then */
  readonly mails: readonly Buffer[];
  readonly seed: number;
  readonly watch?: (chunk: Buffer) => void;
}

/** in the mailbox, before some are deleted */
const messagesMax = 100;

/** While one of these is under way sequence numbers must not shift. */
const holdsNumbers = /^(?:FETCH|STORE|SEARCH|SORT) /;

export class StressClient {
  readonly #shared: SharedContent;
  readonly #options: StressOptions;
  readonly #random: Random;
  readonly #client: ImapClient;
  readonly #trace: string[] = [];
  /** UID of each message by sequence number less one, as far as known */
  #uids: (number | undefined)[] = [];

  private constructor(client: ImapClient, shared: SharedContent, options: StressOptions) {
    this.#client = client;
    this.#shared = shared;
    this.#options = options;
    this.#random = randomFrom(options.seed);
  }

  static async login(port: number, shared: SharedContent, options: StressOptions): Promise<StressClient> {
    const watch = options.watch === undefined ? {} : { watch: options.watch };
    const client = await ImapClient.login(port, options.user, options.password, watch);
    const stress = new StressClient(client, shared, options);
    await stress.#select();
    return stress;
  }

  /** Until it is `done`, one thing after another. What goes wrong ends it, and is written down. */
  async run(done: () => boolean): Promise<void> {
    try {
      while (!done()) await this.#act();
    } catch (error) {
      const last = this.#trace.slice(-3).join(' | ');
      this.#shared.problems.push(`client ${this.#options.seed}: ${(error as Error).message}, after ${last}`);
    }
  }

  /** UID and flags of all messages, as this client is told. */
  async view(): Promise<string[]> {
    await this.#command('NOOP');
    const answer = await this.#command('FETCH 1:* (UID FLAGS)');
    const flags = (response: ImapResponse) => {
      const value = fetchItemsOf(response).get('FLAGS');
      const items = value?.kind === 'list' ? value.items : [];
      return items.flatMap((item) => (item.kind === 'atom' && item.text !== '\\Recent' ? [item.text] : [])).sort();
    };
    return answer.untagged
      .filter(({ name }) => name === 'FETCH')
      .map((response) => `${numberIn(fetchItemsOf(response).get('UID'))} ${flags(response).join(' ')}`);
  }

  destroy(): void {
    this.#client.destroy();
  }

  #problem(what: string): void {
    this.#shared.problems.push(`client ${this.#options.seed}, in ${this.#trace.at(-1) ?? ''}: ${what}`);
  }

  async #command(...pieces: readonly OutgoingPiece[]): Promise<ImapAnswer> {
    const line = pieces.map((piece) => (typeof piece === 'string' ? piece : '{…}')).join('');
    this.#trace.push(line);
    this.#shared.commands += 1;
    const answer = await this.#client.command(...pieces);
    if (line.startsWith('SELECT')) this.#uids = [];
    this.#learn(answer.untagged, !holdsNumbers.test(line));
    if (answer.status === 'BAD') this.#problem(`BAD ${answer.text}`);
    // What another client has expunged cannot be had any more; everything else is there.
    if (answer.status === 'NO' && !/expunge|no longer|some .*messages/i.test(answer.tagged.raw.toString('latin1'))) {
      this.#problem(`NO ${answer.text}`);
    }
    return answer;
  }

  #learn(responses: readonly ImapResponse[], mayExpunge: boolean): void {
    for (const response of responses) {
      const { name, number = 0 } = response;
      if (name === 'EXISTS') this.#grow(number);
      else if (name === 'EXPUNGE') this.#expunge(number, mayExpunge);
      else if (name === 'FETCH') this.#fetched(number, response);
      else if (name === 'SEARCH' || name === 'SORT') this.#found(response, mayExpunge);
      else if (name === 'BYE') this.#problem('BYE');
    }
  }

  #grow(count: number): void {
    if (count < this.#uids.length) this.#problem(`${count} EXISTS where there were ${this.#uids.length}`);
    while (this.#uids.length < count) this.#uids.push(undefined);
  }

  #expunge(number: number, mayExpunge: boolean): void {
    if (!mayExpunge) this.#problem(`${number} EXPUNGE where numbers must not shift`);
    if (number < 1 || number > this.#uids.length) this.#problem(`${number} EXPUNGE of ${this.#uids.length}`);
    this.#uids.splice(number - 1, 1);
  }

  #fetched(number: number, response: ImapResponse): void {
    if (number < 1 || number > this.#uids.length) {
      this.#problem(`${number} FETCH of ${this.#uids.length}`);
      return;
    }
    const items = fetchItemsOf(response);
    const told = items.has('UID') ? numberIn(items.get('UID')) : undefined;
    const known = this.#uids[number - 1];
    if (told !== undefined && known !== undefined && told !== known) {
      this.#problem(`message ${number} had UID ${known} and has ${told}`);
    }
    const uid = told ?? known;
    this.#uids[number - 1] = uid;
    if (uid === undefined) return;
    const before = this.#uids[number - 2];
    const behind = this.#uids[number];
    if ((before ?? 0) >= uid || (behind ?? Number.MAX_SAFE_INTEGER) <= uid) this.#problem(`UID ${uid} out of order`);
    const content = bytesOf(items.get('BODY[]'));
    if (content !== undefined) this.#shared.content(uid, content);
    const size = numberIn(items.get('RFC822.SIZE'));
    if (size >= 0) this.#shared.size(uid, size);
  }

  #found(response: ImapResponse, byUid: boolean): void {
    if (byUid) return;
    const beyond = valuesOf(response)
      .map(numberIn)
      .find((number) => number > this.#uids.length);
    if (beyond !== undefined) this.#problem(`found ${beyond} of ${this.#uids.length}`);
  }

  async #select(): Promise<void> {
    await this.#command('SELECT INBOX');
  }

  /** A set of sequence numbers that exist, as far as is known. */
  #numbers(): string {
    const one = this.#random(this.#uids.length) + 1;
    const other = Math.min(this.#uids.length, one + this.#random(6));
    return this.#random(8) === 0 ? '1:*' : `${one}:${other}`;
  }

  #uidSet(): string {
    const known = this.#uids.filter((uid) => uid !== undefined);
    const one = known[this.#random(known.length || 1)] ?? 1;
    return this.#random(8) === 0 ? '1:*' : `${one}:${one + this.#random(6)}`;
  }

  #pick(list: readonly string[]): string {
    return list[this.#random(list.length)] ?? 'FLAGS';
  }

  async #act(): Promise<void> {
    const choice = this.#random(100);
    const [set, uids] = [this.#uids.length > 0 ? this.#numbers() : '', this.#uidSet()];
    if (this.#uids.length > messagesMax) await this.#thin();
    else if (choice < 12 || set === '') await this.#append();
    else if (choice < 36) await this.#command(`FETCH ${set} ${this.#pick(fetched)}`);
    else if (choice < 56) await this.#command(`UID FETCH ${uids} ${this.#pick(fetched)}`);
    else if (choice < 64) await this.#command(`STORE ${set} ${this.#pick(stored)}`);
    else if (choice < 70) await this.#command(`UID STORE ${uids} ${this.#pick(stored)}`);
    else if (choice < 72) await this.#command(`UID STORE ${uids.split(':')[0] ?? '1'} +FLAGS.SILENT (\\Deleted)`);
    else if (choice < 76) await this.#command(this.#pick(['EXPUNGE', `UID EXPUNGE ${uids}`]));
    else if (choice < 82) await this.#command(this.#pick(searched));
    else if (choice < 84) await this.#command(`COPY ${set.split(':')[0] ?? '1'} INBOX`);
    else if (choice < 87) await this.#idle();
    else if (choice < 90) await this.#select();
    else if (choice < 95) await this.#together(uids);
    else await this.#command(this.#pick(['NOOP', 'CHECK', 'LIST "" *']));
  }

  async #thin(): Promise<void> {
    const first = 1 + this.#random(messagesMax / 2);
    await this.#command(`STORE ${first}:${first + 19} +FLAGS (\\Deleted)`);
    await this.#command('EXPUNGE');
  }

  async #append(): Promise<void> {
    const mail = this.#options.mails[this.#random(this.#options.mails.length)] ?? Buffer.from('\r\n');
    await this.#command('APPEND INBOX (\\Flagged) ', { literal: mail, eager: this.#random(2) === 0 });
  }

  async #idle(): Promise<void> {
    this.#trace.push('IDLE');
    this.#shared.commands += 1;
    const tag = this.#client.newTag();
    await this.#client.send(`${tag} IDLE\r\n`);
    this.#learn(await this.#client.until((response) => response.tag === '+'), true);
    await sleep(this.#random(80));
    await this.#client.send('DONE\r\n');
    this.#learn(await this.#client.until((response) => response.tag === tag), true);
  }

  /** Commands that do not depend on numbers, in one write. */
  async #together(uids: string): Promise<void> {
    const lines = Array.from({ length: 2 + this.#random(4) }, () =>
      this.#random(3) === 0 ? 'NOOP' : `UID FETCH ${uids} ${this.#pick(fetched)}`,
    );
    this.#trace.push(lines.join(' & '));
    this.#shared.commands += lines.length;
    for (const { untagged, status, text } of await this.#client.pipeline(lines)) {
      this.#learn(untagged, true);
      if (status === 'BAD') this.#problem(`BAD ${text}`);
    }
  }
}

const fetched = [
  'FLAGS',
  'UID',
  '(UID FLAGS)',
  '(UID BODY.PEEK[])',
  '(UID RFC822.SIZE)',
  '(UID FLAGS BODY[])',
  '(ENVELOPE)',
  '(UID BODYSTRUCTURE)',
  '(BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)])',
  '(UID BODY.PEEK[TEXT]<0.30>)',
  '(FLAGS BODY[1])',
];
const stored = ['+FLAGS (\\Seen)', '-FLAGS (\\Seen)', 'FLAGS (\\Flagged)', '+FLAGS.SILENT ($Label)', '-FLAGS ($Label)'];
const searched = ['SEARCH UNSEEN', 'UID SEARCH ALL', 'SEARCH SUBJECT a', 'SORT (SUBJECT) UTF-8 ALL', 'SEARCH DELETED'];
