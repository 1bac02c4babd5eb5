/** A bare IMAP client over a socket that ends after so many octets in both directions. For tests of what a cut leaves behind. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TaggedResponse } from '../../src/imap/exchange.js';
import { ResponseReader } from '../../src/imap/wire/response-reader.js';
import type { OutgoingCommand, ServerEvent } from '../../src/imap/wire/wire.js';

interface Awaited {
  readonly tag: string;
  readonly take: ((event: ServerEvent) => void) | undefined;
  readonly resolve: (response: TaggedResponse) => void;
  readonly reject: (error: Error) => void;
}

export class ImapWireClient {
  /** octets that may still pass; what is beyond never does, and the connection ends */
  left = Number.POSITIVE_INFINITY;
  /** octets that passed since it was last set to 0 */
  passed = 0;
  readonly #socket: Socket;
  readonly #reader = new ResponseReader();
  #capabilities = new Set<string>();
  #awaited: Awaited | undefined;
  #tag = 0;
  #over = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
  }

  static async login(port: number, user: string, password: string): Promise<ImapWireClient> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const client = new ImapWireClient(socket);
    await client.run([Buffer.from(`LOGIN ${user} ${password}`)]);
    await client.run([Buffer.from('CAPABILITY')], (event) => {
      if (event.kind === 'data' && event.name === 'CAPABILITY')
        client.#capabilities = new Set(event.raw.toString('latin1').trim().toUpperCase().split(' '));
    });
    return client;
  }

  offers(capability: string): boolean {
    return this.#capabilities.has(capability);
  }

  run(command: OutgoingCommand, take?: (event: ServerEvent) => void): Promise<TaggedResponse> {
    this.#tag += 1;
    const tag = `w${this.#tag}`;
    const pieces = command.map((piece) => (Buffer.isBuffer(piece) ? piece : piece.literal));
    const line = Buffer.concat([Buffer.from(`${tag} `), ...pieces, Buffer.from('\r\n')]);
    return new Promise((resolve, reject) => {
      this.#awaited = { tag, take, resolve, reject };
      if (this.#over) {
        this.close();
        return;
      }
      const allowed = this.#spend(line.length);
      this.#socket.write(line.subarray(0, allowed));
      if (allowed < line.length) this.#end();
    });
  }

  close(): void {
    this.#over = true;
    this.#socket.destroy();
    const awaited = this.#awaited;
    this.#awaited = undefined;
    awaited?.reject(new Error('the connection is over'));
  }

  #spend(wanted: number): number {
    const allowed = Math.min(wanted, this.left);
    this.left -= allowed;
    this.passed += allowed;
    return allowed;
  }

  /** What was sent arrives, as with a peer whose machine is gone; the server still does what it was told. */
  #end(): void {
    this.#over = true;
    this.#socket.end(() => this.close());
  }

  #read(chunk: Buffer): void {
    const allowed = this.#spend(chunk.length);
    if (!this.#over && allowed > 0) {
      this.#reader.push(Buffer.from(chunk.subarray(0, allowed)));
      for (let event = this.#reader.next(); event !== undefined; event = this.#reader.next()) {
        if (event.kind === 'fault') break;
        this.#told(event);
      }
    }
    if (allowed < chunk.length) this.close();
  }

  #told(event: ServerEvent): void {
    const awaited = this.#awaited;
    if (event.kind !== 'tagged') awaited?.take?.(event);
    else if (event.tag === awaited?.tag) {
      this.#awaited = undefined;
      awaited.resolve(event);
    }
  }
}
