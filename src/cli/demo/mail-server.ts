/** The mail server behind the gate in the demonstration: takes mail for everybody but one, and keeps what it took. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';

export interface Delivery {
  /** empty for the null reverse-path */
  readonly mailFrom: string;
  readonly recipients: readonly string[];
  readonly content: Buffer;
}

const pollMs = 10;

export class DemoMailServer {
  readonly port: number;
  readonly deliveries: Delivery[];
  readonly #server: SMTPServer;

  private constructor(server: SMTPServer, port: number, deliveries: Delivery[]) {
    this.#server = server;
    this.port = port;
    this.deliveries = deliveries;
  }

  /** @param unknown the one address that there is no mailbox for */
  static async start(unknown: string): Promise<DemoMailServer> {
    const deliveries: Delivery[] = [];
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['AUTH', 'STARTTLS'],
      disableReverseLookup: true,
      // It would put codes of its own in front of ours.
      hideENHANCEDSTATUSCODES: true,
      closeTimeout: 1000,
      onRcptTo: ({ address }, _session, done) =>
        done(address === unknown ? Object.assign(new Error('5.1.1 No such mailbox'), { responseCode: 550 }) : null),
      onData(stream, { envelope }, done) {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          const mailFrom = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
          const recipients = envelope.rcptTo.map(({ address }) => address);
          deliveries.push({ mailFrom, recipients, content: Buffer.concat(chunks) });
          done();
        });
      },
    });
    const listening = server.listen(0, '127.0.0.1');
    await once(listening, 'listening');
    server.on('error', () => {
      // A connection that broke shows as mail that is missing below.
    });
    // The server listens on TCP, so its address is not a path.
    return new DemoMailServer(server, (listening.address() as AddressInfo).port, deliveries);
  }

  /** The deliveries that `wanted` accepts, once there are `count` of them or the time is over. */
  async waitFor(count: number, timeoutMs: number, wanted: (delivery: Delivery) => boolean): Promise<Delivery[]> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = this.deliveries.filter(wanted);
      if (found.length >= count || performance.now() > deadline) return found;
      await sleep(pollMs);
    }
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(resolve));
  }
}
