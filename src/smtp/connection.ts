/** One SMTP client connection: the session between the client's socket and that to the next hop. */
import type { Socket } from 'node:net';
import { limits } from '../runtime/limits.js';
import {
  type Refusal,
  RelayedConnection,
  type RelayedOptions,
  type RelayedServices,
} from '../runtime/relayed-connection.js';
import { replies } from './replies.js';
import { serializeReply } from './reply.js';
import { SmtpSession } from './session.js';
import type { SessionIo, SessionServices, SessionSettings } from './session-io.js';
import { openUpstream, type UpstreamOptions } from './upstream.js';

export interface ConnectionOptions extends RelayedOptions {
  readonly upstream: UpstreamOptions;
  readonly settings: SessionSettings;
}

export interface ConnectionServices extends SessionServices, RelayedServices {}

export class Connection extends RelayedConnection<SmtpSession> implements SessionIo {
  readonly #options: ConnectionOptions;
  readonly #services: ConnectionServices;
  #awaitsReader = false;

  constructor(socket: Socket, options: ConnectionOptions, services: ConnectionServices, onClosed: () => void) {
    super(socket, options, services, onClosed);
    this.#options = options;
    this.#services = services;
  }

  protected farewell(refusal: Refusal): string {
    return serializeReply(replies[refusal]);
  }

  protected openSession(secure: boolean): void {
    const { settings, upstream } = this.#options;
    const session = new SmtpSession(this, settings, this.#services, { ...this.peer, secure });
    this.session = session;
    this.connect(
      (signal, onConnected) => openUpstream(upstream, this.peer, signal, onConnected),
      ({ banner }) => {
        session.begin(banner);
        session.flush();
      },
      () => session.refuse(replies.unreachable),
    );
  }

  override flushNow(): void {
    super.flushNow();
    this.#awaitReader();
  }

  /** A client that does not read its replies gets no more of them until it has. */
  #awaitReader(): void {
    if (this.#awaitsReader || this.isOver || this.client.backlog <= limits.smtp.clientBacklogBytes) return;
    this.#awaitsReader = true;
    this.client.afterWritten(() => {
      this.#awaitsReader = false;
      this.guard(() => this.session?.clientDrained());
    });
  }
}
