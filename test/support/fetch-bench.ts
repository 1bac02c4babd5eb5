/** A FETCH on a table: a few mails, a server and a judge, with a handle on each. */

import { createFetchExchange } from '../../src/imap/fetch/fetch-exchange.js';
import type { OutgoingCommand } from '../../src/imap/wire/wire.js';
import { FakeMailbox, type MailboxHabits } from './fake-mailbox.js';
import { requestOf } from './fetch-check.js';
import { FakePort } from './fetch-port.js';
import { type JudgedMail, judgedMail, type Kind } from './judged-mails.js';
import { ModelServer, plainHabits, type ServerHabits } from './model-server.js';

export interface BenchOptions extends Partial<MailboxHabits> {
  readonly habits?: Partial<ServerHabits>;
  readonly size?: number;
  readonly chunk?: number;
  readonly keepAliveMs?: number;
  readonly judgeMs?: number;
  /** instead of the model's answer */
  readonly answer?: (command: string, tag: string) => string | undefined;
}

export class FetchBench {
  readonly mails: readonly JudgedMail[];
  readonly server: ModelServer;
  readonly mailbox: FakeMailbox;
  readonly port: FakePort;

  /** Mails have the UIDs 10, 20, 30 … */
  constructor(directory: string, kinds: readonly Kind[], options: BenchOptions = {}) {
    this.mails = kinds.map((kind, index) => judgedMail((index + 1) * 10, kind, options.size ?? 100));
    this.server = new ModelServer(this.mails, { ...plainHabits, ...options.habits });
    const { delay = () => undefined, metadataWaits = true } = options;
    this.mailbox = new FakeMailbox(this.mails, { delay, metadataWaits }, directory);
    const answer = (command: OutgoingCommand, tag: string) => {
      const own = options.answer?.(command.map(String).join(''), tag);
      return own === undefined ? this.server.answer(command, tag) : Buffer.from(own, 'latin1');
    };
    const { keepAliveMs = 20_000, judgeMs = 60_000, chunk = 65_536 } = options;
    this.port = new FakePort({ mailbox: this.mailbox, answer, chunk: () => chunk, times: { keepAliveMs, judgeMs } });
  }

  /** Everything that the client gets. */
  async run(command: string): Promise<string> {
    await this.port.run(createFetchExchange(requestOf(command), this.port));
    await this.port.outlet.emptied();
    return this.output;
  }

  start(command: string): Promise<void> {
    return this.port.run(createFetchExchange(requestOf(command), this.port));
  }

  get output(): string {
    return this.port.outlet.text.toString('latin1');
  }

  /** What is left behind; nothing, when all is well. */
  get left(): string[] {
    const left: string[] = [];
    if (this.mailbox.openIntakes > 0) left.push('intakes');
    if (this.port.outlet.open > 0) left.push('places');
    if (this.port.paused > 0) left.push('paused');
    return left;
  }
}
