/** `sluice scoring-server` as its users run it: a process with its options, seen by its port and its log. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { atExit } from './at-exit.js';
import { freePort, waitFor } from './ports.js';

const entry = fileURLToPath(new URL('../../src/main.js', import.meta.url));

export interface ServerLine {
  readonly msg?: string;
  readonly method?: string;
  readonly route?: string;
  readonly status?: number;
  readonly sha256?: string;
}

export class ScoringServer {
  readonly port: number;
  readonly log: ServerLine[] = [];
  output = '';
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
    // Not 'exit', which may come while its last lines are still in the pipe.
    this.#exited = once(child, 'close');
    const disarm = atExit(() => child.kill('SIGKILL'));
    child.once('exit', disarm);
    let partial = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      this.output += chunk.toString('utf8');
      const lines = (partial + chunk.toString('utf8')).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) this.log.push(JSON.parse(line) as ServerLine);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.output += chunk.toString('utf8');
    });
  }

  /** @param port to come back at after it was stopped; @param folder for its temporary files, when it may be killed */
  static async start(options: readonly string[] = [], port?: number, folder?: string): Promise<ScoringServer> {
    const own = port ?? (await freePort());
    const child = spawn(process.execPath, [entry, 'scoring-server', '--listen', `127.0.0.1:${own}`, ...options], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(folder === undefined ? {} : { env: { ...process.env, TMPDIR: folder } }),
    });
    const server = new ScoringServer(own, child);
    await waitFor('ready line', 20_000, () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${server.output}`);
      return server.log.find(({ msg }) => msg === 'ready');
    });
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Requests so far, `POST /v1/files 200`. */
  get requests(): string[] {
    return this.log
      .filter(({ msg }) => msg === 'request')
      .map(({ method, route, status }) => `${method} ${route} ${status}`);
  }

  /** Gracefully; resolves with the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
    await this.#exited;
    return this.#child.exitCode;
  }
}
