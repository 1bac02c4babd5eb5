/** One IMAP client connection: the session between the client's socket and that to the real server. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { limits } from '../runtime/limits.js';
import type { ProxyAddress } from '../runtime/proxy-protocol.js';
import { PassedMemory } from '../runtime/read-memory.js';
import {
  type Refusal,
  RelayedConnection,
  type RelayedOptions,
  type RelayedServices,
} from '../runtime/relayed-connection.js';
import { endings } from './session/replies.js';
import { ImapSession } from './session/session.js';
import type { SessionIo, SessionServices, SessionSettings } from './session/session-io.js';
import { openUpstream, type UpstreamOptions } from './upstream.js';

/** too many to be guessed in one connection, as the first wrong guess ends it */
const tagRandomBytes = 4;

export interface ConnectionOptions extends RelayedOptions {
  readonly upstream: UpstreamOptions;
  readonly settings: SessionSettings;
}

/** What all connections of a listener share; the session's own log lines are made for each of them. */
export interface ConnectionServices extends Omit<SessionServices, 'event' | 'ended'>, RelayedServices {
  /** @param logged false for the many more of a session that has had its share of the log */
  event(peer: ProxyAddress, logged: boolean, ...event: Parameters<SessionServices['event']>): void;
  ended(peer: ProxyAddress, summary: Parameters<SessionServices['ended']>[0]): void;
}

const farewells = {
  proxyHeader: endings.clientProtocol,
  loop: endings.loop,
  shuttingDown: endings.shuttingDown,
} as const satisfies Record<Refusal, string>;

export class Connection extends RelayedConnection<ImapSession> implements SessionIo {
  readonly #options: ConnectionOptions;
  readonly #services: ConnectionServices;
  protected override readonly memory = new PassedMemory();
  #events = 0;

  constructor(socket: Socket, options: ConnectionOptions, services: ConnectionServices, onClosed: () => void) {
    super(socket, options, services, onClosed);
    this.#options = options;
    this.#services = services;
  }

  protected farewell(refusal: Refusal): string {
    return farewells[refusal];
  }

  protected openSession(tls: boolean, servername: string | undefined): void {
    const { settings, upstream } = this.#options;
    const peer = { ...this.peer, tls, servername };
    const session = new ImapSession(this, settings, this.#sessionServices(), peer);
    this.session = session;
    this.connect(
      (signal, onConnected) => openUpstream(upstream, this.peer, signal, onConnected, this.memory),
      ({ socket, ...greeted }) => session.begin(greeted),
      () => session.refuse(),
    );
  }

  #sessionServices(): SessionServices {
    const services = this.#services;
    const { peer } = this;
    return {
      ...services,
      tagPrefix: services.tagPrefix ?? `S${randomBytes(tagRandomBytes).toString('hex')}x`,
      event: (name, detail) => {
        this.#events += 1;
        services.event(peer, this.#events <= limits.imapSession.eventsLogged, name, detail);
      },
      ended: (summary) => services.ended(peer, summary),
    };
  }

  /** One last word, then the end. */
  override cut(): void {
    if (this.isOver) {
      this.destroy();
      return;
    }
    this.guard(() => this.session?.end('shuttingDown'));
    this.endNow();
  }
}
