/**
 * How much the gate costs: the same load on a sink directly and through the gate, in turns in one run, because the
 * machine's own speed moves more than the difference. Ratios and the gate's processor time are what to quote.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { Gate } from '../test/support/gate.js';
import { peakResidentBytesOf, resetPeakResident } from '../test/support/process-facts.js';
import { type Load, type LoadResult, median } from './load.js';

const run = promisify(execFile);
const mebibyte = 1_048_576;

interface Scenario {
  readonly bytes: number;
  readonly connections: number;
  readonly messages: number;
}

interface Measured {
  readonly bytes: number;
  readonly connections: number;
  readonly messages: number;
  readonly ratio: number;
  readonly direct: Rate;
  readonly gate: Rate;
  readonly gateCpuMsPerMessage: number;
  readonly gatePeakBytes: number;
  readonly eventLoopDelayMs: Readonly<Record<string, number>>;
  readonly failures: number;
  readonly firstFailure: string;
}

interface Rate {
  readonly messagesPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

interface Options {
  readonly rounds: number;
  readonly scenarios: readonly Scenario[];
  readonly distinct: boolean;
  readonly pipelining: boolean;
  readonly maliciousShare: number;
  readonly secondsMax: number;
  readonly json: string | undefined;
}

function parseSize(text: string): number {
  const match = /^(\d+)([km]?)$/i.exec(text);
  if (match === null) throw new Error(`${text} is not a size: write 1k, 100k or 10m`);
  const unit = { '': 1, k: 1024, m: mebibyte }[(match[2] ?? '').toLowerCase()] ?? 1;
  return Number(match[1]) * unit;
}

/**
 * Enough messages for a steady number, few enough to end: some 120 MB or 8,000 messages a run, at least one for each
 * connection; a quick run has a third of that, and no more connections than messages.
 */
function scenarioOf(bytes: number, connections: number, quick: boolean): Scenario {
  const usual = Math.min(8000, Math.max(12, (120 * mebibyte) / bytes)) / (connections === 1 ? 2 : 1);
  if (!quick) return { bytes, connections, messages: Math.max(connections, Math.round(usual)) };
  const messages = Math.max(Math.min(connections, 24), Math.round(usual / 3));
  return { bytes, connections: Math.min(connections, messages), messages };
}

function parseOptions(parameters: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      rounds: { type: 'string' },
      sizes: { type: 'string', default: '1k,100k,10m' },
      connections: { type: 'string', default: '1,10,100' },
      same: { type: 'boolean', default: false },
      pipelining: { type: 'boolean', default: false },
      malicious: { type: 'string', default: '0' },
    },
  });
  const connections = values.connections.split(',').map(Number);
  const scenarios = values.sizes
    .split(',')
    .map(parseSize)
    .flatMap((bytes) => connections.map((count) => scenarioOf(bytes, count, values.quick)));
  return {
    rounds: Math.min(50, Number(values.rounds ?? (values.quick ? 3 : 5))),
    scenarios,
    distinct: !values.same,
    pipelining: values.pipelining,
    maliciousShare: Number(values.malicious),
    secondsMax: values.quick ? 5 : 15,
    json: values.json,
  };
}

function compiled(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

async function startSink(): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = spawn(process.execPath, [compiled('./fast-sink.js')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', () => reject(new Error('the sink did not start')));
    child.stdout?.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())));
  });
  return { child, port };
}

async function generate(load: Load): Promise<LoadResult> {
  const parameters = [compiled('./load-generator.js'), JSON.stringify(load)];
  const { stdout } = await run(process.execPath, parameters, { timeout: (load.secondsMax + 60) * 1000 });
  return JSON.parse(stdout) as LoadResult;
}

/** The gate's own event loop delay, where its metrics have it, in ms by quantile. */
async function eventLoopDelay(statusPort: number): Promise<Record<string, number>> {
  const response = await fetch(`http://127.0.0.1:${statusPort}/metrics`).catch(() => undefined);
  const text = response?.ok === true ? await response.text() : '';
  const found = [...text.matchAll(/^\w*event_?loop\w*_(mean|max|p50|p90|p99)_seconds(?:\{.*\})? (\S+)$/gm)];
  return Object.fromEntries(found.map((match) => [match[1] ?? '', Number(match[2]) * 1000]));
}

function rateOf(results: readonly LoadResult[]): Rate {
  return {
    messagesPerSecond: median(results.map(({ messages, seconds }) => messages / seconds)),
    megabytesPerSecond: median(results.map(({ octets, seconds }) => octets / seconds / 1e6)),
    p50: median(results.map(({ latencyMs }) => latencyMs.p50)),
    p95: median(results.map(({ latencyMs }) => latencyMs.p95)),
    p99: median(results.map(({ latencyMs }) => latencyMs.p99)),
  };
}

async function measure(scenario: Scenario, options: Options, gate: Gate, sinkPort: number): Promise<Measured> {
  const { distinct, pipelining, maliciousShare, secondsMax } = options;
  const load = { ...scenario, attachment: scenario.bytes > 4096, distinct, pipelining, maliciousShare, secondsMax };
  const direct: LoadResult[] = [];
  const gated: LoadResult[] = [];
  const cpu: number[] = [];
  resetPeakResident(gate.pid);
  for (let round = 0; round < options.rounds; round += 1) {
    direct.push(await generate({ ...load, port: sinkPort }));
    const before = gate.cpuMs;
    const result = await generate({ ...load, port: gate.port });
    gated.push(result);
    cpu.push((gate.cpuMs - before) / Math.max(1, result.messages));
  }
  const directRate = rateOf(direct);
  const gateRate = rateOf(gated);
  return {
    ...scenario,
    ratio: gateRate.messagesPerSecond / directRate.messagesPerSecond,
    direct: directRate,
    gate: gateRate,
    gateCpuMsPerMessage: median(cpu),
    gatePeakBytes: peakResidentBytesOf(gate.pid),
    eventLoopDelayMs: await eventLoopDelay(gate.statusPort),
    failures: [...direct, ...gated].reduce((sum, { failures }) => sum + failures, 0),
    firstFailure: [...direct, ...gated].find(({ firstFailure }) => firstFailure !== '')?.firstFailure ?? '',
  };
}

/** The first thousand messages of a young process meet code that is not compiled yet; no server stays that young. */
async function warmUp(options: Options, gate: Gate): Promise<void> {
  const { distinct, pipelining, secondsMax } = options;
  const common = { port: gate.port, connections: 10, distinct, pipelining, maliciousShare: 0, secondsMax };
  await generate({ ...common, messages: 2000, bytes: 1024, attachment: false });
  await generate({ ...common, messages: 100, bytes: 102_400, attachment: true });
}

function sizeName(bytes: number): string {
  return bytes >= mebibyte ? `${bytes / mebibyte} MiB` : `${bytes / 1024} KiB`;
}

const columns = [
  'size',
  'conns',
  'ratio',
  'direct msg/s',
  'gate msg/s',
  'gate MB/s',
  'p50 ms',
  'p95 ms',
  'p99 ms',
  'CPU ms/msg',
  'peak MB',
  'loop p99 ms',
];

function cellsOf(row: Measured): string[] {
  return [
    sizeName(row.bytes),
    String(row.connections),
    row.ratio.toFixed(3),
    row.direct.messagesPerSecond.toFixed(row.direct.messagesPerSecond < 100 ? 1 : 0),
    row.gate.messagesPerSecond.toFixed(row.gate.messagesPerSecond < 100 ? 1 : 0),
    row.gate.megabytesPerSecond.toFixed(1),
    row.gate.p50.toFixed(2),
    row.gate.p95.toFixed(2),
    row.gate.p99.toFixed(2),
    row.gateCpuMsPerMessage.toFixed(3),
    (row.gatePeakBytes / 1e6).toFixed(0),
    row.eventLoopDelayMs.p99?.toFixed(2) ?? '-',
  ];
}

function printRow(cells: readonly string[]): void {
  const widths = columns.map((column) => Math.max(column.length, 8));
  process.stdout.write(`${cells.map((cell, index) => cell.padStart(widths[index] ?? 8)).join('  ')}\n`);
}

export async function benchSmtp(parameters: readonly string[]): Promise<void> {
  const options = parseOptions(parameters);
  const sink = await startSink();
  const gate = await Gate.start({ upstreamPort: sink.port, config: { log: { level: 'info' } } });
  const rows: Measured[] = [];
  try {
    process.stdout.write(`medians of ${options.rounds} interleaved rounds; the ratio is gate to direct\n`);
    printRow(columns);
    await warmUp(options, gate);
    for (const scenario of options.scenarios) {
      const row = await measure(scenario, options, gate, sink.port);
      rows.push(row);
      printRow(cellsOf(row));
      if (row.failures > 0) process.stdout.write(`  ${row.failures} failures, the first: ${row.firstFailure}\n`);
    }
  } finally {
    await gate.stop();
    sink.child.kill('SIGTERM');
  }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, undefined, 2)}\n`);
  if (rows.some(({ failures }) => failures > 0)) process.exitCode = 1;
}
