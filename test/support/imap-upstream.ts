/** A server that says what its script says, whatever it is asked: for servers that lie. */
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { portOf } from './ports.js';
import type { TestCertificates } from './tls.js';

export type ScriptStep =
  /** sends octets as they are, latin1 */
  | { readonly send: string }
  /** waits until the client has sent this, in whatever chunks */
  | { readonly expect: string }
  /** speaks TLS from now on */
  | { readonly tls: TestCertificates }
  | { readonly close: true };

export class ScriptedImapServer {
  readonly port: number;
  /** all that clients sent, decrypted, latin1 */
  received = '';
  /** the steps of the script were all taken by the last connection */
  done = false;
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = portOf(server);
  }

  static async start(script: readonly ScriptStep[]): Promise<ScriptedImapServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const scripted = new ScriptedImapServer(server);
    server.on('connection', (socket) => scripted.#play(socket, script));
    return scripted;
  }

  #play(tcp: Socket, script: readonly ScriptStep[]): void {
    this.connections += 1;
    this.done = false;
    this.#sockets.add(tcp);
    tcp.on('close', () => this.#sockets.delete(tcp));
    tcp.on('error', () => tcp.destroy());
    let socket = tcp;
    let unread = '';
    let next = 0;
    const onData = (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
      unread += chunk.toString('latin1');
      go();
    };
    const go = (): void => {
      for (let step = script[next]; step !== undefined; step = script[next]) {
        if ('expect' in step) {
          if (!unread.includes(step.expect)) return;
          unread = unread.slice(unread.indexOf(step.expect) + step.expect.length);
        } else if ('send' in step) {
          socket.write(step.send, 'latin1');
        } else if ('tls' in step) {
          socket.off('data', onData);
          const { certificate, key } = step.tls;
          socket = new TLSSocket(tcp, {
            isServer: true,
            secureContext: createSecureContext({ cert: certificate, key }),
          });
          socket.on('error', () => tcp.destroy());
          socket.on('data', onData);
        } else {
          socket.end();
        }
        next += 1;
      }
      this.done = true;
    };
    socket.on('data', onData);
    go();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
