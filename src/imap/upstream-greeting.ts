/**
 * The server's greeting, and what has to be said before TLS. Bytes to values; the sockets are in upstream.ts.
 */
import { GateError } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { listedNames } from './session/capability.js';
import { ResponseReader } from './wire/response-reader.js';
import type { ServerEvent } from './wire/wire.js';

export type Greeting = Extract<ServerEvent, { readonly kind: 'status' }>;

export interface GreetedUpstream {
  readonly greeting: Greeting;
  /** what the server offers since TLS with it stands; undefined when there was no change to TLS */
  readonly capabilities: readonly string[] | undefined;
  /** octets that came behind the greeting */
  readonly rest: Buffer;
}

/** One answer at a time, for the few commands of ours before a session begins. */
export class Opening {
  readonly #reader = new ResponseReader();
  readonly #write: (bytes: string) => void;
  #received = 0;
  #unread: Buffer = Buffer.alloc(0);
  #waiting: { resolve(event: ServerEvent): void; reject(error: Error): void } | undefined;
  #failure: Error | undefined;

  /** @param write to the socket; strings go out as latin1 */
  constructor(write: (bytes: string) => void) {
    this.#write = write;
  }

  received(chunk: Buffer): void {
    this.#received += chunk.length;
    if (this.#received > limits.imapSession.greetingBytes) {
      this.failed(new GateError('upstream-protocol', 'upstream says too much before it is asked'));
      return;
    }
    this.#unread = Buffer.concat([this.#unread, chunk]);
    this.#reader.push(chunk);
    this.#next();
  }

  failed(error: Error): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
  }

  #next(): void {
    const waiting = this.#waiting;
    const event = waiting === undefined ? undefined : this.#reader.next();
    if (waiting === undefined || event === undefined) return;
    this.#waiting = undefined;
    if (event.kind === 'fault') waiting.reject(new GateError('upstream-protocol', `upstream: ${event.fault}`));
    else {
      if ('raw' in event) this.#unread = this.#unread.subarray(event.raw.length);
      waiting.resolve(event);
    }
  }

  #event(): Promise<ServerEvent> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#next();
    });
  }

  /** What came and was not asked for yet. */
  get rest(): Buffer {
    return this.#unread;
  }

  /** RFC 9051 §7.1: OK, PREAUTH or BYE, untagged. */
  async greeting(): Promise<Greeting> {
    const event = await this.#event();
    if (event.kind !== 'status' || event.status === 'NO' || event.status === 'BAD') {
      throw new GateError('upstream-protocol', 'upstream begins with something that is no greeting');
    }
    return event;
  }

  /** RFC 9051 §6.2.1, as a client that insists: without TLS there is no connection. */
  async requestTls(): Promise<void> {
    this.#write('S0 STARTTLS\r\n');
    for (;;) {
      const event = await this.#event();
      if (event.kind === 'data' || (event.kind === 'status' && event.status !== 'BYE')) continue;
      if (event.kind !== 'tagged' || event.tag !== 'S0' || event.status !== 'OK') {
        throw new GateError('upstream-protocol', 'upstream offers no STARTTLS, which is configured');
      }
      break;
    }
    // Responses sent ahead of the handshake came in the clear and would be taken for encrypted ones (CVE-2021-38371).
    if (this.#unread.length > 0) {
      throw new GateError('upstream-protocol', 'upstream sent data before the TLS handshake');
    }
  }

  /** What the server offers now. */
  async capabilities(): Promise<readonly string[]> {
    let names: readonly string[] = [];
    this.#write('S0 CAPABILITY\r\n');
    for (;;) {
      const event = await this.#event();
      if (event.kind === 'data' && event.name === 'CAPABILITY') {
        names = listedNames(event.raw);
      } else if (event.kind === 'tagged' && event.tag === 'S0' && event.status === 'OK') {
        return names;
      } else if (event.kind !== 'data' && (event.kind !== 'status' || event.status === 'BYE')) {
        throw new GateError('upstream-protocol', 'upstream does not tell its capabilities');
      }
    }
  }
}
