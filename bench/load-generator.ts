/**
 * Sends one load from a process of its own and prints the result as JSON. Sessions are reused, as smtp-source -d does:
 * each sends MAIL, RCPT, DATA and the message, waits for every reply, and begins again.
 */
import { connect, type Socket } from 'node:net';
import { type Load, type LoadResult, percentile } from './load.js';
import { type LoadMessages, makeMessages, serialOf } from './load-message.js';

type Step = 'greeting' | 'ehlo' | 'mail' | 'rcpt' | 'data' | 'end' | 'quit';

/** What a session may still take from the common supply. */
class Supply {
  readonly load: Load;
  readonly messages: LoadMessages;
  readonly latenciesMs: number[] = [];
  readonly started = performance.now();
  readonly #run = Math.floor(Math.random() * 36 ** 5) * 36 ** 4;
  taken = 0;
  failures = 0;
  firstFailure = '';
  octets = 0;
  finishedMs = 0;

  constructor(load: Load) {
    this.load = load;
    this.messages = makeMessages(load);
  }

  /** Number of the next message; undefined when there are enough. */
  take(): number | undefined {
    const late = performance.now() - this.started > this.load.secondsMax * 1000;
    if (late || this.taken >= this.load.messages) return undefined;
    this.taken += 1;
    return this.taken;
  }

  serial(number: number): string {
    return serialOf(this.load.distinct ? this.#run + number : 0);
  }

  /** Malicious messages are spread evenly. */
  isMalicious(number: number): boolean {
    const share = this.load.maliciousShare;
    return Math.floor(number * share) > Math.floor((number - 1) * share);
  }

  fail(reply: string): void {
    this.failures += 1;
    if (this.firstFailure === '') this.firstFailure = reply;
  }
}

class LoadSession {
  readonly #supply: Supply;
  readonly #socket: Socket;
  readonly #done: () => void;
  #step: Step = 'greeting';
  #input = '';
  #number = 0;
  #begunAt = 0;
  #expected: Step[] = ['greeting'];

  constructor(supply: Supply, done: () => void) {
    this.#supply = supply;
    this.#done = done;
    this.#socket = connect({ port: supply.load.port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk.toString('latin1')));
    this.#socket.on('error', (error) => supply.fail(error.message));
    this.#socket.on('close', () => this.#closed());
  }

  #closed(): void {
    if (this.#step !== 'quit') this.#supply.fail(`closed at ${this.#step}`);
    this.#done();
  }

  #receive(text: string): void {
    this.#input += text;
    for (let end = this.#input.indexOf('\r\n'); end !== -1; end = this.#input.indexOf('\r\n')) {
      const line = this.#input.slice(0, end);
      this.#input = this.#input.slice(end + 2);
      if (line[3] !== '-') this.#reply(line);
    }
  }

  #send(step: Step, line: string): void {
    this.#step = step;
    this.#expected = [step];
    this.#socket.write(line, 'latin1');
  }

  #reply(line: string): void {
    const step = this.#expected.shift();
    if (step === undefined) return;
    const good = step === 'data' ? line.startsWith('354') : line.startsWith('2');
    const blocked = step === 'end' && line.startsWith('554') && this.#supply.isMalicious(this.#number);
    if (!good && !blocked) {
      this.#supply.fail(`${step}: ${line}`);
      this.#socket.destroy();
      return;
    }
    if (step === 'greeting') this.#send('ehlo', 'EHLO load.example\r\n');
    else if (step === 'ehlo') this.#begin();
    else if (step === 'mail' && this.#expected.length === 0) this.#send('rcpt', 'RCPT TO:<b@example.org>\r\n');
    else if (step === 'rcpt' && this.#expected.length === 0) this.#send('data', 'DATA\r\n');
    else if (step === 'data') this.#sendMessage();
    else if (step === 'end') this.#finish();
  }

  #begin(): void {
    const number = this.#supply.take();
    if (number === undefined) {
      this.#send('quit', 'QUIT\r\n');
      this.#socket.end();
      return;
    }
    this.#number = number;
    this.#begunAt = performance.now();
    if (this.#supply.load.pipelining) {
      this.#step = 'data';
      this.#expected = ['mail', 'rcpt', 'data'];
      this.#socket.write('MAIL FROM:<a@client.example>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n', 'latin1');
    } else this.#send('mail', 'MAIL FROM:<a@client.example>\r\n');
  }

  #sendMessage(): void {
    const { clean, malicious } = this.#supply.messages;
    const message = this.#supply.isMalicious(this.#number) ? malicious : clean;
    this.#step = 'end';
    this.#expected = ['end'];
    this.#socket.cork();
    this.#socket.write(message.before);
    this.#socket.write(this.#supply.serial(this.#number), 'latin1');
    this.#socket.write(message.after);
    this.#socket.uncork();
    this.#supply.octets += message.before.length + message.after.length + 12;
  }

  #finish(): void {
    this.#supply.latenciesMs.push(performance.now() - this.#begunAt);
    this.#supply.finishedMs = performance.now();
    this.#begin();
  }
}

async function run(load: Load): Promise<LoadResult> {
  const supply = new Supply(load);
  const sessions = Array.from(
    { length: Math.min(load.connections, load.messages) },
    () => new Promise<void>((resolve) => new LoadSession(supply, resolve)),
  );
  await Promise.all(sessions);
  const sorted = supply.latenciesMs.sort((a, b) => a - b);
  return {
    messages: sorted.length,
    failures: supply.failures,
    firstFailure: supply.firstFailure,
    seconds: (supply.finishedMs - supply.started) / 1000,
    octets: supply.octets,
    latencyMs: { p50: percentile(sorted, 0.5), p95: percentile(sorted, 0.95), p99: percentile(sorted, 0.99) },
  };
}

// The parent, bench/smtp.ts, made this argument.
const result = await run(JSON.parse(process.argv[2] ?? '{}') as Load);
process.stdout.write(`${JSON.stringify(result)}\n`);
