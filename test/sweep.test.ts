/** `sluice sweep`: what it asks for, what it does when the gate refuses, hangs up or is not there, and what it says. */
import { execFileSync, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { openConnection, rangesOf } from '../src/cli/sweep/connection.js';
import { readPassword, typedUnseen } from '../src/cli/sweep/password.js';
import { closingLine, duration, isComplete, progressLine, reportJson, summaryTable } from '../src/cli/sweep/report.js';
import {
  ConnectionLost,
  type Judged,
  NotListening,
  type SweepConnection,
  type SweepProgress,
  SweepRefused,
  sweep,
} from '../src/cli/sweep/sweep.js';
import { sweepTarget } from '../src/cli/sweep/target.js';
import { parseConfig } from '../src/config/load.js';
import { type FetchedMessage, FetchFacts } from '../src/imap/release/swap-fetch.js';
import { type Dovecot, dovecotPrograms, startDovecot } from './support/dovecot.js';
import { ImapWireClient } from './support/imap-wire-client.js';
import { skipWithout } from './support/missing.js';
import { freePort } from './support/ports.js';

const main = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'main.js');

/** once: refused the first time; kills: the connection ends */
type Behaviour = 'clean' | 'withheld' | 'refused' | 'once' | 'gone' | 'kills';

/** A gate as a sweep sees it, its time and its failures. */
class FakeGate {
  readonly batches: number[][] = [];
  connections = 0;
  nowMs = 0;
  readonly waits: number[] = [];
  /** connections that fail before one comes about */
  down = 0;
  downAs = new ConnectionLost('not now');
  onCut: () => void = () => {};
  /** batches after which the connection ends; each once */
  readonly cutAfter: number[] = [];
  readonly #mailboxes: ReadonlyMap<string, ReadonlyMap<number, Behaviour>>;
  readonly #refused = new Set<number>();

  constructor(mailboxes: Readonly<Record<string, Readonly<Record<number, Behaviour>>>>) {
    this.#mailboxes = new Map(
      Object.entries(mailboxes).map(([path, all]) => [
        path,
        new Map(Object.entries(all).map(([uid, how]) => [Number(uid), how])),
      ]),
    );
  }

  async connect(): Promise<SweepConnection> {
    this.connections += 1;
    if (this.down > 0) {
      this.down -= 1;
      throw this.downAs;
    }
    let open: ReadonlyMap<number, Behaviour> | undefined;
    let closed = false;
    const alive = () => {
      if (closed) throw new ConnectionLost('cut');
    };
    return {
      mailboxes: async () => [...this.#mailboxes].map(([path, all]) => ({ path, messages: all.size })),
      open: async (path) => {
        alive();
        open = this.#mailboxes.get(path);
        return open === undefined ? 'no such mailbox' : [...open.keys()].sort((left, right) => right - left);
      },
      judge: async (uids) => {
        alive();
        this.batches.push([...uids]);
        if (open === undefined) throw new Error('nothing is open');
        const judged = this.#judge(open, uids);
        closed = judged === 'cut' || this.cutAfter.includes(this.batches.length);
        if (closed) this.onCut();
        if (judged === 'cut' || closed) throw new ConnectionLost('cut');
        return judged;
      },
      close: () => {
        closed = true;
      },
    };
  }

  #judge(open: ReadonlyMap<number, Behaviour>, uids: readonly number[]): Judged | 'cut' {
    const answers = new Map<number, 'clean' | 'withheld'>();
    let refused: string | undefined;
    for (const uid of uids) {
      this.nowMs += 10;
      const how = open.get(uid);
      if (how === 'kills') return 'cut';
      if (how === 'clean' || how === 'withheld') answers.set(uid, how);
      else if (how === 'refused' || (how === 'once' && !this.#refused.has(uid))) refused = 'later';
      else if (how === 'once') answers.set(uid, 'clean');
      this.#refused.add(uid);
    }
    return { answers, refused };
  }

  sweep(
    paths?: readonly string[],
    signal = new AbortController().signal,
    progress: (p: SweepProgress) => void = () => {},
  ) {
    return sweep({
      paths,
      connect: () => this.connect(),
      signal,
      now: () => this.nowMs,
      wait: async (ms) => {
        this.waits.push(ms);
      },
      progress,
    });
  }
}

const many = (count: number, how: Behaviour = 'clean', from = 1): Record<number, Behaviour> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [from + index, how]));

t.test('every message of every mailbox is asked for once, the newest first', async (t) => {
  const gate = new FakeGate({ INBOX: { ...many(1000), 5: 'withheld', 6: 'gone' }, Work: many(3), Empty: {} });
  const shown: SweepProgress[] = [];
  const report = await gate.sweep(undefined, undefined, (progress) => shown.push(progress));
  t.match(report.mailboxes, [
    { path: 'INBOX', messages: 1000, clean: 998, withheld: 1, gone: 1, deferred: 0, problem: '' },
    { path: 'Work', messages: 3, clean: 3 },
    { path: 'Empty', messages: 0 },
  ]);
  t.equal(isComplete(report), true);
  t.equal(gate.connections, 1);
  const asked = gate.batches.flat();
  t.equal(asked.length, 1003);
  t.equal(new Set(asked.slice(0, 1000)).size, 1000);
  t.equal(asked[0], 1000);
  t.ok(gate.batches.every((batch) => batch.length <= 200) && gate.batches.some((batch) => batch.length >= 50));
  t.same([shown.at(-1)?.done, shown.at(-1)?.total, shown.at(-1)?.withheld], [1003, 1003, 1]);
  t.ok(
    shown.every((one, index) => index === 0 || one.done >= (shown[index - 1]?.done ?? 0)),
    'the bar never goes back',
  );
});

t.test('what is put off is tried once more, alone, and then counted', async (t) => {
  const gate = new FakeGate({ INBOX: { ...many(300), 7: 'once', 8: 'refused', 150: 'once' } });
  const report = await gate.sweep();
  t.match(report.mailboxes, [{ clean: 299, deferred: 1, problem: 'later' }]);
  t.equal(isComplete(report), false);
  t.same(gate.batches.slice(-3), [[150], [8], [7]]);
  const healed = await new FakeGate({ INBOX: { ...many(30), 7: 'once' } }).sweep();
  t.match(healed.mailboxes, [{ clean: 30, deferred: 0, problem: '' }]);
  t.equal(isComplete(healed), true);
});

t.test('a gate that judges nothing is not asked for a whole mailbox', async (t) => {
  const gate = new FakeGate({ INBOX: many(5000, 'refused'), Work: many(5) });
  const report = await gate.sweep();
  t.ok(gate.batches.flat().length < 50, `${gate.batches.flat().length} messages were tried`);
  t.match(report, { problem: 'later', interrupted: false });
  t.match(report.mailboxes, [{ path: 'INBOX', messages: 5000, clean: 0, deferred: 5000 }]);
  t.equal(isComplete(report), false);
});

t.test('a connection that ends is opened again, and nothing is asked for twice without need', async (t) => {
  const gate = new FakeGate({ INBOX: many(500) });
  gate.cutAfter.push(2, 5);
  gate.down = 2;
  const report = await gate.sweep();
  t.match(report.mailboxes, [{ clean: 500, deferred: 0, problem: '' }]);
  t.equal(gate.connections, 5);
  t.same(gate.waits.slice(0, 2), [1000, 2000], 'each attempt waits longer');
  t.equal(isComplete(report), true);
});

t.test('nobody who listens: the end at the beginning, a pause later', async (t) => {
  const absent = new FakeGate({ INBOX: many(5) });
  absent.down = 1;
  absent.downAs = new NotListening('is the gate running?');
  t.match(await absent.sweep(), { problem: 'is the gate running?', mailboxes: [] });
  t.equal(absent.connections, 1);
  const restarted = new FakeGate({ INBOX: many(100) });
  restarted.downAs = absent.downAs;
  restarted.onCut = () => {
    restarted.down = 2;
  };
  restarted.cutAfter.push(2);
  t.match(await restarted.sweep(), { problem: '', mailboxes: [{ clean: 100 }] });
});

t.test('one message that ends every connection does not stop the others', async (t) => {
  const gate = new FakeGate({ INBOX: { ...many(200), 77: 'kills' } });
  const report = await gate.sweep();
  t.match(report.mailboxes, [{ clean: 199, deferred: 1, problem: /the connection ends/ }]);
  t.equal(report.problem, '');
});

t.test('a gate that stays away ends the sweep, and so does a wrong password, at once', async (t) => {
  const gate = new FakeGate({ INBOX: many(5) });
  gate.down = 100;
  t.match(await gate.sweep(), { problem: 'not now', mailboxes: [] });
  t.equal(gate.connections, 5);
  let attempts = 0;
  const refused = await sweep({
    paths: undefined,
    connect: async () => {
      attempts += 1;
      throw new SweepRefused('wrong password');
    },
    signal: new AbortController().signal,
    now: () => 0,
    wait: async () => {},
    progress: () => {},
  });
  t.equal(attempts, 1, 'a further attempt could lock the account');
  t.match(refused, { problem: 'wrong password' });
});

t.test('Ctrl-C ends it between two answers, with what was counted so far', async (t) => {
  const gate = new FakeGate({ INBOX: many(1000), Work: many(10) });
  const controller = new AbortController();
  const report = await gate.sweep(undefined, controller.signal, ({ done }) => {
    if (done >= 100) controller.abort();
  });
  t.equal(report.interrupted, true);
  t.equal(report.problem, '');
  const [inbox] = report.mailboxes;
  t.ok((inbox?.clean ?? 0) >= 100 && (inbox?.clean ?? 0) < 1000, 'some were judged');
  t.equal(inbox?.deferred, 1000 - (inbox?.clean ?? 0), 'the rest is not');
  t.equal(isComplete(report), false);
  t.match(closingLine(report), /^Interrupted after .*goes on from there/);
});

t.test('named mailboxes alone, and one that is not there', async (t) => {
  const gate = new FakeGate({ INBOX: many(5), Work: many(3) });
  const report = await gate.sweep(['Work', 'Nowhere']);
  t.match(report.mailboxes, [
    { path: 'Work', clean: 3 },
    { path: 'Nowhere', problem: 'no such mailbox' },
  ]);
  t.equal(gate.batches.flat().length, 3);
  t.equal(isComplete(report), false);
});

t.test('what is shown', (t) => {
  t.equal(rangesOf([9, 3, 2, 1, 7]), '1:3,7,9');
  t.same([7, 750, 11_100].map(duration), ['0:07', '12:30', '3:05:00']);
  const progress = { path: 'IN\x1b[2JBOX', done: 250, total: 1000, elapsedMs: 10_000, withheld: 2, deferred: 0 };
  t.match(progressLine(progress, 120), /^\[#{5}\.{15}\] {2}250\/1000 {2}25% {2}25\/s {2}0:30 left {2}2 withheld {2}IN/);
  t.notMatch(progressLine(progress, 120), '\x1b', 'a name is no terminal command');
  t.equal(progressLine(progress, 40).length, 40);
  t.match(progressLine({ ...progress, done: 0, total: 0, elapsedMs: 0 }, 120), /0\/0 {2}100%/);
  const one = { messages: 3, clean: 2, withheld: 1, deferred: 0, gone: 0, problem: '' };
  const report = {
    mailboxes: [
      { ...one, path: 'INBOX' },
      { ...one, path: 'Work', deferred: 4, problem: 'later' },
    ],
    interrupted: false,
    problem: '',
    seconds: 75.26,
  };
  t.equal(
    summaryTable(report),
    [
      'Mailbox  Messages  Clean  Withheld  Not judged',
      'INBOX           3      2         1           0',
      'Work            3      2         1           4',
      'all             6      4         2           4',
      'Work: later',
    ].join('\n'),
  );
  t.match(closingLine(report), /^4 could not be judged; the log/);
  t.match(closingLine({ ...report, problem: 'no connection' }), /^Ended early: no connection/);
  t.equal(closingLine({ ...report, mailboxes: [{ ...one, path: 'INBOX' }] }), 'Everything is judged, in 1:15.');
  t.match(reportJson(report), { complete: false, seconds: 75.3, mailboxes: [{ problem: null }, { problem: 'later' }] });
  t.end();
});

t.test('the listener is one that judges and can be reached', (t) => {
  const target = (imap: string, policy = '{}', wanted?: string) => {
    const { config } = parseConfig(
      `imap: { listeners: [${imap}] }\npolicy: { imap: ${policy} }\nsmtp: { listeners: [{ listen: "127.0.0.1:2525", upstream: { host: mx }, localDomains: [example.org] }] }\n`,
      '/x.yaml',
    );
    if (config === undefined) throw new Error('the configuration is refused');
    return sweepTarget(config, wanted);
  };
  const plain = '{ listen: "127.0.0.1:1143", upstream: { host: mail } }';
  t.match(target(plain), { name: 'imap-1143', host: '127.0.0.1', port: 1143, tls: 'none', tlsOptions: undefined });
  t.match(target('{ listen: "0.0.0.0:1143", authWithoutTls: always, upstream: { host: mail } }'), {
    host: '127.0.0.1',
  });
  t.match(target('{ listen: "[::]:1143", authWithoutTls: always, upstream: { host: mail } }'), { host: '::1' });
  const two = `${plain}, { listen: "127.0.0.1:1144", upstream: { host: mail } }`;
  t.match(target(two), /--listener: imap-1143, imap-1144/);
  t.match(target(two, '{}', 'imap-1144'), { port: 1144 });
  t.match(target(two, '{}', 'other'), /no IMAP listener other; these there are: imap-1143/);
  t.match(target(''), /no IMAP listener/);
  t.match(target(plain, '{ action: permit }'), /policy.imap.action is permit/);
  t.match(target(plain, '{ servers: [other] }'), /mail is not in policy.imap.servers/);
  t.match(target(plain, '{ servers: [MAIL] }'), { port: 1143 });
  t.match(target('{ listen: "127.0.0.1:0", upstream: { host: mail } }'), /fixed one/);
  t.match(target('{ listen: "127.0.0.1:1143", proxyProtocolFrom: [127.0.0.0/8], upstream: { host: mail } }'), /PROXY/);
  t.match(
    target('{ listen: "127.0.0.1:1143", authWithoutTls: never, upstream: { host: mail } }'),
    /no login without TLS/,
  );
  t.end();
});

t.test('a password comes from a file, from standard input or unseen from a terminal', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-sweep-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'password');
  const source = (stdin: object) => ({ stdin: stdin as never, prompt: () => {} });
  writeFileSync(file, 'se cret\r\nsecond line\n', { mode: 0o600 });
  t.same(await readPassword(file, 'anna', source({})), { password: 'se cret' });
  chmodSync(file, 0o644);
  t.match(await readPassword(file, 'anna', source({})), { password: 'se cret', warning: /chmod 600/ });
  writeFileSync(file, '\n');
  t.equal(await readPassword(file, 'anna', source({})), 'the password is empty');
  writeFileSync(file, 'x'.repeat(10_000));
  t.match(await readPassword(file, 'anna', source({})), /too long/);
  t.match(await readPassword(join(dir, 'none'), 'anna', source({})), /cannot be read: ENOENT/);
  const input = new PassThrough();
  input.end('typed\n');
  t.same(await readPassword('-', 'anna', source(input)), { password: 'typed' });
  t.match(await readPassword(undefined, 'anna', source({ isTTY: false })), /--password-file/);

  class Terminal extends EventEmitter {
    raw: boolean[] = [];
    setRawMode(on: boolean) {
      this.raw.push(on);
      return this;
    }
    resume() {
      return this;
    }
    pause() {
      return this;
    }
  }
  const typing = async (...keys: string[]) => {
    const terminal = new Terminal();
    const typed = typedUnseen(terminal as never);
    for (const key of keys) terminal.emit('data', Buffer.from(key));
    const result = await typed;
    t.same(terminal.raw, [true, false], 'the terminal is as it was');
    return result;
  };
  t.equal(await typing('hu', 'x\x7fsh', '\r'), 'hush');
  t.equal(await typing('hush\x03'), undefined);
});

/** A server in the gate's place, its certificate in files, and the command as a person runs it. */
async function realServer(t: Test) {
  const dovecot = await startDovecot(t, { tls: true });
  const dir = mkdtempSync(join(tmpdir(), 'sluice-sweep-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const [ca, cert, key, password] = ['ca', 'cert', 'key', 'password'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
    string,
  ];
  writeFileSync(ca, dovecot.certificates?.ca ?? '');
  writeFileSync(cert, dovecot.certificates?.certificate ?? '');
  writeFileSync(key, dovecot.certificates?.key ?? '', { mode: 0o600 });
  writeFileSync(password, `${dovecot.password}\n`, { mode: 0o600 });
  const configFor = (port: number, tls: string) => {
    const file = join(dir, `${port}.yaml`);
    const files = `{ certificateFile: ${cert}, keyFile: ${key}, caFile: ${ca} }`;
    const listener = `{ listen: "127.0.0.1:${port}", tls: ${tls}, upstream: { host: localhost } }`;
    writeFileSync(file, `dataDirectory: ${dir}/var\ntls: ${files}\nimap: { listeners: [${listener}] }\n`);
    return file;
  };
  const command = (config: string, ...more: string[]) =>
    new Promise<{ code: number | null; out: string; error: string }>((resolve) => {
      const child = spawn(process.execPath, [main, 'sweep', '--config', config, '--user', 'anna', ...more], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let [out, error] = ['', ''];
      child.stdout.on('data', (chunk) => (out += String(chunk)));
      child.stderr.on('data', (chunk) => (error += String(chunk)));
      child.on('close', (code) => resolve({ code, out, error }));
    });
  return { dovecot, cert, key, password, configFor, command, withFile: ['--password-file', password] };
}

t.test('through a real server', { skip: skipWithout(...dovecotPrograms) }, async (t) => {
  const { dovecot, configFor, command, withFile } = await realServer(t);
  const user = dovecot.user('anna');
  const mail = (field: string) => Buffer.from(`${field}: x\r\nSubject: y\r\n\r\nbody\r\n`);
  const sixty = Array.from({ length: 60 }, () => mail('X-Other'));
  dovecot.putMaildir(user, sixty);
  dovecot.putMaildir(user, [mail('X-Sluice-Notice'), Buffer.from('X-Empty: 1\r\n\r\n')], 'Work.Old');
  const implicit = await command(configFor(dovecot.tlsPort, 'implicit'), ...withFile);
  t.match(implicit, { code: 0, error: /^Everything is judged/ });
  t.match(implicit.out, /INBOX +60 +60 +0 +0\nWork\/Old +2 +1 +1 +0\nall +62 +61 +1 +0\n/);
  const starttls = await command(configFor(dovecot.port, 'starttls'), ...withFile, '--mailbox', 'INBOX', '--json');
  t.match(JSON.parse(starttls.out), { complete: true, mailboxes: [{ path: 'INBOX', messages: 60, clean: 60 }] });
  t.same(await unseen(dovecot), [60, 0], 'no message is marked as read');
});

t.test('what is wrong is said, with what to do', { skip: skipWithout(...dovecotPrograms, 'openssl') }, async (t) => {
  const { dovecot, cert, key, password, configFor, command, withFile } = await realServer(t);
  dovecot.user('anna');
  writeFileSync(password, 'hush-hush', { mode: 0o600 });
  const wrong = await command(configFor(dovecot.tlsPort, 'implicit'), ...withFile);
  t.match(wrong, { code: 1, out: '', error: /refuses the login of anna.*Nothing was judged/ });
  t.notMatch(wrong.error, 'hush');
  t.match(await command(configFor(dovecot.port, 'none')), { code: 2, error: /--password-file/ });
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=other'];
  execFileSync('openssl', ['req', '-x509', ...made, '-keyout', key, '-out', cert], { stdio: 'pipe' });
  const attempts = () => dovecot.log.match(/auth failed/g)?.length ?? 0;
  const before = attempts();
  const other = await command(configFor(dovecot.tlsPort, 'implicit'), ...withFile);
  t.match(other, { code: 1, error: /another certificate than/ });
  t.equal(attempts(), before, 'whoever shows it does not get the password');
  t.ok(before > 0, 'a login would have been noticed');
  t.match(await command(configFor(await freePort(), 'none'), ...withFile), {
    code: 1,
    error: /is the gate running\? Start it/,
  });
});

/** messages of the INBOX that nobody has read, and those that somebody has */
async function unseen(dovecot: Dovecot): Promise<[number, number]> {
  const client = await ImapWireClient.login(dovecot.port, 'anna', dovecot.password);
  const found: FetchedMessage[] = [];
  const facts = new FetchFacts((message) => found.push(message));
  await client.run([Buffer.from('EXAMINE INBOX')]);
  await client.run([Buffer.from('FETCH 1:* (UID FLAGS)')], (event) => facts.take(event));
  client.close();
  const read = found.filter((message) => message.flags?.includes('\\Seen'));
  return [found.length - read.length, read.length];
}

t.test('a server that hangs up or refuses for a while is told from one that refuses for good', async (t) => {
  const answers = ['* BYE full\r\n', '* OK ready\r\n'];
  const server = createServer((socket) => {
    const greeting = answers.shift() ?? '* OK ready\r\n';
    socket.on('error', () => {});
    socket.write(greeting);
    if (greeting.startsWith('* BYE')) socket.end();
    socket.on('data', (chunk) => {
      const [tag = ''] = String(chunk).split(' ');
      if (/CAPABILITY/i.test(String(chunk))) socket.write(`* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n${tag} OK\r\n`);
      else socket.write(`${tag} NO [UNAVAILABLE] the directory is down\r\n`);
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const target = { name: 'imap', host: '127.0.0.1', port, tls: 'none', tlsOptions: undefined } as const;
  const login = { user: 'anna', login: undefined, password: 'x' };
  const failure = () => openConnection(target, login).catch((error: unknown) => error);
  const [hungUp, refused] = [await failure(), await failure()];
  t.ok(hungUp instanceof ConnectionLost, 'it may be there again');
  t.ok(refused instanceof ConnectionLost, 'RFC 5530: it passes');
  t.match(refused, { message: /the directory is down/ });
});
