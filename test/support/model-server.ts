/** A small IMAP server for FETCH alone, in memory: enough to be asked directly and through what is tested. */

import { parseFetch } from '../../src/imap/fetch/fetch-request.js';
import { answerItem, parseStored } from '../../src/imap/message/stored-message.js';
import { parseCommand } from '../../src/imap/wire/command.js';
import { parseSet, setContains } from '../../src/imap/wire/sequence-set.js';
import type { FetchItem, FetchRequest, OutgoingCommand } from '../../src/imap/wire/wire.js';

export interface ServerMessage {
  readonly uid: number;
  bytes: Buffer;
  readonly flags: Set<string>;
}

export interface ServerHabits {
  /** where the UID stands in a response that has one */
  readonly uidLast: boolean;
  /** a message with several items is answered in two responses */
  readonly inTwo: boolean;
  /** flags of others that change are told in the middle of things */
  readonly chatty: boolean;
  /** in this run of the command (counted from 0), the message of this UID goes away first */
  readonly expunge: { readonly run: number; readonly uid: number } | undefined;
}
export const plainHabits: ServerHabits = { uidLast: false, inTwo: false, chatty: false, expunge: undefined };

const freeNames = new Set(['UID', 'FLAGS', 'INTERNALDATE', 'MODSEQ']);
const marking = new Set(['RFC822', 'RFC822.TEXT', 'BODY[]', 'BINARY[]']);

export class ModelServer {
  messages: ServerMessage[];
  readonly habits: ServerHabits;
  readonly commands: string[] = [];
  readOnly = false;
  /** said before the answers of every command */
  before = '';
  /** extra items that it adds to every answer, as it should not */
  pushes: ((message: ServerMessage) => Buffer[]) | undefined;

  constructor(messages: readonly { readonly uid: number; readonly bytes: Buffer }[], habits = plainHabits) {
    this.messages = messages.map(({ uid, bytes }) => ({ uid, bytes, flags: new Set<string>() }));
    this.habits = habits;
  }

  /** The untagged responses and the tagged one. */
  answer(command: OutgoingCommand, tag: string): Buffer {
    const text = Buffer.concat(command.map((piece) => (Buffer.isBuffer(piece) ? piece : piece.literal)));
    const run = this.commands.push(text.toString('latin1')) - 1;
    const parsed = parseCommand([
      { kind: 'line', bytes: Buffer.concat([Buffer.from(`${tag} `), text]), literal: undefined },
    ]);
    const request = 'fault' in parsed ? { error: parsed.fault } : parseFetch(parsed);
    if ('error' in request) return Buffer.from(`${tag} BAD ${request.error}\r\n`);
    const out: Buffer[] = [Buffer.from(this.before)];
    if (this.habits.expunge?.run === run && request.uid) this.#expunge(this.habits.expunge.uid, out);
    const set = parseSet(request.set) ?? [];
    const last = request.uid ? (this.messages.at(-1)?.uid ?? 0) : this.messages.length;
    for (const [index, message] of this.messages.entries()) {
      if (!setContains(set, request.uid ? message.uid : index + 1, last)) continue;
      out.push(...this.#responses(index + 1, message, request));
      if (this.habits.chatty)
        out.push(Buffer.from(`* ${index + 1} FETCH (FLAGS (${[...message.flags].join(' ')}))\r\n`));
    }
    out.push(Buffer.from(`${tag} OK Fetch completed (run ${run}).\r\n`));
    return Buffer.concat(out);
  }

  #expunge(uid: number, out: Buffer[]): void {
    const at = this.messages.findIndex((message) => message.uid === uid);
    if (at === -1) return;
    this.messages.splice(at, 1);
    out.push(Buffer.from(`* ${at + 1} EXPUNGE\r\n`));
  }

  #responses(sequence: number, message: ServerMessage, request: FetchRequest): Buffer[] {
    const seen = message.flags.has('\\Seen');
    if (!this.readOnly && request.items.some(({ name }) => marking.has(name))) message.flags.add('\\Seen');
    const parsed = parseStored(message.bytes);
    const value = (item: FetchItem) =>
      freeNames.has(item.name) ? Buffer.from(`${item.name} ${free(message, item.name)}`) : answerItem(parsed, item);
    const uid = request.uid || request.items.some(({ name }) => name === 'UID');
    const others = request.items.filter(({ name }) => name !== 'UID').map(value);
    if (!seen && message.flags.has('\\Seen') && !request.items.some(({ name }) => name === 'FLAGS')) {
      others.push(Buffer.from('FLAGS (\\Seen)'));
    }
    if (request.modifiers !== '' && !request.items.some(({ name }) => name === 'MODSEQ'))
      others.push(Buffer.from('MODSEQ (7)'));
    others.push(...(this.pushes?.(message) ?? []));
    const uids = uid ? [Buffer.from(`UID ${message.uid}`)] : [];
    const lists = this.habits.inTwo && others.length > 1 ? [others.slice(0, 1), others.slice(1)] : [others];
    return lists.map((list) => {
      const items = this.habits.uidLast ? [...list, ...uids] : [...uids, ...list];
      const spaced = items.flatMap((item, index) => (index === 0 ? [item] : [Buffer.from(' '), item]));
      return Buffer.concat([Buffer.from(`* ${sequence} FETCH (`), ...spaced, Buffer.from(')\r\n')]);
    });
  }
}

function free(message: ServerMessage, name: string): string {
  if (name === 'UID') return `${message.uid}`;
  if (name === 'FLAGS') return `(${[...message.flags].join(' ')})`;
  return name === 'MODSEQ' ? '(7)' : '"02-Feb-2026 10:00:00 +0100"';
}
