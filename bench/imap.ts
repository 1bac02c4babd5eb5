/**
 * What the gate costs those who read their mail: the same commands to Dovecot directly and through the gate, in turns in
 * one run. `judged` is what was read before; `first time` is a gate that has never seen the mailbox.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { octetsOf } from '../test/support/ambiguous-payload.js';
import { Dovecot, dovecotPrograms } from '../test/support/dovecot.js';
import { Gate } from '../test/support/gate.js';
import { base64Lines } from '../test/support/mail.js';
import { findProgram } from '../test/support/missing.js';
import { peakResidentBytesOf, resetPeakResident } from '../test/support/process-facts.js';
import type { ImapIdleLoad, ImapLoad, ImapLoadResult } from './imap-load.js';
import { median } from './load.js';

const run = promisify(execFile);
const generator = fileURLToPath(new URL('./imap-load-generator.js', import.meta.url));
const partialBytes = 65_536;
const secondsMax = 60;

interface Options {
  readonly rounds: number;
  readonly messages: number;
  /** octets of a whole message, about */
  readonly sizes: readonly number[];
  readonly idle: number;
  readonly json: string | undefined;
}

/** What is asked of one mailbox. */
interface Scenario {
  readonly name: string;
  readonly bytes: number;
  readonly user: string;
  readonly commands: readonly string[];
  readonly repeats: number;
  /** rates are told of octets, else of commands */
  readonly bulk: boolean;
}

interface Row {
  readonly name: string;
  readonly bytes: number;
  readonly state: 'judged' | 'first time';
  readonly unit: 'MB/s' | 'commands/s';
  readonly ratio: number;
  readonly ratioMin: number;
  readonly direct: number;
  readonly gate: number;
  readonly gateMin: number;
  readonly gateP99Ms: number;
  /** for each MB or command */
  readonly gateCpuMs: number;
  readonly gatePeakBytes: number;
  readonly failures: number;
  readonly firstFailure: string;
}

function parseOptions(parameters: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      rounds: { type: 'string' },
      messages: { type: 'string' },
      sizes: { type: 'string', default: '1400,5500,102000' },
      idle: { type: 'string' },
    },
  });
  const { quick } = values;
  return {
    rounds: Math.min(50, Number(values.rounds ?? (quick ? 3 : 5))),
    messages: Number(values.messages ?? (quick ? 200 : 1000)),
    sizes: values.sizes.split(',').map(Number),
    idle: Number(values.idle ?? (quick ? 100 : 1000)),
    json: values.json,
  };
}

/** As a server keeps them: lines end with LF, the attachment is base64, no two are alike. */
function makeMail(number: number, bytes: number): Buffer {
  const head = [
    'From: a@client.example',
    'To: b@example.org',
    `Subject: m${number}`,
    'Date: Mon, 02 Feb 2026 10:00:00 +0000',
    `Message-ID: <${bytes}.${number}@client.example>`,
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=bb',
    '\n--bb\nContent-Type: text/plain\n\nhello\n--bb',
    'Content-Type: application/octet-stream; name=a.bin',
    'Content-Disposition: attachment; filename=a.bin',
    'Content-Transfer-Encoding: base64\n\n',
  ].join('\n');
  const content = octetsOf(`${bytes}/${number}`, Math.max(1, Math.round((bytes - head.length - 10) * 0.74)));
  return Buffer.from(`${head}${base64Lines(content).replaceAll('\r', '')}--bb--\n`);
}

function userOf(bytes: number): string {
  return `reader-${bytes}`;
}

function scenariosOf(bytes: number, messages: number): Scenario[] {
  const common = { bytes, user: userOf(bytes) };
  const some = Array.from({ length: Math.min(300, messages) }, (_, index) => index + 1);
  const pieces = Array.from({ length: Math.ceil(bytes / partialBytes) }, (_, piece) => piece * partialBytes);
  const partials = some.flatMap((uid) => pieces.map((at) => `UID FETCH ${uid} BODY.PEEK[]<${at}.${partialBytes}>`));
  const repeats = Math.max(1, Math.round(40e6 / (bytes * messages)));
  return [
    { ...common, name: 'all at once', commands: ['UID FETCH 1:* BODY.PEEK[]'], repeats, bulk: true },
    { ...common, name: 'one by one', commands: some.map((n) => `FETCH ${n} BODY.PEEK[]`), repeats: 1, bulk: false },
    { ...common, name: 'by 64 KiB', commands: partials, repeats: 1, bulk: false },
    {
      ...common,
      name: 'list',
      commands: ['UID FETCH 1:* (FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT FROM DATE)] BODYSTRUCTURE)'],
      repeats: Math.max(1, Math.round(2000 / messages)),
      bulk: true,
    },
  ];
}

async function generate(scenario: Scenario, server: Dovecot, port: number, once = false): Promise<ImapLoadResult> {
  const { user, commands, repeats } = scenario;
  const load: ImapLoad = { port, user, password: server.password, commands, repeats: once ? 1 : repeats, secondsMax };
  const { stdout } = await run(process.execPath, [generator, JSON.stringify(load)], { timeout: 240_000 });
  return JSON.parse(stdout) as ImapLoadResult;
}

const workOf = ({ bulk }: Scenario, { octets, commands }: ImapLoadResult) => (bulk ? octets / 1e6 : commands);

interface Round {
  readonly direct: ImapLoadResult;
  readonly gate: ImapLoadResult;
  readonly cpuMs: number;
  readonly peakBytes: number;
}

function rowOf(scenario: Scenario, state: Row['state'], rounds: readonly Round[]): Row {
  const rateOf = (result: ImapLoadResult) => workOf(scenario, result) / result.seconds;
  const direct = rounds.map((round) => rateOf(round.direct));
  const gate = rounds.map((round) => rateOf(round.gate));
  // In its answer to the whole the gate has the server's octets, so there are as many.
  const odd = rounds.filter(
    (round) => round.direct.octets / round.direct.commands < (round.gate.octets / round.gate.commands) * 0.98,
  );
  const failed = rounds.flatMap((round) => [round.direct, round.gate]).filter(({ failures }) => failures > 0);
  return {
    name: scenario.name,
    bytes: scenario.bytes,
    state,
    unit: scenario.bulk ? 'MB/s' : 'commands/s',
    ratio: median(gate) / median(direct),
    ratioMin: Math.min(...rounds.map((round) => rateOf(round.gate) / rateOf(round.direct))),
    direct: median(direct),
    gate: median(gate),
    gateMin: Math.min(...gate),
    gateP99Ms: median(rounds.map((round) => round.gate.latencyMs.p99)),
    gateCpuMs: median(rounds.map(({ gate: result, cpuMs }) => cpuMs / Math.max(1e-9, workOf(scenario, result)))),
    gatePeakBytes: Math.max(...rounds.map(({ peakBytes }) => peakBytes)),
    failures: failed.reduce((sum, { failures }) => sum + failures, odd.length),
    firstFailure: failed[0]?.firstFailure ?? (odd.length > 0 ? 'other octets than the server sent' : ''),
  };
}

async function measureRound(scenario: Scenario, server: Dovecot, gate: Gate, first: boolean): Promise<Round> {
  const direct = await generate(scenario, server, server.port, first);
  resetPeakResident(gate.pid);
  const before = gate.cpuMs;
  const result = await generate(scenario, server, gate.imapPort, first);
  return { direct, gate: result, cpuMs: gate.cpuMs - before, peakBytes: peakResidentBytesOf(gate.pid) };
}

const startGate = (server: Dovecot) =>
  Gate.start({ imapUpstreamPort: server.port, config: { smtp: { listeners: [] } } });

/** A gate whose store is empty, but whose code is compiled: it has read other mail. */
async function measureFirstTime(scenario: Scenario, server: Dovecot, rounds: number): Promise<Row> {
  const measured: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const gate = await startGate(server);
    try {
      const warm = { ...scenario, user: 'warm-up', commands: ['UID FETCH 1:* BODY.PEEK[]'] };
      await generate(warm, server, gate.imapPort, true);
      measured.push(await measureRound(scenario, server, gate, true));
    } finally {
      await gate.stop();
    }
  }
  return rowOf(scenario, 'first time', measured);
}

async function measureJudged(scenario: Scenario, server: Dovecot, gate: Gate, rounds: number): Promise<Row> {
  const measured: Round[] = [];
  await generate(scenario, server, gate.imapPort, true);
  for (let round = 0; round < rounds; round += 1) measured.push(await measureRound(scenario, server, gate, false));
  return rowOf(scenario, 'judged', measured);
}

interface IdleResult {
  readonly connections: number;
  readonly seconds: number;
  readonly bytesEach: number;
  readonly cpuMsEach: number;
}

/** Memory that the gate holds for each client that waits for news, and what it cost to get there. */
async function measureIdle(server: Dovecot, gate: Gate, connections: number): Promise<IdleResult> {
  const load: ImapIdleLoad = { port: gate.imapPort, user: 'warm-up', password: server.password, connections };
  const [memory, cpu, started] = [gate.memoryBytes, gate.cpuMs, performance.now()];
  const child: ChildProcess = spawn(process.execPath, [generator, JSON.stringify(load)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('the idle clients ended')));
  await Promise.race([child.stdout === null ? ended : once(child.stdout, 'data'), ended]);
  ended.catch((error: Error) => void error);
  const seconds = (performance.now() - started) / 1000;
  const result = {
    connections,
    seconds,
    bytesEach: (gate.memoryBytes - memory) / connections,
    cpuMsEach: (gate.cpuMs - cpu) / connections,
  };
  child.stdin?.end();
  return result;
}

const columns = [
  'what',
  'octets',
  'state',
  'ratio',
  'worst',
  'direct',
  'gate',
  'gate min',
  '',
  'p99 ms',
  'CPU ms',
  'peak MB',
];
const widths = [12, 7, 10, 6, 6, 9, 9, 9, 10, 8, 8, 8];

function print(cells: readonly string[]): void {
  process.stdout.write(`${cells.map((cell, index) => cell.padStart(widths[index] ?? 8)).join('  ')}\n`);
}

function printRow(row: Row): void {
  const rate = (value: number) => value.toFixed(value < 100 ? 1 : 0);
  print([
    row.name,
    String(row.bytes),
    row.state,
    row.ratio.toFixed(3),
    row.ratioMin.toFixed(3),
    rate(row.direct),
    rate(row.gate),
    rate(row.gateMin),
    row.unit,
    row.gateP99Ms.toFixed(2),
    row.gateCpuMs.toFixed(3),
    (row.gatePeakBytes / 1e6).toFixed(0),
  ]);
  if (row.failures > 0) process.stdout.write(`  ${row.failures} failures, the first: ${row.firstFailure}\n`);
}

async function measureAll(options: Options, server: Dovecot): Promise<{ rows: Row[]; idle: IdleResult }> {
  const rows: Row[] = [];
  const note = (row: Row) => {
    rows.push(row);
    printRow(row);
  };
  const gate = await startGate(server);
  try {
    const noop = { name: 'NOOP', bytes: 0, user: 'warm-up', commands: ['NOOP'], repeats: 3000, bulk: false };
    note(await measureJudged(noop, server, gate, options.rounds));
    for (const scenario of options.sizes.flatMap((bytes) => scenariosOf(bytes, options.messages))) {
      note(await measureJudged(scenario, server, gate, options.rounds));
    }
    for (const scenario of options.sizes.flatMap((bytes) => scenariosOf(bytes, options.messages))) {
      note(await measureFirstTime(scenario, server, Math.min(3, options.rounds)));
    }
    const idle = await measureIdle(server, gate, options.idle);
    const [kilobytes, cpu] = [(idle.bytesEach / 1000).toFixed(1), idle.cpuMsEach.toFixed(2)];
    process.stdout.write(`${idle.connections} idle connections: ${kilobytes} kB each, ${cpu} ms CPU to begin each\n`);
    return { rows, idle };
  } finally {
    await gate.stop();
  }
}

export async function benchImap(parameters: readonly string[]): Promise<void> {
  const options = parseOptions(parameters);
  if (dovecotPrograms.some((name) => findProgram(name) === undefined)) {
    throw new Error('this measurement needs Dovecot (dovecot-imapd)');
  }
  const server = await Dovecot.start();
  try {
    const mailsOf = (bytes: number, from: number, count: number) =>
      Array.from({ length: count }, (_, number) => makeMail(from + number, bytes));
    for (const bytes of options.sizes) server.putMaildir(userOf(bytes), mailsOf(bytes, 0, options.messages));
    server.putMaildir('warm-up', [...mailsOf(5500, 1e6, 150), ...mailsOf(102_000, 1e6, 20)]);
    process.stdout.write(
      `medians of ${options.rounds} interleaved rounds, ${options.messages} messages; the ratio is gate to direct\n`,
    );
    print(columns);
    const { rows, idle } = await measureAll(options, server);
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ rows, idle }, undefined, 2)}\n`);
    if (rows.some(({ failures }) => failures > 0)) process.exitCode = 1;
  } finally {
    await server.stop();
  }
}
