/**
 * One IMAP connection as a state machine: bytes in from both sides, bytes out to both. It knows where the connection
 * stands and how it ends. What the client may ask is a table in commands.ts; sockets and clocks are behind SessionIo,
 * and who judges is behind the handler.
 */
import { limits } from '../../runtime/limits.js';
import type { Passing } from '../../runtime/read-memory.js';
import { Idling } from '../command/idle.js';
import { SearchContexts } from '../command/search-contexts.js';
import { ReadAhead } from '../fetch/read-ahead.js';
import type { Account, ImapPeer, Mailbox } from '../handler.js';
import type { GreetedUpstream } from '../upstream-greeting.js';
import type { WireFault } from '../wire/wire.js';
import { Answers } from './answers.js';
import { CommandIntake } from './command-intake.js';
import { ClientOutlet, type OutletHost } from './outlet.js';
import { Patience } from './patience.js';
import { type Ending, endings } from './replies.js';
import { ServerSide } from './server-side.js';
import type { SessionIo, SessionServices, SessionSettings } from './session-io.js';
import type { UntaggedContext } from './untagged.js';

/** `greeting`: the server has not spoken yet. `tls`: the handshake with the client is under way. */
type Phase = 'greeting' | 'commands' | 'tls' | 'ended';

export class ImapSession implements OutletHost {
  readonly io: SessionIo;
  readonly settings: SessionSettings;
  readonly services: SessionServices;
  readonly intake: CommandIntake;
  readonly answers: Answers;
  readonly contexts = new SearchContexts();
  readonly ahead: ReadAhead;
  readonly server: ServerSide;
  readonly outlet: ClientOutlet;
  readonly patience: Patience;
  phase: Phase = 'greeting';
  /** the server has let the client in */
  authenticated = false;
  /** messages of this connection are judged */
  inspected = true;
  account: Account | undefined;
  /** a mailbox is selected; `mailbox` is what its judge knows of it, if there is a judge */
  selected = false;
  mailbox: Mailbox | undefined;
  #peer: ImapPeer;
  #user: string | undefined;
  #inputEnded = false;
  #draining = false;
  #woken = false;
  #awaitsClient = false;
  #awaitsServer = false;
  #clientBytes = 0;

  constructor(io: SessionIo, settings: SessionSettings, services: SessionServices, peer: ImapPeer) {
    this.io = io;
    this.settings = settings;
    this.services = services;
    this.#peer = peer;
    this.ahead = new ReadAhead(services.now);
    this.patience = new Patience(settings.timeouts, services.now);
    this.outlet = new ClientOutlet(io.client, this);
    this.answers = new Answers(this);
    this.server = new ServerSide(this);
    this.intake = new CommandIntake(this);
  }

  get ended(): boolean {
    return this.phase === 'ended';
  }

  get context(): UntaggedContext {
    const { authenticated, inspected } = this;
    const secure = this.#peer.tls;
    const { offerStartTls, authWithoutTls } = this.settings;
    const clientTag = (tag: string) => this.answers.queue.clientTag(tag) ?? this.contexts.clientTag(tag);
    return { secure, mayLogIn: secure || authWithoutTls, offerStartTls, authenticated, inspected, clientTag };
  }

  get passing(): Passing {
    return this.server;
  }

  get midResponse(): boolean {
    return this.server.midResponse;
  }

  // ------------------------------------------------------------------ events from outside

  /** The server is there and has spoken; TLS with it stands if it is configured. */
  begin({ greeting, capabilities, rest }: GreetedUpstream): void {
    if (this.ended) return;
    this.phase = 'commands';
    this.patience.serverSpoke();
    if (greeting.status === 'PREAUTH') {
      // Whoever sits on a line in the clear could have said it, to keep client and server from TLS (RFC 9051 §11.1).
      if (this.settings.upstreamTls || this.settings.offerStartTls || !this.context.mayLogIn) {
        this.services.event('preauth-refused');
        this.serverBroke('PREAUTH where TLS comes first');
        return;
      }
      this.loggedIn(undefined);
    }
    this.outlet.write(this.server.greeting(greeting, capabilities));
    if (greeting.status === 'BYE') this.close('the server refused the connection');
    else this.upstreamData(rest);
  }

  /** There is no server to speak to. */
  refuse(): void {
    this.end('unreachable');
  }

  clientData(chunk: Buffer): void {
    if (this.ended) return;
    this.patience.clientSpoke();
    this.#clientBytes += chunk.length;
    this.intake.reader.push(chunk);
    this.#advance();
  }

  upstreamData(chunk: Buffer): void {
    if (this.ended) return;
    this.patience.serverSpoke();
    this.server.add(chunk);
    this.#advance();
  }

  /** Does all that can be done now, and stops reading where it cannot go on. */
  #advance(): void {
    this.server.run();
    this.intake.run();
    if (this.ended) return;
    if (this.server.held) this.io.pauseUpstream();
    else this.io.resumeUpstream();
    if (this.intake.blocked) this.io.pauseClient();
    else this.io.resumeClient();
    this.outlet.flush();
    this.#awaitReaders();
    this.#endWhenIdle();
  }

  /** Whoever takes what waits for him wakes us. */
  #awaitReaders(): void {
    if (this.outletFull && !this.#awaitsClient && this.io.client.backlog > 0) {
      this.#awaitsClient = true;
      this.io.client.afterWritten(() => {
        this.#awaitsClient = false;
        this.wake();
      });
    }
    if (this.upstreamFull && !this.#awaitsServer) {
      this.#awaitsServer = true;
      this.io.upstream.afterWritten(() => {
        this.#awaitsServer = false;
        this.wake();
      });
    }
  }

  /** Goes on soon with what waited; the caller may be in the middle of something. */
  wake(): void {
    if (this.#woken || this.ended) return;
    this.#woken = true;
    queueMicrotask(() => {
      this.#woken = false;
      try {
        if (!this.ended) this.#advance();
      } catch (error) {
        this.fail(error);
      }
      this.io.flushSoon();
    });
  }

  /** The TLS handshake with the client is done. */
  secured(servername: string | undefined): void {
    if (this.ended) return;
    this.#peer = { ...this.#peer, tls: true, servername };
    this.phase = 'commands';
    this.#advance();
  }

  /** The client will send no more, but may still read: what it asked for is answered. */
  clientEnded(): void {
    this.#inputEnded = true;
    this.#endWhenIdle();
  }

  clientClosed(): void {
    this.close('the client closed the connection');
  }

  upstreamClosed(): void {
    if (this.ended) return;
    if (this.server.saidBye) {
      // The server's own last word may wait behind a message under judgement, which is not answered any more.
      if (this.outlet.held) this.end('upstreamLost', 'the server closed the connection');
      else this.close('the server closed the connection');
      return;
    }
    this.services.event('upstream-lost');
    this.end('upstreamLost');
  }

  /** Called about once a second. */
  tick(now: number): void {
    if (this.ended || this.phase === 'greeting') return;
    const { queue } = this.answers;
    const idling = this.#idling?.quiet === true;
    const clientsTurn = queue.empty || idling || this.intake.awaitsClient;
    const ending = this.patience.exhausted(now, {
      loggedIn: this.authenticated,
      serverOwes: queue.unanswered && !clientsTurn && !this.server.paused,
      clientsTurn,
      backlog: this.io.client.backlog,
      written: this.outlet.writtenBytes,
    });
    if (ending === undefined) return;
    this.services.event('timeout', ending);
    this.end(ending);
  }

  /** The gate stops: what is under way is answered, nothing new begins. */
  drain(): void {
    this.#draining = true;
    this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    if (this.ended || this.phase === 'greeting') return;
    if (!this.answers.queue.empty && this.#idling === undefined) return;
    if (this.#draining) this.end('shuttingDown');
    else if (this.#inputEnded && !this.intake.blocked) this.close('the client closed the connection');
  }

  get #idling(): Idling | undefined {
    const exchange = this.answers.queue.oldest?.exchange;
    return exchange instanceof Idling ? exchange : undefined;
  }

  // ------------------------------------------------------------------ where the connection stands

  get takesCommands(): boolean {
    return this.phase === 'commands' && !this.#draining;
  }

  /** No more is read for the client now. */
  get outletFull(): boolean {
    return this.outlet.full;
  }

  /** The server does not take what the client sends. */
  get upstreamFull(): boolean {
    return this.io.upstream.backlog > limits.imapSession.upstreamBacklogBytes;
  }

  /** Begins the handshake. What the client had sent ahead of it has ended the session before. */
  startTls(): void {
    this.phase = 'tls';
    this.outlet.flush();
    this.io.startTls();
  }

  /** @param user authorisation identity; undefined when the client did not tell it */
  loggedIn(user: string | undefined): void {
    this.authenticated = true;
    this.#user = user;
    const { handler } = this.services;
    this.#judged(handler.inspects(this.#peer));
    handler.loggedIn(this.inspected);
  }

  /** No mailbox is selected: a policy that has changed since the login holds from now on. */
  reconsider(): void {
    const judged = this.services.handler.inspects(this.#peer);
    if (judged !== this.inspected) this.#judged(judged);
  }

  /** Messages are to be judged now, and were not when the selected mailbox was opened. */
  get overtaken(): boolean {
    return this.selected && !this.inspected && this.services.handler.inspects(this.#peer);
  }

  #judged(judged: boolean): void {
    this.inspected = judged;
    this.account?.close();
    this.account = judged ? this.services.handler.account(this.#peer, this.#user) : undefined;
  }

  /** The client has its answer to LOGOUT, when all that was written has left. */
  loggedOut(): void {
    this.outlet.writePieces([], () => this.close('logout'));
  }

  /** @param mailbox what the judge knows of it; undefined without a judge */
  select(mailbox: Mailbox | undefined): void {
    this.selected = true;
    this.mailbox = mailbox;
  }

  deselect(): void {
    this.selected = false;
    this.mailbox = undefined;
    this.contexts.clear();
    this.ahead.clear();
  }

  /** Takes charge of work that nobody waits for. */
  supervise(work: Promise<unknown>): void {
    work.then(
      () => this.wake(),
      (error: unknown) => {
        if (!this.ended) this.fail(error);
        this.io.flushSoon();
      },
    );
  }

  // ------------------------------------------------------------------ endings

  /** An error that no branch foresaw. */
  fail(error: unknown): void {
    this.services.unexpected(error);
    this.end('internal');
  }

  unreadable(reason: string): void {
    this.services.unexpected(new Error(reason));
    this.close('a spooled message cannot be read back');
  }

  serverBroke(detail: string): void {
    this.services.event('upstream-protocol', detail);
    this.end('upstreamProtocol', detail);
  }

  clientBroke(fault: WireFault): void {
    this.services.event('client-protocol', fault);
    this.end('clientProtocol', fault);
  }

  /** Ends with a last word to the client, if it is where a response may begin. */
  end(ending: Ending, reason: string = ending): void {
    if (this.ended) return;
    // In the middle of a handshake it would be read as a part of that.
    if (this.phase !== 'tls') this.outlet.interject(Buffer.from(endings[ending], 'latin1'));
    this.close(reason);
  }

  /** @param reason for the log */
  close(reason: string): void {
    if (this.ended) return;
    this.phase = 'ended';
    this.outlet.flush();
    this.outlet.close();
    this.answers.queue.clear();
    this.account?.close();
    this.io.end();
    this.services.ended({
      user: this.#user,
      inspected: this.inspected,
      reason,
      commands: this.intake.commands,
      refused: this.answers.refused,
      clientBytes: this.#clientBytes,
      upstreamBytes: this.server.bytes,
    });
  }
}
