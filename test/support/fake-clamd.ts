/** A clamd that answers as a test tells it to: slowly, wrongly, half, without end, or not at all. */
import { createServer, type Server, type Socket } from 'node:net';
import { portOf } from './ports.js';

export interface Stream {
  /** the chunks' octets, without their lengths */
  readonly content: Buffer;
  readonly chunks: number;
}

export class FakeClamd {
  /** what VERSION answers */
  version = 'ClamAV 1.4.6/27400/Mon Nov  9 09:00:00 2026';
  /** called when a whole stream is in; gives the reply, without NUL, or undefined to write by itself */
  onStream: (stream: Stream, socket: Socket) => string | undefined = () => 'stream: OK';
  /** called with the octets of a stream as they come, before there is an answer */
  onOctets: (socket: Socket, bytes: number) => void = () => {};
  /** whether a connection is read at all */
  listens = true;
  readonly streams: Stream[] = [];
  connections = 0;
  open = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async start(path?: string, port = 0): Promise<FakeClamd> {
    const fake = new FakeClamd();
    await new Promise<void>((resolve, reject) => {
      fake.#server.once('error', reject);
      if (path === undefined) fake.#server.listen(port, '127.0.0.1', resolve);
      else fake.#server.listen(path, resolve);
    });
    return fake;
  }

  get port(): number {
    return portOf(this.#server);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    this.connections += 1;
    this.open += 1;
    this.#sockets.add(socket);
    socket.on('error', () => {
      // Whoever asks may leave at any time.
    });
    socket.on('close', () => {
      this.open -= 1;
      this.#sockets.delete(socket);
    });
    if (!this.listens) {
      socket.pause();
      return;
    }
    let received: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      this.#serve(socket, received);
    });
  }

  #serve(socket: Socket, received: Buffer): void {
    const end = received.indexOf(0);
    if (end === -1) return;
    const command = received.subarray(0, end).toString('latin1');
    if (command === 'zVERSION') socket.end(`${this.version}\0`);
    else if (command !== 'zINSTREAM') socket.end('UNKNOWN COMMAND\0');
    else {
      const body = received.subarray(end + 1);
      if (body.length > 0) this.onOctets(socket, body.length);
      const stream = streamOf(body);
      if (stream === undefined || socket.writableEnded) return;
      this.streams.push(stream);
      const reply = this.onStream(stream, socket);
      if (reply !== undefined) socket.end(`${reply}\0`);
    }
  }
}

/** Undefined while chunks are missing. */
function streamOf(body: Buffer): Stream | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; at + 4 <= body.length; ) {
    const length = body.readUInt32BE(at);
    if (length === 0) return { content: Buffer.concat(chunks), chunks: chunks.length };
    if (at + 4 + length > body.length) return undefined;
    chunks.push(body.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return undefined;
}
