/**
 * What the pipeline makes of a failure of one of its services: an inspection that is busy, a backend that is silent, a
 * quarantine that cannot hold. None of these can be provoked from outside at will, so the services are made here.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { parseConfig } from '../src/config/load.js';
import { createInspector, type Inspection, type Inspector } from '../src/inspect/inspection.js';
import { DeliveredFiles } from '../src/pipeline/delivered.js';
import { findReadmission } from '../src/pipeline/readmission.js';
import { MessageRecord } from '../src/pipeline/record.js';
import type { PipelineListener, PipelineServices } from '../src/pipeline/services.js';
import { createSmtpHandler } from '../src/pipeline/smtp-intake.js';
import { buildLivePolicy } from '../src/policy/live-policy.js';
import type { HoldRequest, Quarantine } from '../src/quarantine/hold.js';
import { signReentry } from '../src/quarantine/reentry.js';
import { type ErrorCode, GateError } from '../src/runtime/errors.js';
import { createLog } from '../src/runtime/log.js';
import { createMetrics } from '../src/runtime/metrics.js';
import { SpoolPool } from '../src/runtime/spool.js';
import { Scorer } from '../src/scoring/scorer.js';
import type { Judgement, SmtpEnvelope } from '../src/smtp/handler.js';
import { FakeBackend } from './support/fake-backend.js';
import { dotMail, eicarMail } from './support/mail.js';
import { waitFor } from './support/ports.js';
import { folderOf } from './support/running.js';

const listener: PipelineListener = { name: 'test', blockedAnswer: () => 'replace' };
const minimal =
  'smtp: { listeners: [{ listen: "127.0.0.1:2525", upstream: { host: 127.0.0.1 }, localDomains: [example.org] }] }';
const envelope: SmtpEnvelope = {
  peer: { address: '192.0.2.7', port: 1, helo: 'x', tls: false, authenticated: false },
  mailFrom: 'alice@client.example',
  mailParameters: [],
  recipients: [{ address: 'bob@example.org', parameters: [] }],
};

interface Made {
  readonly services: PipelineServices;
  readonly spools: SpoolPool;
  readonly backend: FakeBackend;
  readonly held: HoldRequest[];
  readonly recorded: unknown[];
  readonly lines: Readonly<Record<string, unknown>>[];
}

interface Replaced {
  readonly policy?: string;
  readonly inspector?: (real: Inspector) => Inspector;
  readonly quarantine?: Partial<Quarantine>;
}

async function makeServices(t: Test, { policy = '', inspector, quarantine }: Replaced = {}): Promise<Made> {
  const { config, problems } = parseConfig(`${minimal}\n${policy}`, '/etc/gate.yaml');
  if (config === undefined) throw new Error(JSON.stringify(problems));
  const { snapshot } = await buildLivePolicy(config);
  if (snapshot === undefined) throw new Error('no policy');
  const lines: Readonly<Record<string, unknown>>[] = [];
  const stream = { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) };
  const log = createLog({ level: 'debug', addresses: 'full', file: undefined }, stream);
  const held: HoldRequest[] = [];
  const recorded: unknown[] = [];
  const real = createInspector();
  t.teardown(() => real.close());
  const backend = new FakeBackend();
  const scorer = new Scorer([backend], () => snapshot.scorer);
  t.teardown(() => scorer.close());
  const services: PipelineServices = {
    inspector: inspector?.(real) ?? real,
    scorer,
    quarantine: {
      hold: async (request) => {
        held.push(request);
        return { id: 'i'.repeat(26), duplicate: false };
      },
      record: async (request) => {
        recorded.push(request);
      },
      ...quarantine,
    },
    policy: () => snapshot,
    delivered: new DeliveredFiles(() => ({ score: 0, name: '' }), Date.now),
    releaseKey: Buffer.alloc(32, 7),
    log: log.logger,
    metrics: createMetrics(),
    now: () => performance.now(),
    clock: () => 1_000_000,
    supervise: (work, what) => {
      work.catch((error: Error) => lines.push({ msg: 'background work failed', what, error: error.message }));
    },
  };
  return { services, spools: new SpoolPool(folderOf(t)), backend, held, recorded, lines };
}

function begin(made: Made, mail: Buffer) {
  const spool = made.spools.create();
  const intake = createSmtpHandler(made.services, listener).open(envelope, spool);
  spool.append(mail);
  intake.write(mail);
  return { intake, spool };
}

async function judged(made: Made, mail: Buffer): Promise<Judgement> {
  const { intake, spool } = begin(made, mail);
  const judgement = await intake.judge();
  spool.release();
  return judgement;
}

/** An inspector whose messages end in this error, at once or later. */
const failing = (code: ErrorCode, late: boolean) => (real: Inspector) => ({
  ...real,
  digest: (spool: Parameters<Inspector['digest']>[0]) => real.digest(spool),
  start: (): Inspection => ({
    write: () => undefined,
    abort: () => undefined,
    header: { fields: [], end: 0 },
    finish: () => {
      const error = new GateError(code, `made to fail: ${code}`);
      if (late) return sleep(1).then(() => Promise.reject(error));
      throw error;
    },
  }),
});

t.test('an inspection that fails is decided by the fallback of its cause, and named', async (t) => {
  const deferred = { kind: 'answer', reply: { code: 451, enhanced: '4.7.1' } };
  for (const late of [false, true]) {
    for (const code of ['inspection-busy', 'inspection-timeout', 'inspection-crashed', 'spool-failed'] as const) {
      const inspector = failing(code, late);
      const cause = code === 'inspection-timeout' ? 'verdict-timeout' : 'out-of-resources';
      const byDefault = await makeServices(t, { inspector });
      t.match(await judged(byDefault, eicarMail()), deferred, `${code}: 451 by default`);
      t.match(byDefault.lines, [
        { msg: 'inspection failed' },
        { msg: 'fallback', cause, action: 'defer' },
        { msg: 'message', action: 'defer' },
      ]);
      const permitting = await makeServices(t, {
        inspector,
        policy: `policy: { fallback: { causes: { ${cause}: permit } } }`,
      });
      const mail = eicarMail();
      const relayed = await judged(permitting, mail);
      t.match(
        relayed,
        { kind: 'relay', pieces: [{ start: 0, end: mail.length }] },
        `${code}: relayed where policy says so`,
      );
      const blocking = await makeServices(t, {
        inspector,
        policy: `policy: { fallback: { causes: { ${cause}: block } } }`,
      });
      t.match(await judged(blocking, mail), { reply: { code: 250 } });
      t.equal(blocking.held.length, 1, `${code}: withheld where policy says so`);
    }
  }
});

t.test('a quarantine that cannot hold acknowledges nothing', async (t) => {
  for (const code of ['seal-failed', 'store-failed'] as const) {
    const hold = () => Promise.reject(new GateError(code, 'disk /secret/place is full'));
    const made = await makeServices(t, { policy: 'lists: { block: ["*@client.example"] }', quarantine: { hold } });
    const judgement = await judged(made, dotMail());
    t.match(judgement, { kind: 'answer', reply: { code: 451, enhanced: '4.3.0' } }, code);
    t.notMatch(JSON.stringify(judgement), 'secret', 'the client learns no reason');
    t.match(made.lines, [
      { msg: 'hold failed', error: /secret/ },
      { msg: 'message', reply: '451 4.3.0' },
    ]);
    t.equal(made.spools.usedBytes, 0, 'nothing of it stays in memory');
  }
});

t.test('a silent backend meets the deadline, and a slow one the end of its session', async (t) => {
  // A deadline alone does not keep a process alive, as the sockets of a gate do.
  const alive = setInterval(() => undefined, 1000);
  t.teardown(() => clearInterval(alive));
  const made = await makeServices(t, { policy: 'scoring: { deadlineMs: 20 }' });
  made.backend.script = (_part, _content, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('given up')), { once: true });
    });
  t.match(await judged(made, eicarMail()), { reply: { code: 451, enhanced: '4.7.1' } });
  t.match(made.lines, [{ msg: 'fallback', cause: 'verdict-timeout', action: 'defer' }, { msg: 'message' }]);

  const slow = await makeServices(t);
  let answer: (() => void) | undefined;
  slow.backend.script = () =>
    new Promise((resolve) => {
      answer = () => resolve(slow.backend.answer(0));
    });
  const { intake, spool } = begin(slow, eicarMail({ subject: 'left' }));
  const judgement = intake.judge();
  const late = await waitFor('the question to the backend', 10_000, () => answer);
  intake.abort('client closed the connection');
  spool.release();
  late();
  await judgement;
  await waitFor('free spool', 5000, () => slow.spools.usedBytes === 0 || undefined);
  const told = slow.lines.filter(({ msg }) => msg === 'message');
  t.match(told, [{ outcome: 'aborted', reason: 'client closed the connection' }]);
  t.equal(told.length, 1, 'one line, whatever came late');
});

t.test('permit: what fails in the background is logged and delays nothing', async (t) => {
  const policy = 'policy: { smtp: { action: permit } }';
  const record = () => Promise.reject(new GateError('store-failed', 'no disk'));
  const unrecorded = await makeServices(t, {
    policy: `${policy}\nlists: { block: ["*@client.example"] }`,
    quarantine: { record },
  });
  const uninspected = await makeServices(t, { policy, inspector: failing('inspection-crashed', true) });
  for (const [made, why] of [
    [unrecorded, 'background work failed'],
    [uninspected, 'inspection failed'],
  ] as const) {
    const { intake, spool } = begin(made, eicarMail());
    const judgement = intake.judge();
    t.notOk(judgement instanceof Promise, 'the verdict is not waited for');
    if (!(judgement instanceof Promise) && judgement.kind === 'relay')
      judgement.settled({ kind: 'replied', code: 250, line: '250 ok' });
    spool.release();
    await waitFor(why, 5000, () => made.lines.some(({ msg }) => msg === why) || undefined);
    await waitFor('free spool', 5000, () => made.spools.usedBytes === 0 || undefined);
    t.equal(made.lines.filter(({ msg }) => msg === 'message').length, 1);
  }
});

t.test('a mark that we did not sign costs no look at the message', async (t) => {
  const made = await makeServices(t);
  const body = Buffer.from(`Subject: x\r\n\r\n${'y'.repeat(70)}\r\n`);
  const claim = {
    id: 'a'.repeat(26),
    bytes: body.length,
    sha256: '0'.repeat(64),
    recipients: ['bob@example.org'],
    expires: 2_000_000,
  };
  const keys: readonly (readonly [Uint8Array, number])[] = [
    [Buffer.alloc(32, 1), 0],
    [made.services.releaseKey, body.length],
  ];
  for (const [key, read] of keys) {
    const field = Buffer.from(`X-Sluice-Release: ${signReentry(key, claim)}\r\n`);
    const spool = made.spools.create();
    const inspection = made.services.inspector.start(spool);
    for (const chunk of [field, body]) {
      spool.append(chunk);
      inspection.write(chunk);
    }
    await inspection.finish();
    let readBytes = 0;
    const readChunk = spool.readChunk.bind(spool);
    spool.readChunk = (start, end) => {
      if (start >= field.length) readBytes += end - start;
      return readChunk(start, end);
    };
    const { services } = made;
    const record = new MessageRecord(services, listener);
    t.equal(await findReadmission({ services, listener, envelope, spool, inspection, record }), undefined);
    t.equal(readBytes, read, read === 0 ? 'a false one: nothing is read' : 'ours: the content is checked');
    spool.release();
  }
});
