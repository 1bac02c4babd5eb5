/** What is exchanged beneath a running gate: its log file, also on a disk that is full, and its certificates. */
import { type ChildProcess, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { limits } from '../src/runtime/limits.js';
import { LogSink } from '../src/runtime/log-sink.js';
import { Client } from './support/client.js';
import { buildMail } from './support/mail.js';
import { freePort, waitFor, waitForPort } from './support/ports.js';
import { folderOf, metricsOf, sendMail, startGate, startSink } from './support/running.js';
import { makeCertificates } from './support/tls.js';

t.setTimeout(120_000);

const entry = fileURLToPath(new URL('../src/main.js', import.meta.url));
/** every write to it fails with ENOSPC */
const fullDisk = '/dev/full';

function linesOf(file: string): Record<string, unknown>[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Makes the name lead elsewhere, as a disk that has room again. */
function relink(name: string, target: string): void {
  symlinkSync(target, `${name}.new`);
  renameSync(`${name}.new`, name);
}

t.test('lines wait for a disk that is full, up to a bound; what is dropped is counted', async (t) => {
  const folder = folderOf(t);
  const [link, real] = [join(folder, 'log'), join(folder, 'real')];
  symlinkSync(fullDisk, link);
  const recovered: number[] = [];
  const sink = new LogSink(link, (lost) => recovered.push(lost));
  sink.write('{"first":1}\n');
  const began = Date.now();
  await sink.flush();
  t.ok(Date.now() - began < limits.log.flushMs + 5000, 'flush gives up');
  t.match(sink.trouble, /ENOSPC/);
  const line = `{"filler":"${'x'.repeat(10_000)}"}\n`;
  const fitting = Math.floor(limits.log.waitingBytes / line.length);
  for (let count = 0; count < fitting + 50; count += 1) sink.write(line);
  t.ok(sink.lost >= 49 && sink.lost <= 52, `${sink.lost} dropped`);
  relink(link, real);
  sink.reopen();
  await waitFor('lines', 10_000, () => linesOf(real).length >= fitting || undefined);
  await waitFor('word of it', 5000, () => recovered.length > 0);
  t.same(recovered, [sink.lost]);
  t.equal(sink.trouble, undefined);
  t.same(linesOf(real)[0], { first: 1 }, 'in their order');
  sink.write('{"last":1}\n');
  await sink.flush();
  t.same(linesOf(real).at(-1), { last: 1 });
  t.equal(linesOf(real).length, 2 + fitting + 50 - sink.lost, 'whole lines, none twice');
});

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
  readonly statusPort: number;
  readonly said: () => string;
  stop(): Promise<number | null>;
}

/** A gate that logs to a file, so that there is nothing to read at its output. */
async function startLogging(t: Test, log: string, upstreamPort: number): Promise<Running> {
  const folder = folderOf(t);
  const [port, statusPort] = [await freePort(), await freePort()];
  const config = {
    hostname: 'gate.example.org',
    dataDirectory: join(folder, 'var'),
    smtp: { listeners: [{ listen: `127.0.0.1:${port}`, upstream: { host: '127.0.0.1', port: upstreamPort } }] },
    portal: { listen: '' },
    status: { listen: `127.0.0.1:${statusPort}` },
    log: { file: log },
  };
  const { child, said, closed } = launch(t, folder, config);
  const stop = (): Promise<number | null> => {
    child.kill('SIGTERM');
    return closed;
  };
  // It listens after everything else.
  await waitForPort(statusPort, 20_000);
  return { child, port, statusPort, said, stop };
}

function launch(t: Test, folder: string, config: object) {
  writeFileSync(join(folder, 'sluice.yaml'), JSON.stringify(config));
  const child = spawn(process.execPath, [entry, 'run', '--config', join(folder, 'sluice.yaml')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  const closed = new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  t.teardown(() => child.kill('SIGKILL'));
  return { child, said: () => said, closed };
}

const readiness = async ({ statusPort }: Running) => {
  const answer = await fetch(`http://127.0.0.1:${statusPort}/readyz`);
  return { status: answer.status, text: await answer.text() };
};

t.test('a full disk under the log stops no mail', async (t) => {
  const folder = folderOf(t);
  const [log, real] = [join(folder, 'log'), join(folder, 'real')];
  symlinkSync(fullDisk, log);
  const sink = await startSink(t);
  const gate = await startLogging(t, log, sink.port);
  const mail = buildMail({ subject: 'while nothing can be written' });
  for (let count = 1; count <= 30; count += 1) {
    t.match(await sendMail(gate, mail), { code: 250 });
    t.ok(sink.messages[count - 1]?.bytes.equals(mail));
  }
  await waitFor('word of it', 10_000, () => gate.said().includes('cannot write its log') || undefined);
  t.match(await readiness(gate), { status: 200, text: /"log":"ENOSPC/ }, 'told, but no reason to send mail elsewhere');
  t.match(await metricsOf(gate), /^sluice_log_lines_lost_total 0$/m);
  relink(log, real);
  gate.child.kill('SIGHUP');
  await waitFor(
    'the lines',
    10_000,
    () => linesOf(real).some(({ msg }) => msg === 'configuration reloaded') || undefined,
  );
  await waitFor(
    'more lines',
    10_000,
    () => linesOf(real).some(({ msg }) => msg === 'the log can be written again') || undefined,
  );
  t.equal(linesOf(real).filter(({ msg }) => msg === 'message').length, 30, 'each message, though it was late');
  t.notMatch((await readiness(gate)).text, /ENOSPC/);
  t.equal(gate.said().match(/cannot write/g)?.length, 1, 'said once');
  relink(log, fullDisk);
  gate.child.kill('SIGHUP');
  t.match(await sendMail(gate, mail), { code: 250 });
  await waitFor('trouble', 10_000, () => (gate.said().match(/cannot write/g)?.length ?? 0) === 2 || undefined);
  const began = Date.now();
  t.equal(await gate.stop(), 0, 'it ends, with lines that nobody will see');
  t.ok(Date.now() - began < 20_000);
});

t.test('a log file is exchanged by SIGHUP, and no line is lost', async (t) => {
  const folder = folderOf(t);
  const [log, old] = [join(folder, 'log'), join(folder, 'log.1')];
  const sink = await startSink(t);
  const gate = await startLogging(t, log, sink.port);
  const mail = buildMail({ subject: 'before' });
  t.match(await sendMail(gate, mail), { code: 250 });
  renameSync(log, old);
  t.match(await sendMail(gate, mail), { code: 250 });
  gate.child.kill('SIGHUP');
  await waitFor('a new file', 10_000, () => existsSync(log) || undefined);
  t.match(await sendMail(gate, mail), { code: 250 });
  t.equal(await gate.stop(), 0);
  const messages = (file: string) => linesOf(file).filter(({ msg }) => msg === 'message').length;
  t.equal(messages(old) + messages(log), 3);
  t.ok(messages(log) >= 1);
  t.match(linesOf(log).at(-1), { msg: 'stopped' });
  t.equal(linesOf(old).filter(({ msg }) => msg === 'stopped').length, 0);
});

t.test('a log file that cannot be written stops the start, with a word of it', async (t) => {
  const folder = folderOf(t);
  const config = {
    dataDirectory: join(folder, 'var'),
    smtp: { listeners: [{ listen: `127.0.0.1:${await freePort()}`, upstream: { host: '127.0.0.1', port: 25 } }] },
    portal: { listen: '' },
    log: { file: folder },
  };
  const { said, closed } = launch(t, folder, config);
  t.equal(await closed, 1);
  t.match(said(), /^sluice cannot start:\s+log\.file .* cannot be written: EISDIR/);
});

async function handshake(port: number): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  return socket;
}

async function shownAt(port: number): Promise<string> {
  const socket = await handshake(port);
  const { fingerprint256 } = socket.getPeerX509Certificate() ?? {};
  socket.destroy();
  return fingerprint256 ?? '';
}

t.test('a renewed certificate is shown from the next handshake on', async (t) => {
  const folder = folderOf(t);
  const [first, second] = [makeCertificates(join(folder, 'a')), makeCertificates(join(folder, 'b'))];
  const print = ({ certificate }: { readonly certificate: string }) => new X509Certificate(certificate).fingerprint256;
  const files = { certificateFile: join(folder, 'crt'), keyFile: join(folder, 'key') };
  const put = ({ certificateFile, keyFile }: typeof files) => {
    copyFileSync(keyFile, files.keyFile);
    copyFileSync(certificateFile, files.certificateFile);
  };
  put(first);
  const sink = await startSink(t);
  const gate = await startGate(t, {
    upstreamPort: sink.port,
    listener: { tls: 'implicit' },
    imapUpstreamPort: sink.port,
    imapListener: { tls: 'implicit' },
    config: { tls: files },
  });
  const shown = () => Promise.all([gate.port, gate.imapPort].map(shownAt));
  t.same(await shown(), [print(first), print(first)]);
  const standing = await Client.greet(gate.port, { tlsCa: first.ca });
  put(second);
  await gate.waitForLog('renewal', ({ msg }) => msg === 'certificate renewed', 20_000);
  t.same(await shown(), [print(second), print(second)], 'noticed by itself, for every listener');
  await standing.command('NOOP', 250);
  standing.destroy();

  writeFileSync(files.certificateFile, 'half of a cert');
  await gate.waitForLog('refusal', ({ msg }) => String(msg).includes('is refused'), 20_000);
  t.same(await shown(), [print(second), print(second)], 'what cannot be used is not shown');
  rmSync(files.keyFile);
  put(first);
  await waitFor('the end of it', 20_000, () =>
    gate.log.filter(({ msg }) => msg === 'certificate renewed').length === 2 ? true : undefined,
  );
  t.same(await shown(), [print(first), print(first)]);
  const refused = gate.log.filter(({ msg }) => msg === 'certificate renewed');
  t.match(refused[0], { certificateFile: files.certificateFile, validTo: /\d{4} GMT$/ });
});
