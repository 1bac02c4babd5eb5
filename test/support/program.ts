/** Runs other people's programs for tests: mail clients once, servers until they are stopped by their pid. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atExit } from './at-exit.js';
import { programPath } from './missing.js';
import { freePort, waitForPort } from './ports.js';

export interface ProgramResult {
  readonly code: number | null;
  /** stdout and stderr as they came */
  readonly output: string;
}

/** ms for a program that nobody gave another time */
const usualMs = 120_000;

/** Runs to the end; killed after `timeoutMs`, and then without a code. */
export function runProgram(
  name: string,
  parameters: readonly string[],
  options: { readonly input?: Buffer; readonly timeoutMs?: number } = {},
): Promise<ProgramResult> {
  // Asked to end, some programs end well with what they have so far, as if that were all.
  const limit = { timeout: options.timeoutMs ?? usualMs, killSignal: 'SIGKILL' } as const;
  const child = spawn(programPath(name), parameters, { stdio: 'pipe', ...limit });
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk.toString('latin1');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  // A program that refuses before it has read its input closes the pipe; its exit code tells.
  child.stdin.on('error', collect);
  child.stdin.end(options.input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** haproxy in front of `backendPort`, telling it the client by a PROXY header of the given version. */
export class Haproxy {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.port = port;
    child.once(
      'exit',
      atExit(() => child.kill('SIGKILL')),
    );
  }

  static async start(backendPort: number, version: 1 | 2): Promise<Haproxy> {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-haproxy-'));
    const port = await freePort();
    const file = join(folder, 'haproxy.cfg');
    const lines = [
      'global',
      '  maxconn 1000',
      'defaults',
      '  mode tcp',
      '  timeout connect 5s',
      '  timeout client 60s',
      '  timeout server 60s',
      'listen mail',
      `  bind 127.0.0.1:${port}`,
      `  server gate 127.0.0.1:${backendPort} send-proxy${version === 2 ? '-v2' : ''}`,
      '',
    ];
    writeFileSync(file, lines.join('\n'));
    const child = spawn(programPath('haproxy'), ['-db', '-f', file], { stdio: 'ignore' });
    await waitForPort(port, 10_000);
    return new Haproxy(child, folder, port);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => {
      this.#child.once('exit', resolve);
    });
    this.#child.kill('SIGTERM');
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
