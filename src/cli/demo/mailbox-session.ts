/** One connection to the demonstration's mailbox server: octets in, octets out, no socket. */
import { parseCommand } from '../../imap/wire/command.js';
import { CommandReader } from '../../imap/wire/command-reader.js';
import type { CommandPiece } from '../../imap/wire/wire.js';
import { allows, type Connection, capabilities, commands } from './mailbox-commands.js';
import type { MailAccount } from './mailbox-store.js';

export interface SessionOptions {
  /** the account of a user; undefined when name or password are wrong */
  readonly login: (user: string, password: string) => MailAccount | undefined;
  readonly clock: () => Date;
  readonly write: (bytes: Buffer) => void;
  /** the connection is over */
  readonly end: () => void;
}

/** octets of one command with its literals; a message that is appended is held in memory */
const commandBytesMax = 67_108_864;

/** While they run, a client counts on sequence numbers (RFC 9051 §7.5.1). */
const counting = ['FETCH', 'STORE', 'SEARCH'];

export class MailboxSession {
  readonly #reader = new CommandReader();
  readonly #connection: Connection;
  readonly #end: () => void;
  #pieces: CommandPiece[] = [];
  #octets = 0;
  /** the tag of an IDLE under way */
  #idle: string | undefined;
  #unwatch: () => void = () => {};
  #over = false;

  constructor({ login, clock, write, end }: SessionOptions) {
    const bytes = (output: Buffer | string) =>
      write(typeof output === 'string' ? Buffer.from(output, 'latin1') : output);
    this.#connection = { account: undefined, view: undefined, login, clock, write: bytes };
    this.#end = end;
  }

  greet(): void {
    this.#connection.write(`* OK [CAPABILITY ${capabilities}] the mailboxes of the demonstration\r\n`);
  }

  /** @param chunk must not be written to afterwards */
  receive(chunk: Buffer): void {
    this.#reader.push(chunk);
    while (!this.#over) {
      const piece = this.#reader.next();
      if (piece === undefined) return;
      this.#take(piece);
    }
  }

  close(): void {
    this.#over = true;
    this.#unwatch();
  }

  #take(piece: CommandPiece): void {
    if (piece.kind === 'fault') {
      this.#leave(`BYE ${piece.fault}`);
      return;
    }
    if (this.#idle !== undefined) {
      this.#endIdle(this.#idle, piece);
      return;
    }
    this.#pieces.push(piece);
    this.#octets += piece.bytes.length;
    if (piece.kind === 'data') return;
    if (piece.literal === undefined) {
      this.#execute();
    } else if (this.#octets + piece.literal.size > commandBytesMax) {
      this.#leave('BYE this is too large for a demonstration');
    } else if (piece.literal.synchronizing) this.#connection.write('+ go on\r\n');
  }

  #execute(): void {
    const command = parseCommand(this.#pieces);
    this.#pieces = [];
    this.#octets = 0;
    if ('fault' in command) {
      this.#connection.write(`${command.tag ?? '*'} BAD ${command.fault}\r\n`);
      return;
    }
    const { tag, verb } = command;
    if (verb === 'LOGOUT') {
      this.#connection.write(`* BYE goodbye\r\n${tag} OK done\r\n`);
      this.#leave(undefined);
      return;
    }
    if (verb === 'IDLE' && this.#connection.view !== undefined) {
      this.#beginIdle(tag);
      return;
    }
    const definition = Object.hasOwn(commands, verb) ? commands[verb] : undefined;
    if (definition === undefined || !allows(definition.state, this.#connection)) {
      this.#connection.write(`${tag} BAD ${definition === undefined ? 'not known' : 'not possible'} here\r\n`);
      return;
    }
    const ending = definition.run(this.#connection, command);
    this.#tell(!counting.includes(verb));
    this.#connection.write(`${tag} ${ending}\r\n`);
  }

  #tell(expunge: boolean): void {
    for (const line of this.#connection.view?.news(expunge) ?? []) this.#connection.write(line);
  }

  #beginIdle(tag: string): void {
    this.#idle = tag;
    this.#reader.expectContinuation(true);
    this.#connection.write('+ idling\r\n');
    this.#tell(true);
    this.#unwatch = this.#connection.view?.mailbox.watch(() => this.#tell(true)) ?? (() => {});
  }

  #endIdle(tag: string, piece: CommandPiece): void {
    this.#idle = undefined;
    this.#unwatch();
    const done = piece.kind === 'line' && piece.bytes.toString('latin1').toUpperCase() === 'DONE';
    this.#connection.write(`${tag} ${done ? 'OK done' : 'BAD expected DONE'}\r\n`);
  }

  #leave(words: string | undefined): void {
    if (words !== undefined) this.#connection.write(`* ${words}\r\n`);
    this.close();
    this.#end();
  }
}
