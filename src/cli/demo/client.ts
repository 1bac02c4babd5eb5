/** The mail client of the demonstration: nodemailer's SMTP connection, which knows nothing of the gate. */
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { Letter } from './letters.js';

/** What the client was told. */
export interface Answer {
  /** recipients that were refused, each with the reply to its RCPT */
  readonly refused: readonly { readonly address: string; readonly reply: string }[];
  /** the reply to the message */
  readonly reply: string;
  /** from MAIL to that reply */
  readonly ms: number;
}

const timeoutMs = 10_000;

export class DemoClient {
  readonly #connection: SMTPConnection;
  /** told when the connection fails, which the library reports here and not to whoever sends */
  #failed: (error: Error) => void = () => {
    // Nothing is being sent, and the next send fails by itself.
  };

  private constructor(connection: SMTPConnection) {
    this.#connection = connection;
  }

  static async connect(port: number): Promise<DemoClient> {
    const connection = new SMTPConnection({
      host: '127.0.0.1',
      port,
      name: 'client.example.net',
      ignoreTLS: true,
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
    });
    const client = new DemoClient(connection);
    await new Promise<void>((resolve, reject) => {
      client.#failed = reject;
      connection.on('error', (error) => client.#failed(error));
      connection.connect((error) => (error === undefined || error === null ? resolve() : reject(error)));
    });
    return client;
  }

  send({ from, to, message }: Letter): Promise<Answer> {
    const started = performance.now();
    return new Promise((resolve) => {
      this.#failed = (error) => resolve({ refused: [], reply: error.message, ms: performance.now() - started });
      this.#connection.send({ from, to: [...to] }, message, (error, info) => {
        const ms = performance.now() - started;
        if (error !== null) {
          resolve({ refused: [], reply: error.response ?? error.message, ms });
          return;
        }
        const refused = info.rejected.map((address, index) => {
          const reply = info.rejectedErrors?.[index]?.response ?? 'refused';
          return { address, reply };
        });
        resolve({ refused, reply: info.response, ms });
      });
    });
  }

  quit(): void {
    this.#connection.quit();
  }
}
