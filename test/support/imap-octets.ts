/** Feeds octets to the IMAP readers in pieces, and puts together what comes out of them. */
import { CommandReader } from '../../src/imap/wire/command-reader.js';
import { ResponseReader } from '../../src/imap/wire/response-reader.js';
import type { CommandPiece, ResponseItem, ServerEvent } from '../../src/imap/wire/wire.js';
import { PassedMemory } from '../../src/runtime/read-memory.js';

export const octets = (text: string): Buffer => Buffer.from(text, 'latin1');

/** The input in pieces of their own memory. */
export function piecesOf(wire: Buffer, cuts: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const cut of [...new Set(cuts.map((one) => one % (wire.length + 1))), wire.length].sort((a, b) => a - b)) {
    if (cut > at) pieces.push(Buffer.from(wire.subarray(at, cut)));
    at = cut;
  }
  return pieces;
}

/** What one response tells, however it was cut. */
export interface ToldResponse {
  kind: string;
  raw: string;
  sequence?: number;
  name?: string | undefined;
  number?: number | undefined;
  tag?: string;
  status?: string;
  code?: string | undefined;
  items?: ToldItem[];
}

export interface ToldItem {
  name: string;
  section: string;
  origin: number | undefined;
  form: string;
  number: number;
  value: string;
  literalBytes: number;
}

function toldItem(item: ResponseItem, raw: Buffer): ToldItem {
  const { name, section, origin, form, number, literalBytes } = item;
  if (item.start >= item.end || item.valueStart < item.start || item.valueEnd > item.end || item.end > raw.length) {
    throw new Error(`${name} is at ${item.start} to ${item.end}, its value at ${item.valueStart} to ${item.valueEnd}`);
  }
  if (!raw.toString('latin1', item.start).toUpperCase().startsWith(name.replace(/\[\]$/, '['))) {
    throw new Error(`${name} does not begin at ${item.start}`);
  }
  const value = raw.toString('latin1', item.valueStart, item.valueEnd);
  return { name, section, origin, form, number, value, literalBytes };
}

/** Puts together what was streamed. */
export class ResponseTeller {
  readonly told: ToldResponse[] = [];
  fault: string | undefined;
  /** events that were parts of a longer response */
  streamed = 0;

  take(event: ServerEvent): void {
    const last = this.told.at(-1);
    if (event.kind === 'fault') this.fault = event.fault;
    else if (event.kind === 'fetch-data') {
      const item = last?.items?.at(-1);
      if (last === undefined || item === undefined) throw new Error('data of no literal');
      last.raw += event.bytes.toString('latin1');
      item.value += event.bytes.toString('latin1');
      if (event.end !== (item.value.length === item.literalBytes)) throw new Error('end of a literal');
      this.streamed += 1;
    } else if (event.kind === 'fetch-more') {
      if (last?.items === undefined) throw new Error('more of no response');
      last.items.push(...event.items.map((item) => toldItem(item, event.raw)));
      last.raw += event.raw.toString('latin1');
    } else this.told.push(toldEvent(event));
  }
}

function toldEvent(event: Exclude<ServerEvent, { kind: 'fault' | 'fetch-data' | 'fetch-more' }>): ToldResponse {
  const { kind } = event;
  const raw = event.raw.toString('latin1');
  switch (event.kind) {
    case 'fetch':
      return { kind, raw, sequence: event.sequence, items: event.items.map((item) => toldItem(item, event.raw)) };
    case 'data':
      return { kind, raw, name: event.name, number: event.number };
    case 'tagged':
      return {
        kind,
        raw,
        tag: event.tag,
        status: event.status,
        code: event.code && `${event.code.name} ${event.code.text}`,
      };
    case 'status':
      return { kind, raw, status: event.status, code: event.code && `${event.code.name} ${event.code.text}` };
    default:
      return { kind, raw };
  }
}

/** Reads to the end or the first fault. */
export function readResponses(pieces: readonly Buffer[], reader = new ResponseReader()): ResponseTeller {
  const teller = new ResponseTeller();
  for (const piece of pieces) {
    reader.push(piece);
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      teller.take(event);
      if (event.kind === 'fault') return teller;
    }
  }
  return teller;
}

/** The same out of memory that is used again for each read, and read into it no more than so many octets at a time. */
export function readReused(wire: Buffer, sizes: readonly number[], leaves: readonly boolean[]): ResponseTeller {
  const teller = new ResponseTeller();
  const reader = new ResponseReader();
  const memory = new PassedMemory();
  for (let at = 0, round = 0; at < wire.length; round += 1) {
    const piece = memory.next();
    const size = sizes[round % sizes.length] ?? piece.length;
    const bytes = wire.copy(piece, 0, at, Math.min(wire.length, at + size));
    at += bytes;
    reader.push(piece.subarray(0, bytes));
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      teller.take(event);
      if (event.kind === 'fault') return teller;
    }
    const moveRest = (to: Buffer): void => reader.moveRest(to);
    memory.handled(bytes, {
      rest: reader.buffered,
      moveRest,
      passed: true,
      renew: () => {},
      more: size > 1,
      waiting: false,
    });
    if (leaves[round % leaves.length] === true) memory.left();
  }
  return teller;
}

/** Reads to the end or the first fault, which is the last piece then. */
export function readCommandPieces(pieces: readonly Buffer[], reader = new CommandReader()): CommandPiece[] {
  const read: CommandPiece[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      read.push(next);
      if (next.kind === 'fault') return read;
    }
  }
  return read;
}

/** Each command's pieces; what is left over is no whole command. */
export function wholeCommands(pieces: readonly CommandPiece[]): CommandPiece[][] {
  const commands: CommandPiece[][] = [];
  let command: CommandPiece[] = [];
  for (const piece of pieces) {
    command.push(piece);
    if (piece.kind === 'line' && piece.literal === undefined) {
      commands.push(command);
      command = [];
    }
  }
  return commands;
}
