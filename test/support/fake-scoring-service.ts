/** A scoring service that does as a test tells it to, down to the octets: it lies, stalls, babbles, cuts and leads away. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { portOf } from './ports.js';

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** of an upload; empty for a question */
  readonly content: Buffer;
}

export type Handler = (asked: Asked, response: ServerResponse) => unknown;

/** Answers with JSON. */
export function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'content-type': type, ...headers }).end(JSON.stringify(body));
}

export const engine = { engine: 'fake', version: '1', opensArchives: true };

export function scored(sha256: string, score = 0, name = ''): Record<string, unknown> {
  return { status: 'scored', sha256, score, name, ...engine };
}

export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export class FakeScoringService {
  /** what /v1/engine answers */
  engine: Handler = (_asked, response) => answer(response, 200, engine);
  /** what a look-up of a digest answers */
  hash: Handler = (_asked, response) => answer(response, 404, { type: 'about:blank', title: 'unknown', status: 404 });
  /** what an upload answers, once it is in */
  file: Handler = ({ content }, response) => answer(response, 200, scored(digestOf(content)));
  /** everything else */
  other: Handler = (_asked, response) => answer(response, 404, { type: 'about:blank', title: 'nothing', status: 404 });
  /** called when the header of an upload is in, before its content; true when it was answered */
  early: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** requests but those for the engine, `POST /v1/files` */
  readonly asked: string[] = [];
  readonly requests: Asked[] = [];
  connections = 0;
  open = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(tls: { readonly key: string; readonly cert: string } | undefined) {
    const listener = (request: IncomingMessage, response: ServerResponse): void => this.#serve(request, response);
    this.#server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
    this.#server.keepAliveTimeout = 60_000;
    this.#server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => this.#accept(socket));
  }

  static async start(port = 0, tls?: { readonly key: string; readonly cert: string }): Promise<FakeScoringService> {
    const fake = new FakeScoringService(tls);
    await new Promise<void>((resolve, reject) => {
      fake.#server.once('error', reject);
      fake.#server.listen(port, '127.0.0.1', resolve);
    });
    return fake;
  }

  get port(): number {
    return portOf(this.#server);
  }

  get uploads(): number {
    return this.asked.filter((line) => line.startsWith('POST')).length;
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
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = request;
    response.on('error', () => {
      // As above.
    });
    if (url.endsWith('/v1/engine')) {
      this.engine({ method, url, headers, content: Buffer.alloc(0) }, response);
      return;
    }
    this.asked.push(`${method} ${url}`);
    if (method === 'POST' && this.early?.(request, response) === true) return;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => {
      // As above.
    });
    request.on('end', () => {
      const asked: Asked = { method, url, headers, content: Buffer.concat(chunks) };
      this.requests.push(asked);
      const handler = method === 'POST' ? this.file : url.includes('/v1/hashes/') ? this.hash : this.other;
      handler(asked, response);
    });
  }
}
