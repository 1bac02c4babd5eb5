/** Log collectors for tests: over UDP, TCP and TLS, strict about what they take, and as badly behaved as a test wants. */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { waitFor } from './ports.js';
import { FrameReader, type ParsedRecord, parseRecord } from './syslog-parser.js';
import type { TestCertificates } from './tls.js';

export interface CollectorOptions {
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly framing?: 'octet-counted' | 'newline';
  readonly certificates?: TestCertificates;
  readonly port?: number;
  /** called with each connection before anything is read from it */
  readonly onConnection?: (socket: Socket) => void;
}

export class Collector {
  readonly raw: Buffer[] = [];
  /** what was no frame or no record */
  readonly errors: Error[] = [];
  connections = 0;
  readonly #sockets = new Set<Socket>();
  #server: Server | DatagramSocket | undefined;
  port = 0;

  static async start(options: CollectorOptions): Promise<Collector> {
    const collector = new Collector();
    collector.port = await (options.transport === 'udp'
      ? collector.#listenDatagrams(options.port ?? 0)
      : collector.#listenStreams(options));
    return collector;
  }

  get records(): ParsedRecord[] {
    return this.raw.map((bytes) => parseRecord(bytes));
  }

  named(msgId: string): ParsedRecord[] {
    return this.records.filter((record) => record.msgId === msgId);
  }

  /** Waits until there are so many records. */
  async count(records: number, ms = 15_000): Promise<void> {
    await waitFor(`${records} records`, ms, () => (this.raw.length >= records ? true : undefined));
  }

  #listenDatagrams(port: number): Promise<number> {
    const socket = createSocket('udp4');
    this.#server = socket;
    socket.on('message', (record) => this.#take(record));
    return new Promise((resolve) => socket.bind(port, '127.0.0.1', () => resolve(socket.address().port)));
  }

  #listenStreams(options: CollectorOptions): Promise<number> {
    const accept = (socket: Socket) => this.#accept(socket, options);
    const server =
      options.certificates === undefined
        ? createServer(accept)
        : createTlsServer({ cert: options.certificates.certificate, key: options.certificates.key }, accept);
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.port ?? 0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  }

  #accept(socket: Socket, { framing, onConnection }: CollectorOptions): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on('error', () => {
      // The gate may leave at any time.
    });
    socket.on('close', () => this.#sockets.delete(socket));
    onConnection?.(socket);
    const reader = new FrameReader(framing ?? 'octet-counted', (record) => this.#take(record));
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.read(chunk);
      } catch (error) {
        this.errors.push(error as Error);
        socket.destroy();
      }
    });
  }

  #take(record: Buffer): void {
    this.raw.push(record);
    try {
      parseRecord(record);
    } catch (error) {
      this.errors.push(error as Error);
    }
  }

  /** Ends every connection as a crash would. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}
