/** Runs a conversation (smtp-dialogue-file.ts) against an IMAP session, and says what was not as written. */
import { censusBeforeSelect } from '../../src/imap/census/census.js';
import { createFetchExchange } from '../../src/imap/fetch/fetch-exchange.js';
import { ImapSession } from '../../src/imap/session/session.js';
import type { SessionIo, SessionSettings, SessionSummary } from '../../src/imap/session/session-io.js';
import { ResponseReader } from '../../src/imap/wire/response-reader.js';
import { SpoolPool } from '../../src/runtime/spool.js';
import { FakeOutlet } from './fake-session-io.js';
import { type Cut, type Dialogue, wholeCut } from './smtp-dialogue-file.js';
import { TrustingJudge } from './trusting-judge.js';

/** `* greeted CAPABILITY…` and `* login` and `* selected` stand for the usual openings. */
export function expandImap(line: string): string[] {
  const words = line.split(/ +/);
  if (words[0] !== '*') return [line];
  switch (words[1]) {
    case 'greeted': {
      const code = `[CAPABILITY ${['IMAP4rev1', ...words.slice(2)].join(' ')}]`;
      return [`U> * OK ${code} ready`, `S: * OK ${code} ready`];
    }
    case 'login':
      return ['C: l LOGIN bob secret', 'U< S1 LOGIN bob secret', 'U> S1 OK in', 'S: l OK in'];
    case 'selected':
      return [
        'C: s SELECT inbox',
        'U< S2 SELECT inbox',
        'U> * 3 EXISTS',
        'U> * OK [UIDVALIDITY 7] u',
        'U> * OK [UIDNEXT 30] n',
        'U> S2 OK [READ-WRITE] done',
        'S: * 3 EXISTS',
        'S: * OK [UIDVALIDITY 7] u',
        'S: * OK [UIDNEXT 30] n',
        'S: s OK [READ-WRITE] done',
      ];
    default:
      return [line];
  }
}

export function imapSettings(settings: ReadonlyMap<string, string>): SessionSettings {
  return {
    listener: 'test',
    offerStartTls: settings.get('starttls') === 'yes',
    authWithoutTls: settings.get('auth-without-tls') !== 'no',
    upstreamTls: settings.get('upstream-tls') === 'yes',
    errorsMax: Number(settings.get('errors') ?? 20),
    timeouts: {
      loginMs: 60_000,
      idleMs: 1_800_000,
      upstreamReplyMs: 600_000,
      stallMs: 300_000,
      keepAliveMs: 15_000,
      judgeMs: 600_000,
    },
  };
}

/** The outside of a session without sockets: what was sent is kept. */
export class FakeImapIo implements SessionIo {
  readonly client = new FakeOutlet();
  readonly upstream = new FakeOutlet();
  clientPaused = false;
  upstreamPaused = false;
  handshakes = 0;
  endedTimes = 0;

  pauseClient(): void {
    this.clientPaused = true;
  }

  resumeClient(): void {
    this.clientPaused = false;
  }

  pauseUpstream(): void {
    this.upstreamPaused = true;
  }

  resumeUpstream(): void {
    this.upstreamPaused = false;
  }

  flushSoon(): void {}

  startTls(): void {
    this.handshakes += 1;
  }

  end(): void {
    this.endedTimes += 1;
  }
}

/** One run of one conversation in one way of cutting. */
export class ImapDialogueRun {
  readonly #dialogue: Dialogue;
  readonly #cut: Cut;
  readonly #io = new FakeImapIo();
  readonly #pool: SpoolPool;
  readonly #judge: TrustingJudge;
  readonly #session: ImapSession;
  readonly #opening = new ResponseReader();
  readonly #events: string[] = [];
  readonly #problems: string[] = [];
  #summary: SessionSummary | undefined;
  #summaries = 0;
  #greeted = false;
  #now = 0;

  constructor(dialogue: Dialogue, cut: Cut, spoolDirectory: string) {
    const { settings } = dialogue;
    this.#dialogue = dialogue;
    this.#cut = settings.get('feed') === 'whole' ? wholeCut : cut;
    this.#pool = new SpoolPool(spoolDirectory);
    this.#judge = new TrustingJudge(this.#pool);
    this.#judge.inspected = settings.get('inspected') !== 'no';
    this.#judge.slow = settings.get('judge') === 'slow';
    const crowded = settings.get('crowded')?.split(' ');
    if (crowded !== undefined) this.#judge.crowded = { uidValidity: Number(crowded[0]), mailboxId: crowded[1] };
    this.#judge.broken = settings.get('judge') === 'broken';
    this.#session = new ImapSession(
      this.#io,
      imapSettings(settings),
      {
        handler: this.#judge,
        fetchExchange: createFetchExchange,
        beforeSelect: censusBeforeSelect({
          info: ({ reason }: { reason: string }) => this.#events.push(reason),
        } as never),
        now: () => this.#now,
        unexpected: (error) => this.#problems.push(`unexpected error: ${String(error)}`),
        event: (name, detail) => this.#events.push(detail === undefined ? name : `${name} ${detail}`),
        ended: (summary) => {
          this.#summary = summary;
          this.#summaries += 1;
        },
      },
      { address: '192.0.2.7', port: 40_000, tls: settings.get('secure') === 'yes', servername: undefined },
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
      } else {
        if (step.kind === 'event') await this.#event(step.words, step.line);
        index += 1;
      }
      index = this.#compare(index);
    }
    await this.#close();
    return this.#problems;
  }

  #fail(line: number, text: string): void {
    this.#problems.push(`${this.#dialogue.file}:${line}: ${text} {${this.#events.join()}} ${this.#summary?.reason}`);
  }

  /** Takes the expectations from `index` on and compares them with all that has arrived since. */
  #compare(index: number): number {
    const { steps } = this.#dialogue;
    const next = steps[index];
    // A look may stand between; what it leaves unread is compared behind it.
    if (next?.kind === 'event' && looks.includes(next.words[0] ?? '')) return index;
    let client = '';
    let upstream = '';
    let at = index;
    for (let step = steps[at]; step?.kind === 'client-got' || step?.kind === 'upstream-got'; step = steps[at]) {
      if (step.kind === 'client-got') client += step.octets.toString('latin1');
      else upstream += step.octets.toString('latin1');
      at += 1;
    }
    const line = steps[Math.min(at, steps.length) - 1]?.line ?? 0;
    this.#same(line, 'client', this.#io.client.take(), client);
    this.#same(line, 'server', this.#io.upstream.take(), upstream);
    return at;
  }

  #same(line: number, who: string, got: string, wanted: string): void {
    if (got !== wanted) this.#fail(line, `${who} got ${JSON.stringify(got)} and not ${JSON.stringify(wanted)}`);
  }

  async #feed(side: 'client' | 'upstream', octets: Buffer): Promise<void> {
    for (const chunk of this.#cut(octets)) {
      // Octets of a real socket belong to the session.
      const own = Buffer.from(chunk);
      this.#guard(() => {
        if (side === 'client') this.#session.clientData(own);
        else this.#upstreamData(own);
      });
    }
    await settled();
  }

  #upstreamData(chunk: Buffer): void {
    if (this.#greeted) {
      this.#session.upstreamData(chunk);
      return;
    }
    this.#opening.push(chunk);
    const greeting = this.#opening.next();
    if (greeting === undefined) return;
    this.#greeted = true;
    if (greeting.kind !== 'status') throw new Error('a greeting is a status');
    const rest = chunk.subarray(chunk.length - this.#opening.buffered);
    const learned = this.#dialogue.settings.get('learned')?.split(' ');
    this.#session.begin({ greeting, capabilities: learned, rest });
  }

  /** As connection.ts does. */
  #guard(event: () => void): void {
    try {
      event();
    } catch (error) {
      this.#session.fail(error);
    }
  }

  async #event([name = '', ...words]: readonly string[], line: number): Promise<void> {
    const session = this.#session;
    const text = words.join(' ');
    const actions: Readonly<Record<string, () => void>> = {
      after: () => {
        // one tick a second, as the server does
        for (let second = 0; second < Number(text); second += 1) {
          this.#now += 1000;
          session.tick(this.#now);
        }
      },
      secured: () => session.secured(text === '' ? undefined : text),
      unreachable: () => session.refuse(),
      'client-ends': () => session.clientEnded(),
      'client-closes': () => session.clientClosed(),
      'upstream-closes': () => session.upstreamClosed(),
      drain: () => session.drain(),
      judged: () => this.#judge.release(),
      'all-judged': () => {
        this.#judge.inspected = true;
      },
      'none-judged': () => {
        this.#judge.inspected = false;
      },
      'client-stalls': () => {
        this.#io.client.stalled = true;
      },
      'client-reads': () => this.#io.client.drain(),
      'server-stalls': () => {
        this.#io.upstream.stalled = true;
      },
      'server-reads': () => this.#io.upstream.drain(),
    };
    const action = actions[name];
    if (action === undefined) this.#look(name, text, line);
    else this.#guard(action);
    await settled();
  }

  #look(name: string, text: string, line: number): void {
    const facts: Readonly<Record<string, () => boolean>> = {
      ended: () => this.#session.ended && (text === '' || this.#summary?.reason === text),
      open: () => !this.#session.ended && this.#io.endedTimes === 0,
      reading: () => !this.#io.clientPaused && !this.#io.upstreamPaused,
      paused: () => (text === 'server' ? this.#io.upstreamPaused : this.#io.clientPaused),
      handshake: () => this.#io.handshakes === Number(text),
      event: () => this.#events.includes(text),
      'no-event': () => this.#events.length === 0,
      called: () => this.#judge.calls.includes(text),
      'not-called': () => !this.#judge.calls.some((call) => call.startsWith(text)),
    };
    const fact = facts[name];
    if (fact === undefined) this.#fail(line, `unknown event ${name}`);
    else if (!fact()) this.#fail(line, `is not so: ${name} ${text} [${this.#judge.calls.join('; ')}]`);
  }

  /** However a conversation ends, nothing may stay behind. */
  async #close(): Promise<void> {
    this.#guard(() => this.#session.clientClosed());
    this.#judge.release();
    await settled();
    const { usedBytes, openFiles } = this.#pool;
    if (usedBytes !== 0 || openFiles !== 0) this.#problems.push(`spool still holds ${usedBytes} B, ${openFiles} files`);
    if (this.#io.endedTimes !== 1) this.#problems.push(`the connections were closed ${this.#io.endedTimes} times`);
    if (this.#summaries !== 1) this.#problems.push(`${this.#summaries} summaries`);
    if (JSON.stringify([this.#events, this.#summary]).includes('secret')) this.#problems.push('a password in the log');
  }
}

const looks = ['ended', 'open', 'reading', 'paused', 'handshake', 'event', 'no-event', 'called', 'not-called'];

/** Lets promises and microtasks run. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
