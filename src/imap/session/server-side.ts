/** What the server says, one event after the other: to the command that it belongs to, or by the rules of untagged.ts. */
import type { Passing } from '../../runtime/read-memory.js';
import type { Greeting } from '../upstream-greeting.js';
import { ResponseReader } from '../wire/response-reader.js';
import type { ServerEvent } from '../wire/wire.js';
import { announcedCapabilities, capabilityNames, listedNames } from './capability.js';
import type { ImapSession } from './session.js';
import { statusLine } from './status-line.js';
import { passedUntagged, type UntaggedEvent } from './untagged.js';

/** of a response's name, for the log */
const nameCharacters = 32;

/** Once one of these is enabled, names of mailboxes are UTF-8 (RFC 6855 §3, RFC 9051 §5.1). */
const utf8Extensions = new Set(['UTF8=ACCEPT', 'IMAP4REV2']);

export class ServerSide implements Passing {
  readonly #session: ImapSession;
  readonly #reader = new ResponseReader();
  #capabilities: readonly string[] = [];
  #pauses = 0;
  /** somebody may keep octets of the memory that is read into, also such as waited in it to be understood */
  #kept = false;
  /** the server's last FETCH response goes on */
  midResponse = false;
  /** it has said that it will close the connection */
  saidBye = false;
  /** names of mailboxes are UTF-8 */
  utf8 = false;
  bytes = 0;

  constructor(session: ImapSession) {
    this.#session = session;
  }

  add(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.#reader.push(chunk);
  }

  /** Takes all that may be taken now. */
  run(): void {
    const session = this.#session;
    while (session.phase === 'commands' && !this.held) {
      const event = this.#reader.next();
      if (event === undefined) return;
      this.#take(event);
    }
  }

  get passed(): boolean {
    return !this.#kept;
  }

  renew(): void {
    this.#kept = false;
  }

  get rest(): number {
    return this.#reader.buffered;
  }

  moveRest(memory: Buffer): void {
    this.#reader.moveRest(memory);
  }

  get more(): boolean {
    return this.#session.answers.queue.unanswered;
  }

  get waiting(): boolean {
    return this.#session.outlet.waiting;
  }

  /** Nothing more is to be read: a command has to catch up, or the client, who may be at its handshake. */
  get held(): boolean {
    return this.#pauses > 0 || this.#session.phase === 'tls' || this.#session.outletFull;
  }

  /** Whether a command of ours is what is waited for, not the server. */
  get paused(): boolean {
    return this.#pauses > 0;
  }

  /** Counted: as many calls of `resume` are needed. */
  pause(): void {
    this.#pauses += 1;
  }

  resume(): void {
    this.#pauses -= 1;
    if (this.#pauses === 0) this.#session.wake();
  }

  /**
   * The greeting as the client gets it.
   * @param learned what the server has announced since TLS with it stands; what it said before is repeated to nobody
   */
  greeting(greeting: Greeting, learned: readonly string[] | undefined): Buffer {
    const { context } = this.#session;
    if (learned === undefined) {
      if (greeting.code?.name === 'CAPABILITY') this.learn(capabilityNames(greeting.code.text));
      return statusLine(greeting, '*', context);
    }
    this.learn(learned);
    return Buffer.from(`* OK [CAPABILITY ${announcedCapabilities(learned, context).join(' ')}] Ready\r\n`, 'latin1');
  }

  #take(event: ServerEvent): void {
    const session = this.#session;
    const { writer, queue } = session.answers;
    switch (event.kind) {
      case 'fault':
        session.serverBroke(event.fault);
        return;
      case 'tagged':
        if (!session.answers.take(event)) session.serverBroke('tagged answer to nothing that was asked');
        return;
      case 'continuation':
        this.#kept = true;
        if (writer.continued(event.raw) || queue.oldest?.exchange?.take(event) === true) return;
        session.serverBroke('continuation request that nothing waits for');
        return;
      default: {
        if (event.kind === 'data') this.#count(event);
        const isFetch = event.kind === 'fetch' || event.kind === 'fetch-more';
        if (isFetch) this.midResponse = event.open;
        const exchange = queue.oldest?.exchange;
        const taken = exchange?.take(event) === true;
        if (!taken) this.pass(event);
        // The octets of a literal are kept by nobody: whoever wants them copies them.
        if (event.kind !== 'fetch-data') this.#kept ||= !(taken && isFetch && exchange?.spent === true);
      }
    }
  }

  /** Messages come and go. */
  #count({ name, number }: ServerEvent & { kind: 'data' }): void {
    const { ahead } = this.#session;
    if (name === 'EXISTS') ahead.counted(number);
    else if (name === 'EXPUNGE') ahead.expunged();
    else if (name === 'VANISHED') ahead.counted(undefined);
  }

  /** Passes, rewrites or drops what no command has claimed. */
  pass(event: ServerEvent): void {
    const session = this.#session;
    if (event.kind === 'tagged' || event.kind === 'continuation' || event.kind === 'fault') return;
    this.#notice(event);
    if (session.ended) return;
    const passed = passedUntagged(event, session.context);
    if (passed !== undefined) session.outlet.write(passed);
    else if (event.kind !== 'fetch-data' && event.kind !== 'fetch-more') {
      session.services.event(
        'unasked-response',
        event.kind === 'data' ? event.name.slice(0, nameCharacters) : event.kind,
      );
    }
  }

  /** What an untagged response means to us. */
  #notice(event: UntaggedEvent): void {
    if (event.kind === 'status') {
      if (event.status === 'PREAUTH') this.#session.serverBroke('a second greeting');
      else if (event.status === 'BYE') this.saidBye = true;
      if (event.code?.name === 'CAPABILITY') this.learn(capabilityNames(event.code.text));
    } else if (event.kind === 'data') {
      const names = (): string[] => listedNames(event.raw);
      if (event.name === 'CAPABILITY') this.learn(names());
      else if (event.name === 'ENABLED') this.utf8 ||= names().some((name) => utf8Extensions.has(name.toUpperCase()));
    }
  }

  learn(capabilities: readonly string[]): void {
    this.#capabilities = capabilities;
  }

  /** @param capability upper case */
  offers(capability: string): boolean {
    return this.#capabilities.some((name) => name.toUpperCase() === capability);
  }
}
