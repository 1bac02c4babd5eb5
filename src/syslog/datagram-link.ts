/** Records over UDP (RFC 5426): one a datagram, to an address that is looked up when the link is opened. */
import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns';
import type { Link, LinkEvents, OpenLink } from './link.js';

export function datagramLink(options: { readonly host: string; readonly port: number }): OpenLink {
  return (events) => new DatagramLink(options, events);
}

class DatagramLink implements Link {
  readonly #events: LinkEvents;
  #socket: Socket | undefined;
  #over = false;

  constructor({ host, port }: { readonly host: string; readonly port: number }, events: LinkEvents) {
    this.#events = events;
    lookup(host, (error, address, family) => {
      if (this.#over) return;
      if (error === null) this.#connect(address, port, family);
      else this.#lost(error.message);
    });
  }

  #connect(address: string, port: number, family: number): void {
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    this.#socket = socket;
    socket.on('error', (error) => this.#lost(error.message));
    socket.once('connect', () => {
      if (!this.#over) this.#events.ready();
    });
    // Connected, it learns when nobody listens there, and looks the name up only once.
    socket.connect(port, address);
  }

  #lost(reason: string): void {
    if (this.#over) return;
    this.destroy();
    this.#events.lost(reason);
  }

  write(records: readonly Buffer[], done: (failed: number) => void): void {
    let open = records.length;
    let failed = 0;
    for (const record of records) {
      this.#socket?.send(record, (error) => {
        open -= 1;
        if (error !== null) failed += 1;
        if (open === 0 && !this.#over) done(failed);
      });
    }
  }

  async close(): Promise<void> {
    this.destroy();
  }

  destroy(): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket?.close();
  }
}
