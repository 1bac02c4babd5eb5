/** The outside of a session without sockets: what was sent is kept, and everything has left at once. */
import type { Outlet, SessionIo } from '../../src/smtp/session-io.js';

export class FakeOutlet implements Outlet {
  sent = '';
  /** callbacks wait until `drain`, as with a peer that does not read */
  stalled = false;
  #waiting: (() => void)[] = [];

  write(data: string | Buffer): boolean {
    this.sent += typeof data === 'string' ? data : data.toString('latin1');
    return !this.stalled;
  }

  flush(): void {}

  get backlog(): number {
    return this.stalled ? this.sent.length : 0;
  }

  afterWritten(callback: () => void): void {
    if (this.stalled) this.#waiting.push(callback);
    else callback();
  }

  drain(): void {
    this.stalled = false;
    for (const callback of this.#waiting.splice(0)) callback();
  }

  take(): string {
    const { sent } = this;
    this.sent = '';
    return sent;
  }
}

export class FakeIo implements SessionIo {
  readonly client = new FakeOutlet();
  readonly upstream = new FakeOutlet();
  paused = false;
  handshakes = 0;
  endedTimes = 0;
  upstreamDestroyed = false;

  get ended(): boolean {
    return this.endedTimes > 0;
  }

  pauseClient(): void {
    this.paused = true;
  }

  resumeClient(): void {
    this.paused = false;
  }

  flushSoon(): void {
    this.client.flush();
    this.upstream.flush();
  }

  startTls(): void {
    this.handshakes += 1;
  }

  end(): void {
    this.endedTimes += 1;
  }

  destroyUpstream(): void {
    this.upstreamDestroyed = true;
  }

  takeClient(): string {
    return this.client.take();
  }

  takeUpstream(): string {
    return this.upstream.take();
  }
}
