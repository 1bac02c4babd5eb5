/** The server of the demonstration's mailboxes: sockets on this machine, everything else is the sessions' business. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { MailboxSession } from './mailbox-session.js';
import { MailAccount } from './mailbox-store.js';

export class MailboxServer {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: ReadonlySet<Socket>;
  readonly #accounts: ReadonlyMap<string, MailAccount>;

  private constructor(server: Server, sockets: ReadonlySet<Socket>, accounts: ReadonlyMap<string, MailAccount>) {
    this.#server = server;
    this.#sockets = sockets;
    this.#accounts = accounts;
    // It listens on TCP, so its address is not a path.
    this.port = (server.address() as AddressInfo).port;
  }

  /** @param password of all users */
  static async start(users: readonly string[], password: string): Promise<MailboxServer> {
    const accounts = new Map(users.map((user) => [user, new MailAccount()]));
    const login = (user: string, given: string) => (given === password ? accounts.get(user) : undefined);
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.setNoDelay(true);
      const session = new MailboxSession({
        login,
        clock: () => new Date(),
        write: (bytes) => socket.write(bytes),
        end: () => socket.end(),
      });
      socket.on('data', (chunk: Buffer) => session.receive(chunk));
      // 'close' follows, and whoever waits for an answer finds that none comes.
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        session.close();
        sockets.delete(socket);
      });
      session.greet();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new MailboxServer(server, sockets, accounts);
  }

  /** @throws RangeError for a user who was not named at the start */
  account(user: string): MailAccount {
    const account = this.#accounts.get(user);
    if (account === undefined) throw new RangeError(`no user ${user}`);
    return account;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
