/**
 * Sends one load from a process of its own and prints the result as JSON. It counts what comes and looks for the tag at
 * its end, and reads nothing else, so that it is not what is measured. Asked for idle connections, it prints `idle` when
 * all are, and ends with its input.
 */
import { connect, type Socket } from 'node:net';
import type { ImapIdleLoad, ImapLoad, ImapLoadResult } from './imap-load.js';
import { percentile } from './load.js';

const bufferBytes = 262_144;
/** longer than any last line of an answer */
const tailBytes = 512;

/** One connection, one command at a time. */
class Line {
  readonly #socket: Socket;
  readonly #tail = Buffer.alloc(2 * tailBytes);
  #tailLength = 0;
  #ending: Buffer | undefined;
  #answered: (status: string) => void = () => {};
  #failed: (error: Error) => void = () => {};
  #commands = 0;
  octets = 0;

  private constructor(port: number) {
    // One buffer for all that comes: nothing is kept of it.
    const onread = {
      buffer: Buffer.allocUnsafe(bufferBytes),
      callback: (length: number, buffer: Uint8Array) => {
        this.#received(Buffer.from(buffer.buffer, buffer.byteOffset, length));
        return true;
      },
    };
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, onread });
    this.#socket.on('error', (error) => this.#failed(error));
    this.#socket.on('close', () => this.#failed(new Error('connection closed')));
  }

  static async login(load: Pick<ImapLoad, 'port' | 'user' | 'password'>): Promise<Line> {
    const line = new Line(load.port);
    await line.#until('* OK');
    await line.ask(`LOGIN ${load.user} ${load.password}`);
    await line.ask('SELECT INBOX');
    return line;
  }

  #received(chunk: Buffer): void {
    this.octets += chunk.length;
    if (chunk.length >= tailBytes) {
      chunk.copy(this.#tail, 0, chunk.length - tailBytes);
      this.#tailLength = tailBytes;
    } else {
      const kept = Math.min(this.#tailLength, tailBytes);
      this.#tail.copy(this.#tail, 0, this.#tailLength - kept, this.#tailLength);
      chunk.copy(this.#tail, kept);
      this.#tailLength = kept + chunk.length;
    }
    this.#look();
  }

  /** Whether the last line is the one that is waited for. */
  #look(): void {
    const ending = this.#ending;
    const tail = this.#tail.subarray(0, this.#tailLength);
    if (ending === undefined || tail.at(-1) !== 0x0a) return;
    const last = tail.subarray(tail.lastIndexOf(0x0a, tail.length - 2) + 1);
    if (last.subarray(0, ending.length).compare(ending) !== 0) return;
    this.#ending = undefined;
    this.#answered(last.toString('latin1', ending.length).trim());
  }

  #until(ending: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#ending = Buffer.from(ending);
      this.#answered = resolve;
      this.#failed = reject;
    });
  }

  /** What stands behind the tag. */
  ask(command: string): Promise<string> {
    this.#commands += 1;
    const tag = `t${this.#commands}`;
    const answer = this.#until(`${tag} `);
    this.#socket.write(`${tag} ${command}\r\n`, 'latin1');
    return answer;
  }

  async idle(): Promise<void> {
    const answer = this.#until('+ ');
    this.#socket.write('i IDLE\r\n');
    await answer;
  }

  end(): void {
    this.#failed = () => {};
    this.#socket.destroy();
  }
}

async function play(load: ImapLoad): Promise<ImapLoadResult> {
  const line = await Line.login(load);
  const latencies: number[] = [];
  const before = line.octets;
  const started = performance.now();
  let failures = 0;
  let firstFailure = '';
  for (let round = 0; round < load.repeats; round += 1) {
    for (const command of load.commands) {
      const begun = performance.now();
      if (begun - started > load.secondsMax * 1000) break;
      const status = await line.ask(command);
      latencies.push(performance.now() - begun);
      if (!status.startsWith('OK')) {
        failures += 1;
        firstFailure ||= `${command.slice(0, 80)}: ${status.slice(0, 200)}`;
      }
    }
  }
  const seconds = (performance.now() - started) / 1000;
  const octets = line.octets - before;
  line.end();
  latencies.sort((one, other) => one - other);
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(latencies, share));
  const latencyMs = { p50: p50 ?? 0, p95: p95 ?? 0, p99: p99 ?? 0 };
  return { commands: latencies.length, octets, failures, firstFailure, seconds, latencyMs };
}

/** As many at a time as a server takes in at once without queueing them. */
async function idle(load: ImapIdleLoad): Promise<void> {
  const lines: Line[] = [];
  while (lines.length < load.connections) {
    const group = Math.min(20, load.connections - lines.length);
    lines.push(...(await Promise.all(Array.from({ length: group }, () => Line.login(load)))));
  }
  await Promise.all(lines.map((line) => line.idle()));
  process.stdout.write('idle\n');
  await new Promise((resolve) => process.stdin.once('end', resolve).resume());
  for (const line of lines) line.end();
}

const load = JSON.parse(process.argv[2] ?? '{}') as ImapLoad | ImapIdleLoad;
if ('connections' in load) await idle(load);
else process.stdout.write(JSON.stringify(await play(load)));
