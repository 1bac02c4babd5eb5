/** A session in memory for tests that a conversation file cannot express: large content, stalled peers, odd judges. */

import { type Spool, SpoolPool } from '../../src/runtime/spool.js';
import type { Intake, Judgement, RelayOutcome, SmtpEnvelope } from '../../src/smtp/handler.js';
import { SmtpSession } from '../../src/smtp/session.js';
import { FakeIo } from './fake-session-io.js';

export class SessionFixture {
  readonly io = new FakeIo();
  readonly pool: SpoolPool;
  readonly session: SmtpSession;
  readonly errors: unknown[] = [];
  readonly outcomes: RelayOutcome[] = [];
  spool: Spool | undefined;
  now = 0;

  constructor(spoolDirectory: string, judge?: (spool: Spool) => Judgement | Promise<Judgement>) {
    this.pool = new SpoolPool(spoolDirectory);
    const relay = (spool: Spool): Judgement => ({
      kind: 'relay',
      pieces: [{ start: 0, end: spool.length }],
      settled: (outcome) => this.outcomes.push(outcome),
    });
    const open = (_: SmtpEnvelope, spool: Spool): Intake => {
      this.spool = spool;
      return { write: () => undefined, judge: () => (judge ?? relay)(spool), abort: () => undefined };
    };
    const timeouts = { commandMs: 3e5, dataMs: 18e4, judgeMs: 6e5, upstreamReplyMs: 3e5, upstreamFinalReplyMs: 6e5 };
    this.session = new SmtpSession(
      this.io,
      {
        listener: 'test',
        offerStartTls: false,
        authWithoutTls: true,
        localDomains: [],
        recipientsMax: 1000,
        errorsMax: 1000,
        messageBytesMax: 0,
        timeouts,
      },
      {
        handler: { open, mayTag: () => false },
        spools: this.pool,
        now: () => this.now,
        unexpected: (error) => this.errors.push(error),
        event: () => undefined,
      },
      { address: '192.0.2.7', port: 40_000, secure: false },
    );
  }

  client(octets: string | Buffer): void {
    this.session.clientData(Buffer.from(octets as string, 'latin1'));
  }

  upstream(octets: string): void {
    this.session.upstreamData(Buffer.from(octets, 'latin1'));
  }

  /** Greeting, EHLO and an envelope of one recipient, all answered and out of the way. */
  envelope(extensions = 'CHUNKING'): void {
    this.session.begin({ code: 220, raw: '220 mx\r\n' });
    this.client('EHLO c\r\n');
    this.upstream(`250-mx\r\n250-PIPELINING\r\n250 ${extensions}\r\n`);
    this.client('MAIL FROM:<a@client.example>\r\nRCPT TO:<b@example.org>\r\n');
    this.upstream('250 mail\r\n250 rcpt\r\n');
    this.io.takeClient();
    this.io.takeUpstream();
  }
}

/** Waits until `check` holds: for what the spool's file needs threads for. */
export async function until(what: string, check: () => boolean): Promise<void> {
  for (let round = 0; !check(); round += 1) {
    if (round > 2000) throw new Error(`never: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
  }
}
