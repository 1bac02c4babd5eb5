/** Collects what a session writes during one event and hands it to the socket in one system call (no Nagle stalls, no write per reply). */
import type { Socket } from 'node:net';

export class SocketOutlet {
  #socket: Socket | undefined;
  #text = '';
  #corked = false;

  /** @param socket undefined until there is one; text waits for it */
  constructor(socket: Socket | undefined) {
    this.#socket = socket;
  }

  /** After a TLS upgrade everything goes through the encrypted socket. */
  replaceSocket(socket: Socket): void {
    this.flush();
    this.#socket = socket;
  }

  write(data: string | Buffer): boolean {
    if (typeof data === 'string') {
      this.#text += data;
      return true;
    }
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return true;
    if (!this.#corked) {
      this.#corked = true;
      socket.cork();
    }
    this.#handOverText();
    return socket.write(data);
  }

  get backlog(): number {
    return this.#text.length + (this.#socket?.writableLength ?? 0);
  }

  #handOverText(): void {
    if (this.#text === '' || this.#socket === undefined) return;
    const text = this.#text;
    this.#text = '';
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(text, 'latin1');
  }

  flush(): void {
    this.#handOverText();
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket?.uncork();
  }

  afterWritten(callback: () => void): void {
    this.flush();
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed || socket.writableLength === 0) {
      callback();
      return;
    }
    let called = false;
    const once = () => {
      if (called) return;
      called = true;
      socket.off('close', once);
      callback();
    };
    socket.once('close', once);
    // A next hop that closed its side may still be reading ours.
    if (socket.writableEnded) socket.once('finish', once);
    else socket.write('', once);
  }
}
