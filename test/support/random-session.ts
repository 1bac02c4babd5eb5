/**
 * A client, a next hop and a judge that do things in random order, around one session. Every reply of the next hop
 * repeats the command that it answers, and every mail carries its number in envelope and content, so that an answer or
 * a verdict that goes to the wrong place is seen at once.
 */

import type { Spool } from '../../src/runtime/spool.js';
import type { Judgement } from '../../src/smtp/handler.js';
import { SessionFixture } from './session-fixture.js';

type Random = () => number;

/** A strict server with moods. It knows whether what it is given belongs together. */
class NextHop {
  readonly accepted: { from: string; content: string }[] = [];
  readonly #random: Random;
  #input = '';
  #from = '';
  #recipients = 0;
  #inData = false;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Replies to what it understands so far. */
  take(octets: string): string {
    this.#input += octets;
    let replies = '';
    for (;;) {
      const end = this.#inData ? `\r\n${this.#input}`.indexOf('\r\n.\r\n') : this.#input.indexOf('\r\n');
      if (end === -1) return replies;
      const text = this.#input.slice(0, end);
      this.#input = this.#input.slice(end + (this.#inData ? 3 : 2));
      replies += this.#inData ? this.#endOfData(text) : this.#command(text);
    }
  }

  #endOfData(content: string): string {
    this.#inData = false;
    const good = this.#random() < 0.8;
    if (good) this.accepted.push({ from: this.#from, content });
    this.#reset();
    return `${good ? 250 : 550} end of ${/id=\d+/.exec(content)?.[0]}\r\n`;
  }

  #reset(): void {
    this.#from = '';
    this.#recipients = 0;
  }

  #command(line: string): string {
    const say = (code: number) => `${this.#random() < 0.2 ? `${code}-more\r\n` : ''}${code} to ${line}\r\n`;
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'EHLO') return '250-mx\r\n250 PIPELINING\r\n';
    if (verb === 'RSET') this.#reset();
    if (verb === 'MAIL') {
      if (this.#from !== '') return say(503);
      if (this.#random() < 0.1) return say(450);
      this.#from = line;
    }
    if (verb === 'RCPT') {
      if (this.#from === '') return say(503);
      if (this.#random() < 0.2) return say(550);
      this.#recipients += 1;
    }
    if (verb !== 'DATA') return say(250);
    if (this.#recipients === 0) return say(554);
    if (this.#random() < 0.1) {
      this.#reset();
      return say(451);
    }
    this.#inData = true;
    return say(354);
  }
}

/** The three around the session, and what travels between them. */
class World {
  readonly problems: string[] = [];
  readonly fixture: SessionFixture;
  readonly hop: NextHop;
  readonly #random: Random;
  readonly #verdicts: (() => void)[] = [];
  #toSession = '';
  #toClient = '';
  #fromClient = '';

  constructor(random: Random, spoolDirectory: string) {
    this.#random = random;
    this.hop = new NextHop(random);
    this.fixture = new SessionFixture(spoolDirectory, (spool) => this.#judge(spool));
  }

  /** At once or later; what is bad is held. */
  #judge(spool: Spool): Judgement | Promise<Judgement> {
    const content = spool.memory?.toString('latin1') ?? '';
    const verdict: Judgement = content.includes('bad')
      ? { kind: 'answer', reply: { code: 250, enhanced: '2.0.0', text: `held ${idOf(content)}` } }
      : { kind: 'relay', pieces: [{ start: 0, end: spool.length }], settled: () => undefined };
    if (this.#random() < 0.4) return verdict;
    return new Promise((resolve) => this.#verdicts.push(() => resolve(verdict)));
  }

  async #step(): Promise<void> {
    const { fixture } = this;
    this.#toSession += this.hop.take(fixture.io.takeUpstream());
    const choice = this.#random();
    if (choice < 0.45 && this.#fromClient !== '') {
      const length = 1 + Math.floor(this.#random() * this.#fromClient.length * 1.5);
      fixture.client(this.#fromClient.slice(0, length));
      this.#fromClient = this.#fromClient.slice(length);
    } else if (choice < 0.9 && this.#toSession !== '') {
      const length = 1 + Math.floor(this.#random() * this.#toSession.length * 1.5);
      const octets = this.#toSession.slice(0, length);
      this.#toSession = this.#toSession.slice(length);
      fixture.upstream(octets);
    } else if (choice < 0.95) {
      fixture.now += 1000 * Math.floor(this.#random() * 4);
      fixture.session.tick(fixture.now);
    } else {
      this.#verdicts.shift()?.();
    }
    await new Promise((resolve) => setImmediate(resolve));
    this.#toClient += fixture.io.takeClient();
  }

  /** Sends, and gives the next replies in order, with continuation lines taken off. */
  async converse(octets: string, count: number): Promise<string[]> {
    this.#fromClient = octets;
    for (let steps = 0; steps < 3000; steps += 1) {
      const whole = this.#toClient.replace(/^\d{3}-.*\r\n/gm, '').split('\r\n');
      if (whole.length > count) {
        if (whole.length > count + 1) this.problems.push(`too many replies: ${JSON.stringify(this.#toClient)}`);
        this.#toClient = '';
        return whole.slice(0, count);
      }
      if (this.fixture.io.ended) break;
      await this.#step();
    }
    this.problems.push(`waits for ${count} replies, has ${JSON.stringify(this.#toClient)}`);
    return [];
  }

  async end(): Promise<void> {
    const { fixture, problems } = this;
    fixture.session.clientClosed();
    for (const give of this.#verdicts) give();
    await new Promise((resolve) => setImmediate(resolve));
    for (const { from, content } of this.hop.accepted) {
      if (idOf(from) !== idOf(content) || content.includes('bad')) problems.push(`accepted ${from}: ${content}`);
    }
    if (fixture.errors.length > 0) problems.push(String(fixture.errors[0]));
    if (fixture.pool.usedBytes !== 0) problems.push(`spool holds ${fixture.pool.usedBytes} B`);
  }
}

/** What went wrong; empty is good. */
export async function randomSession(random: Random, spoolDirectory: string, rounds: number): Promise<string[]> {
  const world = new World(random, spoolDirectory);
  const { problems } = world;
  world.fixture.session.begin({ code: 220, raw: '220 mx\r\n' });
  await world.converse('EHLO c\r\n', 2);
  /** number of the mail whose envelope is open */
  let envelope = 0;
  let recipients = 0;
  for (let id = 1; id <= rounds && problems.length === 0; id += 1) {
    const commands = randomCommands(random, id);
    const answers = await world.converse(commands.map((line) => `${line}\r\n`).join(''), commands.length);
    for (const [index, answer] of answers.entries()) {
      const command = commands[index] ?? '';
      const ours = /^(?:354 End|500 5\.5\.2|501|503 5\.5\.1 Error|554 5\.5\.1 Error)/.test(answer);
      if (!ours && !answer.endsWith(`to ${command}`)) problems.push(`${command} was answered ${answer}`);
      if (!answer.startsWith('250')) continue;
      if (command === 'RSET') envelope = 0;
      else if (command.startsWith('MAIL')) envelope = id;
      if (command.startsWith('R')) recipients = command === 'RSET' ? 0 : recipients + 1;
    }
    const begun = answers.at(-1)?.startsWith('354') === true;
    if (commands.at(-1) === 'DATA' && begun !== (envelope !== 0 && recipients > 0)) {
      problems.push(`DATA with ${recipients} recipients was answered ${answers.at(-1)}`);
    }
    if (!begun) continue;
    const kind = random() < 0.3 ? 'bad' : 'good';
    const content = `Subject: id=${envelope} ${kind}\r\n\r\n..\r\nMAIL FROM:<x@y>\r\n.\r\n`;
    const [final = ''] = await world.converse(content, 1);
    // Time goes by at random, too.
    const late = final.startsWith('451 4.7.1 Inspection');
    const right = late || final.includes(`id=${envelope}`) || (kind === 'good' && final.endsWith('to DATA'));
    if (!right) problems.push(`mail ${envelope} was answered ${final}`);
    envelope = 0;
    recipients = 0;
  }
  await world.end();
  return problems;
}

const idOf = (text: string): string => /id=\d+/.exec(text)?.[0] ?? 'none';

/** A batch as a pipelining client sends it; whether it makes sense is left to chance. */
function randomCommands(random: Random, id: number): string[] {
  const commands: string[] = [];
  if (random() < 0.9) commands.push('RSET');
  if (random() < 0.9) commands.push(`MAIL FROM:<id=${id}@client.example>`);
  while (random() < 0.75) {
    const extra = ['NOOP', 'VRFY x', 'FOO', 'RCPT TO:<>', `RCPT TO:<r${commands.length}@example.org>`];
    commands.push(extra[Math.floor(random() * 8)] ?? `RCPT TO:<q${commands.length}@example.org>`);
  }
  commands.push(random() < 0.8 ? 'DATA' : 'NOOP last');
  return commands;
}
