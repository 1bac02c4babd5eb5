/** Runs a conversation (smtp-dialogue-file.ts) against a session, and says what was not as written. */
import { type Spool, SpoolPool } from '../../src/runtime/spool.js';
import type { Intake, Judgement, RelayOutcome, SmtpEnvelope } from '../../src/smtp/handler.js';
import type { Reply } from '../../src/smtp/reply.js';
import { ReplyReader } from '../../src/smtp/reply-reader.js';
import { SmtpSession } from '../../src/smtp/session.js';
import type { SessionSettings } from '../../src/smtp/session-io.js';
import { FakeIo } from './fake-session-io.js';

import { type Cut, type Dialogue, octetsOf, wholeCut } from './smtp-dialogue-file.js';

function settingsOf(settings: ReadonlyMap<string, string>): SessionSettings {
  const number = (key: string, initial: number) => Number(settings.get(key) ?? initial);
  return {
    listener: 'test',
    offerStartTls: settings.get('starttls') === 'yes',
    authWithoutTls: settings.get('auth-without-tls') !== 'no',
    localDomains: (settings.get('local-domains') ?? '').split(' ').filter((domain) => domain !== ''),
    recipientsMax: number('recipients', 100),
    errorsMax: number('errors', 20),
    messageBytesMax: number('bytes', 0),
    timeouts: {
      commandMs: 300_000,
      dataMs: 180_000,
      judgeMs: number('judge-seconds', 600) * 1000,
      upstreamReplyMs: 300_000,
      upstreamFinalReplyMs: 600_000,
    },
  };
}

interface Seen {
  readonly envelope: SmtpEnvelope;
  content: Buffer;
  aborted: string | undefined;
  outcome: RelayOutcome | undefined;
  resolve: ((judgement: Judgement) => void) | undefined;
  reject: ((error: Error) => void) | undefined;
  spool: Spool;
}

/** One run of one conversation in one way of cutting. */
export class DialogueRun {
  readonly #dialogue: Dialogue;
  readonly #cut: Cut;
  readonly #io = new FakeIo();
  readonly #pool: SpoolPool;
  readonly #session: SmtpSession;
  readonly #seen: Seen[] = [];
  readonly #events: string[] = [];
  readonly #problems: string[] = [];
  #judge: string;
  #now = 0;
  #greeted = false;
  readonly #banner = new ReplyReader();

  constructor(dialogue: Dialogue, cut: Cut, spoolDirectory: string) {
    this.#dialogue = dialogue;
    this.#cut = dialogue.settings.get('feed') === 'whole' ? wholeCut : cut;
    this.#pool = new SpoolPool(spoolDirectory);
    this.#judge = dialogue.settings.get('judge') ?? 'relay';
    this.#session = new SmtpSession(
      this.#io,
      settingsOf(dialogue.settings),
      {
        handler: {
          open: (envelope, spool) => this.#open(envelope, spool),
          mayTag: () => dialogue.settings.get('may-tag') === 'yes',
        },
        spools: this.#pool,
        now: () => this.#now,
        unexpected: (error) => this.#problems.push(`unexpected error: ${String(error)}`),
        event: (name, detail) => this.#events.push(detail === undefined ? name : `${name} ${detail}`),
      },
      { address: '192.0.2.7', port: 40_000, secure: dialogue.settings.get('secure') === 'yes' },
    );
  }

  /** Everything that was not as the conversation says; empty is good. */
  async run(): Promise<string[]> {
    const { steps } = this.#dialogue;
    for (let index = 0; index < steps.length && this.#problems.length === 0; ) {
      const step = steps[index];
      if (step === undefined) break;
      if (step.kind === 'client' || step.kind === 'upstream') {
        const end = steps.findIndex((other, at) => at > index && other.kind !== step.kind);
        const sent = steps.slice(index, end === -1 ? steps.length : end);
        await this.#feed(step.kind, Buffer.concat(sent.map((one) => ('octets' in one ? one.octets : Buffer.alloc(0)))));
        index += sent.length;
      } else if (step.kind === 'event') {
        await this.#event(step.words, step.line);
        index += 1;
      } else {
        index += 1;
      }
      index = this.#compare(index);
    }
    await this.#close();
    return this.#problems;
  }

  #fail(line: number, text: string): void {
    this.#problems.push(`${this.#dialogue.file}:${line}: ${text}`);
  }

  /** Takes the expectations from `index` on and compares them with all that has arrived since. */
  #compare(index: number): number {
    const { steps } = this.#dialogue;
    const next = steps[index];
    if (next === undefined || next.kind === 'event') {
      // An event that looks at something may stand between; what it leaves unread is compared behind it.
      if (next !== undefined && this.#isLook(next.words)) return index;
    }
    let client = '';
    let upstream = '';
    let at = index;
    for (let step = steps[at]; step?.kind === 'client-got' || step?.kind === 'upstream-got'; step = steps[at]) {
      if (step.kind === 'client-got') client += step.octets.toString('latin1');
      else upstream += step.octets.toString('latin1');
      at += 1;
    }
    const line = steps[Math.min(at, steps.length) - 1]?.line ?? 0;
    this.#same(line, 'client', this.#io.takeClient(), client);
    this.#same(line, 'next hop', this.#io.takeUpstream(), upstream);
    return at;
  }

  #isLook(words: readonly string[]): boolean {
    return ['ended', 'open', 'reading', 'paused', 'event', 'outcome', 'content', 'aborted'].includes(words[0] ?? '');
  }

  #same(line: number, who: string, got: string, wanted: string): void {
    if (got !== wanted) {
      this.#fail(line, `${who} got ${JSON.stringify(got)} and not ${JSON.stringify(wanted)} {${this.#events.join()}}`);
    }
  }

  async #feed(side: 'client' | 'upstream', octets: Buffer): Promise<void> {
    for (const chunk of this.#cut(octets)) {
      this.#guard(() => {
        if (side === 'client') this.#session.clientData(chunk);
        else this.#upstreamData(chunk);
      });
    }
    await settled();
  }

  #upstreamData(chunk: Buffer): void {
    if (this.#greeted) {
      if (!this.#io.upstreamDestroyed) this.#session.upstreamData(chunk);
      return;
    }
    this.#banner.read(chunk, (banner) => {
      this.#greeted = true;
      this.#session.begin(banner);
    });
  }

  /** As connection.ts does. */
  #guard(event: () => void): void {
    try {
      event();
    } catch (error) {
      this.#session.fail(error);
    }
  }

  #open(envelope: SmtpEnvelope, spool: Spool): Intake {
    const seen: Seen = {
      envelope,
      content: Buffer.alloc(0),
      aborted: undefined,
      outcome: undefined,
      resolve: undefined,
      reject: undefined,
      spool,
    };
    this.#seen.push(seen);
    return {
      write: (chunk) => {
        seen.content = Buffer.concat([seen.content, chunk]);
      },
      judge: () => this.#judgement(seen),
      abort: (reason) => {
        seen.aborted = reason;
      },
    };
  }

  #judgement(seen: Seen): Judgement | Promise<Judgement> {
    if (this.#judge !== 'later') return this.#verdict(seen, this.#judge.split(' '));
    return new Promise((resolve, reject) => {
      seen.resolve = resolve;
      seen.reject = reject;
    });
  }

  #verdict(seen: Seen, [kind = '', enhanced = '', ...text]: readonly string[]): Judgement {
    if (kind !== 'relay') {
      const reply: Reply = { code: Number(kind), enhanced, text: text.join(' ') };
      return { kind: 'answer', reply };
    }
    const whole = { start: 0, end: seen.spool.length };
    const pieces = enhanced === 'tagged' ? [Buffer.from('X-Tag: yes\r\n'), whole] : [whole];
    const settle = (outcome: RelayOutcome) => {
      if (seen.outcome !== undefined) this.#problems.push('settled twice');
      seen.outcome = outcome;
    };
    return { kind: 'relay', pieces, settled: settle };
  }

  async #event([name = '', ...words]: readonly string[], line: number): Promise<void> {
    const session = this.#session;
    const last = this.#seen.at(-1);
    const text = words.join(' ');
    switch (name) {
      case 'after':
        // one tick a second, as the server does
        for (let second = 0; second < Number(words[0]); second += 1) {
          this.#now += 1000;
          this.#guard(() => session.tick(this.#now));
        }
        break;
      case 'judge':
        this.#judge = text;
        break;
      case 'verdict':
        if (text === 'fails') last?.reject?.(new Error('the judge failed'));
        else if (last !== undefined) last.resolve?.(this.#verdict(last, words));
        break;
      case 'unreachable':
        session.refuse({ code: 421, enhanced: '4.4.1', text: 'Upstream server unreachable, try again later' });
        break;
      case 'client-ends':
        this.#guard(() => session.clientEnded());
        break;
      case 'client-closes':
        this.#guard(() => session.clientClosed());
        break;
      case 'upstream-closes':
        this.#guard(() => session.upstreamClosed());
        break;
      case 'drain':
        this.#guard(() => session.drain());
        break;
      case 'secured':
        this.#guard(() => session.secured());
        break;
      default:
        this.#look(name, text, line);
    }
    await settled();
  }

  #look(name: string, text: string, line: number): void {
    const last = this.#seen.at(-1);
    const facts: Readonly<Record<string, () => unknown>> = {
      ended: () => this.#io.ended && this.#session.ended,
      open: () => !this.#io.ended && !this.#session.ended,
      reading: () => !this.#io.paused,
      paused: () => this.#io.paused,
      handshake: () => this.#io.handshakes === Number(text),
      event: () => this.#events.includes(text),
      outcome: () => text === (last?.outcome?.kind === 'replied' ? `${last.outcome.code}` : `${last?.outcome?.kind}`),
      content: () => last?.content.equals(octetsOf(text)),
      aborted: () => last?.aborted !== undefined,
      judged: () => this.#seen.length === Number(text),
      from: () => text === [last?.envelope.mailFrom, ...(last?.envelope.mailParameters ?? [])].join(' '),
      to: () => text === last?.envelope.recipients.map((one) => [one.address, ...one.parameters].join(' ')).join(', '),
      authenticated: () => last?.envelope.peer.authenticated === (text === 'yes'),
    };
    const fact = facts[name];
    if (fact === undefined) this.#fail(line, `unknown event ${name}`);
    else if (fact() !== true) {
      this.#fail(line, `is not so: ${name} ${text} {${this.#events.join()}} ${JSON.stringify(last?.outcome)}`);
    }
  }

  /** However a conversation ends, nothing may stay behind. */
  async #close(): Promise<void> {
    this.#guard(() => this.#session.clientClosed());
    for (const seen of this.#seen) seen.resolve?.(this.#verdict(seen, ['relay']));
    await settled();
    const { usedBytes, openFiles } = this.#pool;
    if (usedBytes !== 0 || openFiles !== 0) this.#problems.push(`spool still holds ${usedBytes} B, ${openFiles} files`);
    if (!this.#io.ended) this.#problems.push('the connections were not closed');
    if (this.#io.endedTimes > 1) this.#problems.push('closed more than once');
  }
}

/** Lets promises and microtasks run. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
