/**
 * A private ClamAV daemon: own configuration, own signatures and no others, in a folder of its own, on a free port and
 * a unix socket. Whatever is installed on the machine is not touched.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atExit } from './at-exit.js';
import { programPath } from './missing.js';
import { freePort, waitFor, waitForPort } from './ports.js';

/** Any file with these words in it is found, also inside of archives. */
export const clamdMarker = 'SLUICE-TEST-MARKER';
/** A file with these words is found under a name that says heuristics. */
export const clamdHeuristicMarker = 'SLUICE-TEST-HEURISTIC';
/** A file that is exactly this is found. */
export const clamdWholeFile = Buffer.from('the whole of a file that is known to be bad\n');

export interface ClamdOptions {
  /** further lines of clamd.conf, which replace those of the same name */
  readonly settings?: Readonly<Record<string, string>>;
}

export class Clamd {
  readonly port: number;
  readonly socketPath: string;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #disarm: () => void;
  #ended = false;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.port = port;
    this.socketPath = join(folder, 'clamd.sock');
    this.#child = spawn(programPath('clamd'), ['-c', join(folder, 'clamd.conf')], { stdio: 'ignore' });
    this.#child.once('exit', () => {
      this.#ended = true;
    });
    this.#disarm = atExit(() => this.#child.kill('SIGKILL'));
  }

  static async start(options: ClamdOptions = {}): Promise<Clamd> {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-clamd-'));
    for (const name of ['signatures', 'scratch']) mkdirSync(join(folder, name));
    const hexOf = (text: string) => Buffer.from(text).toString('hex');
    writeFileSync(
      join(folder, 'signatures/test.ndb'),
      `Test.Marker:0:*:${hexOf(clamdMarker)}\nHeuristics.Test.Marker:0:*:${hexOf(clamdHeuristicMarker)}\n`,
    );
    const digest = createHash('md5').update(clamdWholeFile).digest('hex');
    writeFileSync(join(folder, 'signatures/test.hdb'), `${digest}:${clamdWholeFile.length}:Test.WholeFile\n`);
    const port = await freePort();
    const settings: Record<string, string> = {
      Foreground: 'yes',
      LogFile: `${folder}/clamd.log`,
      DatabaseDirectory: `${folder}/signatures`,
      TemporaryDirectory: `${folder}/scratch`,
      LocalSocket: `${folder}/clamd.sock`,
      TCPSocket: String(port),
      TCPAddr: '127.0.0.1',
      MaxThreads: '4',
      MaxQueue: '8',
      StreamMaxLength: '1M',
      CommandReadTimeout: '2',
      AlertEncrypted: 'yes',
      AlertExceedsMax: 'yes',
      ...options.settings,
    };
    const lines = Object.entries(settings).map(([key, value]) => `${key} ${value}\n`);
    writeFileSync(join(folder, 'clamd.conf'), lines.join(''));
    const clamd = new Clamd(folder, port);
    const explain = (error: Error): never => {
      throw new Error(`${error.message}\n${clamd.log}`);
    };
    await waitForPort(port, 20_000).catch(explain);
    await waitFor("clamd's socket", 5000, () => existsSync(clamd.socketPath)).catch(explain);
    return clamd;
  }

  get log(): string {
    const file = join(this.#folder, 'clamd.log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** Stops and continues its process: a server that is there and silent. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGCONT');
    this.#child.kill('SIGKILL');
    await waitFor('end of clamd', 10_000, () => this.#ended || undefined);
    this.#disarm();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
