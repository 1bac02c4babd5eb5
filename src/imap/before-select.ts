/**
 * The contract with what has to be done on the server before a client's SELECT: the exchange of released messages, and
 * the question which messages are left.
 */

import type { TaggedResponse } from './exchange.js';
import type { Account } from './handler.js';
import type { OutgoingCommand, ServerEvent } from './wire/wire.js';

export interface BeforeSelectPort {
  readonly account: Account;
  /** The client asks for EXAMINE: nothing may be changed. */
  readonly readOnly: boolean;
  /**
   * Sends a command of ours. What the server says until its tagged answer goes to `take` and not to the client.
   * Rejects when the session ends first.
   */
  run(command: OutgoingCommand, take?: (event: ServerEvent) => void): Promise<TaggedResponse>;
  /** Whether the server has announced this; upper case. */
  offers(capability: string): boolean;
}

/**
 * @param name as in MailboxIdentity
 * @param argument the mailbox as the client wrote it, to be sent in commands
 */
export type BeforeSelect = (port: BeforeSelectPort, name: string, argument: OutgoingCommand) => Promise<void>;
