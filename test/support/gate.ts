/**
 * Runs the gate as its users do: a configuration file, `node dist/src/main.js run`, its log. Tests see it from outside
 * only, so they hold whatever becomes of the inside.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atExit } from './at-exit.js';
import { freePort, waitFor } from './ports.js';
import { cpuMsOf, residentBytesOf } from './process-facts.js';

/** compiled, this file lies in dist/test/support */
const entry = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const readyTimeoutMs = 60_000;
const stopTimeoutMs = 40_000;

export type Settings = Readonly<Record<string, unknown>>;
export type LogLine = Readonly<Record<string, unknown>>;

export interface GateOptions {
  /** of the one listener; ignored when `config.smtp` is given */
  readonly upstreamPort?: number;
  /** merged over the default listener */
  readonly listener?: Settings;
  /** of the one IMAP listener, on `imapPort`; without it there is none */
  readonly imapUpstreamPort?: number;
  /** merged over the default IMAP listener */
  readonly imapListener?: Settings;
  /** merged over the default configuration, section by section */
  readonly config?: Settings;
  /** kept after `stop`, and used again by a gate started with the same folder */
  readonly folder?: string;
  readonly nodeOptions?: readonly string[];
}

interface GatePorts {
  readonly smtp: number;
  readonly imap: number;
  readonly status: number;
}

function imapSection(options: GateOptions, port: number): Settings {
  if (options.imapUpstreamPort === undefined) return {};
  const upstream = { host: '127.0.0.1', port: options.imapUpstreamPort };
  return { imap: { listeners: [{ listen: `127.0.0.1:${port}`, upstream, ...options.imapListener }] } };
}

function configurationOf(options: GateOptions, folder: string, ports: GatePorts): Settings {
  const listener = {
    listen: `127.0.0.1:${ports.smtp}`,
    upstream: { host: '127.0.0.1', port: options.upstreamPort ?? 25 },
    localDomains: ['example.org'],
    ...options.listener,
  };
  return {
    hostname: 'gate.example.org',
    dataDirectory: join(folder, 'var'),
    smtp: { listeners: [listener] },
    ...imapSection(options, ports.imap),
    notice: { from: 'Mail Security <postmaster@example.org>', subject: 'Malware Detected' },
    // Tests run side by side, and only one of them could have the port of the default.
    portal: { listen: '' },
    status: { listen: `127.0.0.1:${ports.status}` },
    log: { level: 'info' },
    ...options.config,
  };
}

export class Gate {
  readonly folder: string;
  readonly port: number;
  /** where IMAP is, when it was asked for */
  readonly imapPort: number;
  readonly statusPort: number;
  readonly log: LogLine[] = [];
  /** everything that was written to stdout and stderr, for secrets that must not be there */
  output = '';
  readonly #child: ChildProcess;
  readonly #configFile: string;
  readonly #keepFolder: boolean;
  #partial = '';
  #exitCode: number | null | undefined;

  private constructor(options: GateOptions, folder: string, ports: GatePorts) {
    this.folder = folder;
    this.port = ports.smtp;
    this.imapPort = ports.imap;
    this.statusPort = ports.status;
    this.#keepFolder = options.folder !== undefined;
    this.#configFile = join(folder, 'sluice.yaml');
    this.writeConfig(configurationOf(options, folder, ports));
    this.#child = spawn(
      process.execPath,
      [...(options.nodeOptions ?? []), entry, 'run', '--config', this.#configFile],
      {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#collect(chunk.toString('utf8')));
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.output += chunk.toString('utf8');
    });
    const disarm = atExit(() => this.#child.kill('SIGKILL'));
    // Not 'exit', which may come while its last lines are still in the pipe.
    this.#child.on('close', (code) => {
      this.#exitCode = code;
      disarm();
    });
  }

  /** @throws Error with the gate's own words when it does not get ready */
  static async start(options: GateOptions = {}): Promise<Gate> {
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'sluice-gate-'));
    mkdirSync(folder, { recursive: true });
    const gate = new Gate(options, folder, {
      smtp: await freePort(),
      imap: await freePort(),
      status: await freePort(),
    });
    await waitFor('ready line', readyTimeoutMs, () => {
      if (gate.#exitCode !== undefined) throw new Error(`the gate ended with ${gate.#exitCode}: ${gate.output}`);
      return gate.log.find((line) => String(line.msg).includes('ready'));
    }).catch(async (error: Error) => {
      await gate.kill();
      throw new Error(`${error.message}\n${gate.output}`);
    });
    return gate;
  }

  #collect(text: string): void {
    this.output += text;
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) {
      try {
        this.log.push(JSON.parse(line) as LogLine);
      } catch {
        this.log.push({ msg: line, notJson: true });
      }
    }
  }

  /** JSON is YAML, so what is written is what is read. */
  writeConfig(config: Settings): void {
    writeFileSync(this.#configFile, JSON.stringify(config, undefined, 2));
  }

  readConfig(): Settings {
    return JSON.parse(readFileSync(this.#configFile, 'utf8')) as Settings;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#exitCode === undefined;
  }

  get memoryBytes(): number {
    return residentBytesOf(this.pid);
  }

  get cpuMs(): number {
    return cpuMsOf(this.pid);
  }

  /** The first log line that `test` accepts, waited for. */
  waitForLog(what: string, test: (line: LogLine) => boolean, timeoutMs = 10_000): Promise<LogLine> {
    return waitFor(what, timeoutMs, () => this.log.find(test));
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async #exited(): Promise<number | null> {
    await waitFor('exit of the gate', stopTimeoutMs, () => (this.#exitCode === undefined ? undefined : true));
    return this.#exitCode ?? null;
  }

  /** As a power cut would. The folder stays when it was given. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#exited();
    this.#removeFolder();
  }

  /** Graceful stop; resolves with the exit code. */
  async stop(): Promise<number | null> {
    this.signal('SIGTERM');
    const code = await this.#exited();
    this.#removeFolder();
    return code;
  }

  #removeFolder(): void {
    if (!this.#keepFolder) rmSync(this.folder, { recursive: true, force: true });
  }
}
