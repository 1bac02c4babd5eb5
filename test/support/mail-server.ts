/** A mail server on a free port that answers as it is told and keeps what it accepted. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface Received {
  readonly mailFrom: string;
  readonly recipients: readonly string[];
  readonly content: Buffer;
  readonly secure: boolean;
}

export interface MailServer {
  readonly port: number;
  readonly received: Received[];
  /** a code to refuse this recipient with; undefined accepts */
  answer: (recipient: string) => number | undefined;
  /** commands of MAIL and RCPT that were tried */
  attempts: number;
}

/** @param tls offered by the server, with a certificate that nobody trusts */
export async function startMailServer(
  t: { teardown(work: () => unknown): void },
  tls: 'none' | 'starttls' | 'implicit' = 'none',
): Promise<MailServer> {
  const state: MailServer & { port: number } = { port: 0, received: [], answer: () => undefined, attempts: 0 };
  const server = new SMTPServer({
    authOptional: true,
    secure: tls === 'implicit',
    disabledCommands: tls === 'starttls' ? [] : ['STARTTLS'],
    onRcptTo(address, _session, callback) {
      state.attempts += 1;
      const code = state.answer(address.address);
      if (code === undefined) callback();
      else callback(Object.assign(new Error(`no to ${address.address}`), { responseCode: code }));
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        state.received.push({
          mailFrom: mailFrom === false ? '' : mailFrom.address,
          recipients: rcptTo.map((recipient) => recipient.address),
          secure: session.secure,
          content: Buffer.concat(chunks),
        });
        callback();
      });
    },
  });
  server.on('error', () => {
    // A client that goes away in the middle is part of these tests.
  });
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  state.port = (listening.address() as AddressInfo).port;
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return state;
}
