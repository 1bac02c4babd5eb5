/** The outbox as tests drive it: routes, answers of a next hop, and real SMTP over a socket. */
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deliver, DeliveryRequest, RecipientReply, Route } from '../../src/quarantine/deliver.js';
import { loadReleaseKey } from '../../src/quarantine/keys.js';
import { newMailer } from '../../src/quarantine/mailer.js';
import { Outbox } from '../../src/quarantine/outbox.js';
import type { ReleaseTools } from '../../src/quarantine/release.js';
import { readSource } from '../../src/runtime/spool-source.js';
import type { MailServer } from './mail-server.js';
import type { TestVault } from './test-vault.js';

export function routeTo(port: number, reentry = false): Route {
  return { host: '127.0.0.1', port, tls: 'none', verify: true, reentry };
}

export function contentOf(request: DeliveryRequest): Buffer {
  return Buffer.concat(
    request.pieces.map((piece) =>
      Buffer.isBuffer(piece) ? piece : readSource(request.source, piece.start, piece.end),
    ),
  );
}

export function accepted(address: string): RecipientReply {
  return { address, stage: 'end', code: 250, reply: '250 2.0.0 queued', delivered: true, permanent: false };
}

export function refused(address: string, code: number): RecipientReply {
  return { address, stage: 'rcpt', code, reply: `${code} no`, delivered: false, permanent: code >= 500 };
}

/** One SMTP transaction over a socket, a command at a time: enough to see real replies per recipient. */
export const deliverBySocket: Deliver = async (request) => {
  const socket = createConnection(request.route.port, request.route.host);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const reply = async () => {
    for (;;) {
      const { value } = await lines.next();
      if (typeof value !== 'string') throw new Error('connection lost');
      if (value[3] !== '-') return value;
    }
  };
  const ask = (line: string) => {
    socket.write(`${line}\r\n`);
    return reply();
  };
  await reply();
  await ask('EHLO gate.example.org');
  await ask(`MAIL FROM:<${request.mailFrom}>`);
  const answers: RecipientReply[] = [];
  for (const { address } of request.recipients) {
    const line = await ask(`RCPT TO:<${address}>`);
    answers.push(
      line.startsWith('2')
        ? { ...accepted(address), reply: line }
        : { ...refused(address, Number(line.slice(0, 3))), reply: line },
    );
  }
  if (answers.some((answer) => answer.delivered)) {
    await ask('DATA');
    await ask(`${contentOf(request).toString('latin1').replace(/^\./gm, '..')}.`);
  }
  socket.end('QUIT\r\n');
  return answers;
};

export function toolsOf(test: TestVault, deliver: Deliver, route: Route | undefined): ReleaseTools {
  return {
    vault: test.vault,
    routes: () => route,
    deliver,
    releaseKey: loadReleaseKey(test.directory),
    clock: () => test.clock.now,
    log: (level, event, fields) => test.lines.push({ level, event, fields }),
  };
}

export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error(`waited too long for ${what}`);
    await sleep(10);
  }
}

export function startOutbox(
  t: { teardown(work: () => unknown): void },
  test: TestVault,
  server: MailServer,
  deliver: Deliver = deliverBySocket,
): Outbox {
  const outbox = new Outbox({
    ...toolsOf(test, deliver, routeTo(server.port)),
    send: newMailer('gate.example.org'),
    pollIntervalMs: 20,
  });
  test.vault.onQueued = () => outbox.wake();
  // Teardowns run backwards: the outbox stops before its vault closes.
  const { close } = test.vault;
  test.vault.close = async () => {
    await outbox.stop();
    await close();
  };
  t.teardown(() => test.vault.close());
  outbox.start();
  return outbox;
}
