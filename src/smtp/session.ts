/**
 * One SMTP connection as a state machine: bytes in from both sides, bytes out to both. It knows the protocol and the
 * order of replies; sockets, clocks and policy are behind SessionIo and SessionServices. The commands themselves are
 * a table in commands.ts.
 */
import { limits } from '../runtime/limits.js';
import { CommandLoop } from './command-loop.js';
import { Content, type ContentHost } from './content.js';
import { type Extensions, noExtensions } from './ehlo.js';
import type { SmtpPeer } from './handler.js';
import { replies } from './replies.js';
import { type Reply, serializeReply } from './reply.js';
import { type Expected, ReplyQueue } from './reply-queue.js';
import { ReplyReader, type UpstreamReply } from './reply-reader.js';
import type { SessionIo, SessionServices, SessionSettings } from './session-io.js';
import type { Transaction } from './transaction.js';
import { upstreamAnswered } from './upstream-answers.js';

/** `greeting`: the next hop has not spoken yet. `held`: a command waits until all replies before it are in. */
type Phase = 'greeting' | 'commands' | 'held' | 'auth' | 'tls' | 'content' | 'swallow' | 'ended';

export class SmtpSession implements ContentHost {
  readonly io: SessionIo;
  readonly settings: SessionSettings;
  readonly services: SessionServices;
  readonly queue = new ReplyQueue();
  readonly #loop: CommandLoop;
  readonly #replyReader = new ReplyReader();
  phase: Phase = 'greeting';
  transaction: Transaction | undefined;
  extensions: Extensions = noExtensions;
  helo = '';
  secure: boolean;
  authenticated = false;
  #clientAddress: { address: string; port: number };
  #upstreamGone = false;
  #whenQuiet: (() => void) | undefined;
  draining = false;
  #inputEnded = false;
  #errors = 0;
  #keepAlives = 0;
  /** how many replies the chunk in hand may hold */
  #answerable = 0;
  #lastUpstream = 0;
  #deadline = Number.POSITIVE_INFINITY;

  constructor(
    io: SessionIo,
    settings: SessionSettings,
    services: SessionServices,
    peer: { address: string; port: number; secure: boolean },
  ) {
    this.io = io;
    this.settings = settings;
    this.services = services;
    this.secure = peer.secure;
    this.#loop = new CommandLoop(this);
    this.#clientAddress = peer;
  }

  get peer(): SmtpPeer {
    const { address, port } = this.#clientAddress;
    return { address, port, helo: this.helo, tls: this.secure, authenticated: this.authenticated };
  }

  get ended(): boolean {
    return this.phase === 'ended';
  }

  // ------------------------------------------------------------------ events from outside

  /** The next hop's greeting; anything but 220 is passed on and ends the session. */
  begin(banner: UpstreamReply): void {
    if (this.ended) return;
    this.#lastUpstream = this.services.now();
    this.relayReply(banner);
    if (banner.code !== 220) {
      this.#end();
      return;
    }
    this.phase = 'commands';
    this.setDeadline(this.settings.timeouts.commandMs);
    this.#loop.run();
    this.#endWhenIdle();
  }

  /** No connection to the next hop could be had. */
  refuse(reply: Reply): void {
    this.reply(reply);
    this.#end();
  }

  clientData(chunk: Buffer): void {
    if (this.ended) return;
    this.#loop.add(chunk);
  }

  /** The client has read its replies: commands that waited for that are run. */
  clientDrained(): void {
    if (!this.ended) this.#loop.run();
  }

  upstreamData(chunk: Buffer): void {
    if (this.ended) return;
    this.#lastUpstream = this.services.now();
    this.#answerable = this.queue.unanswered;
    const fault = this.#replyReader.read(chunk, (reply) => this.#upstreamReply(reply));
    if (fault !== undefined && !this.ended) {
      this.services.event('upstream-protocol', fault);
      this.upstreamBroken();
    }
  }

  /** The client will send no more, but may still read: what it asked for is answered. */
  clientEnded(): void {
    this.#inputEnded = true;
    this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    if (this.ended) return;
    if (this.draining) this.drain();
    if (!this.#inputEnded) return;
    const content = this.transaction?.content;
    const waits =
      !this.queue.empty ||
      this.phase === 'greeting' ||
      this.phase === 'held' ||
      content?.judging === true ||
      content?.relaying === true;
    if (!waits) this.#end();
  }

  clientClosed(): void {
    this.transaction?.content?.abort('client closed the connection');
    this.#end();
  }

  upstreamClosed(): void {
    if (this.#upstreamGone) return;
    this.#upstreamGone = true;
    if (this.ended) return;
    this.services.event('upstream-lost');
    // What the client wanted from QUIT is done, with or without the next hop's word.
    this.lastReply(this.queue.awaits('quit') ? replies.closing : replies.upstreamLost);
  }

  /** The TLS handshake with the client is done; RFC 3207 §4.2: forget everything learned before. */
  secured(): void {
    if (this.ended) return;
    this.secure = true;
    this.helo = '';
    this.extensions = noExtensions;
    this.phase = 'commands';
    this.setDeadline(this.settings.timeouts.commandMs);
    this.#endWhenIdle();
  }

  /** Called about once a second. */
  tick(now: number): void {
    if (this.ended) return;
    if (now > this.#deadline) this.#timedOut();
    else if (this.phase === 'content') this.#keepUpstreamAlive(now);
  }

  /** The gate stops: what is under way finishes, nothing new begins. */
  drain(): void {
    this.draining = true;
    if (
      this.phase === 'greeting' ||
      (this.phase === 'commands' && this.transaction === undefined && this.queue.empty)
    ) {
      this.lastReply(replies.shuttingDown);
    }
  }

  /** The one place where an error that nobody foresaw becomes a reply. */
  fail(error: unknown): void {
    this.services.unexpected(error);
    this.transaction?.content?.abort('internal error');
    this.lastReply(replies.internal);
  }

  // ------------------------------------------------------------------ towards the client

  /** A reply of ours, in its place among those of the next hop. */
  reply(reply: Reply): void {
    if (this.queue.empty) this.io.client.write(serializeReply(reply));
    else this.queue.own(serializeReply(reply));
  }

  /** As `reply`, for what the client did wrong; too many of them end the session. */
  refuseCommand(reply: Reply): void {
    this.#errors += 1;
    if (this.#errors > this.settings.errorsMax) {
      this.services.event('too-many-errors');
      this.lastReply(replies.tooManyErrors);
      return;
    }
    this.reply(reply);
  }

  relayReply(reply: UpstreamReply): void {
    this.io.client.write(reply.raw);
  }

  // ------------------------------------------------------------------ towards the next hop

  /** Sends the client's own line on. */
  forward(line: string, expected: Expected): void {
    this.io.upstream.write(line);
    this.expect(expected);
  }

  expect(expected: Expected): void {
    this.queue.expect(expected);
    this.setDeadline(this.settings.timeouts.upstreamReplyMs);
  }

  whenQuiet(run: () => void): void {
    if (this.queue.empty) run();
    else this.#whenQuiet = run;
  }

  abandonTransaction(): void {
    if (!this.#upstreamGone) this.forward('RSET\r\n', { kind: 'abandon' });
  }

  #upstreamReply(reply: UpstreamReply): void {
    if (this.ended) return;
    // What came together with an earlier reply was sent before the command that the earlier one set free.
    const expected = this.#answerable > 0 ? this.queue.next() : undefined;
    this.#answerable -= 1;
    if (expected === undefined) {
      this.#unsolicited(reply);
      return;
    }
    this.#loop.during(() => upstreamAnswered(this, expected, reply));
    if (this.ended) return;
    const own = this.queue.takeReady();
    if (own !== '') this.io.client.write(own);
    if (this.queue.empty) this.#quiet();
    this.#loop.run();
    this.#endWhenIdle();
  }

  /** Only a 421 may come unasked (RFC 5321 §3.8); anything else would answer the wrong command. */
  #unsolicited(reply: UpstreamReply): void {
    if (reply.code === 421 && this.phase !== 'content') {
      this.relayReply(reply);
      this.#end();
      return;
    }
    if (reply.code !== 421) this.services.event('upstream-protocol', 'unsolicited reply');
    this.upstreamBroken();
  }

  #quiet(): void {
    const run = this.#whenQuiet;
    this.#whenQuiet = undefined;
    run?.();
    if (this.phase === 'commands') this.setDeadline(this.settings.timeouts.commandMs);
    this.#loop.quiet();
  }

  #keepUpstreamAlive(now: number): void {
    const content = this.transaction?.content;
    if (content === undefined || content.relaying || this.#upstreamGone || !this.queue.empty) return;
    if (now - this.#lastUpstream < limits.smtp.keepAliveIntervalMs || this.#keepAlives >= limits.smtp.keepAliveMax)
      return;
    this.#keepAlives += 1;
    this.#lastUpstream = now;
    this.services.event('keep-alive');
    const deadline = this.#deadline;
    this.forward('NOOP\r\n', { kind: 'swallow' });
    this.#deadline = deadline;
  }

  // ------------------------------------------------------------------ content

  beginContent(transaction: Transaction, verb: 'DATA' | 'BDAT'): Content {
    this.#keepAlives = 0;
    const content = new Content(this, verb, transaction.envelope(this.peer), transaction.binary);
    transaction.content = content;
    this.phase = 'content';
    this.setDeadline(this.settings.timeouts.dataMs);
    return content;
  }

  /** The next chunk of a message that has begun. */
  continueContent(content: Content, bytes: number, last: boolean): void {
    this.phase = 'content';
    content.beginChunk(bytes, last);
  }

  /** A chunk that was not the last is in: commands may follow. */
  chunkEnded(): void {
    this.phase = 'commands';
    this.setDeadline(this.settings.timeouts.commandMs);
  }

  contentEnded(): void {
    this.transaction = undefined;
    if (this.phase !== 'content') return;
    this.phase = 'commands';
    this.setDeadline(this.settings.timeouts.commandMs);
    // After an asynchronous judgement nobody else will go on with the next command.
    if (!this.#loop.active) queueMicrotask(() => this.#continue());
  }

  #continue(): void {
    if (this.ended) return;
    try {
      this.#loop.run();
      this.#endWhenIdle();
    } catch (error) {
      this.fail(error);
    }
    this.flush();
  }

  // ------------------------------------------------------------------ endings

  setDeadline(ms: number): void {
    this.#deadline = this.services.now() + ms;
  }

  #timedOut(): void {
    this.services.event('timeout', this.phase);
    const content = this.transaction?.content;
    if (this.phase === 'content' && content?.judging === true) {
      content.judgeTimedOut();
      this.flush();
      return;
    }
    const waitsForUpstream = !this.queue.empty || this.phase === 'greeting';
    content?.abort('timeout');
    this.lastReply(waitsForUpstream ? replies.upstreamTimeout : replies.idleTimeout);
  }

  upstreamBroken(): void {
    this.services.event('upstream-protocol');
    this.io.destroyUpstream();
    this.#upstreamGone = true;
    this.lastReply(replies.upstreamProtocol);
  }

  endAfterReply(): void {
    this.#end();
  }

  /** Whatever is unanswered gets no answer any more; one 421 says why. */
  lastReply(reply: Reply): void {
    if (this.ended) return;
    this.queue.clear();
    this.io.client.write(serializeReply(reply));
    this.#end();
  }

  #end(): void {
    if (this.ended) return;
    this.phase = 'ended';
    this.transaction?.content?.abort('session ended');
    this.transaction = undefined;
    this.io.end();
  }

  /** The client said QUIT and has its answer. */
  finished(): void {
    this.#end();
  }

  /** Drops what the client sent ahead of a TLS handshake: it came in the clear (CVE-2011-0411 and its many children). */
  discardInput(): boolean {
    return this.#loop.discard();
  }

  spoolPressure(full: boolean): void {
    this.#loop.spoolPressure(full);
  }

  /** Reads over `bytes` octets that belong to a refused chunk, then gives the refusal. */
  swallow(bytes: number, reply: Reply): void {
    this.phase = 'swallow';
    this.#loop.swallow(bytes, reply);
  }

  flush(): void {
    this.io.client.flush();
    this.io.upstream.flush();
  }
}
