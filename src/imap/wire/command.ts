/** Commands in memory: pieces to tokens and back (RFC 9051 §9). Knows the one place where the grammar has brackets. */
import { limits } from '../../runtime/limits.js';
import { CommandSource } from './command-source.js';
import { isArgumentOctet, isTagOctet, octet, upperCase, wordEnd } from './octet-scan.js';
import { hasSections, readBrackets, sectionNames } from './section-brackets.js';
import type { Command, CommandPiece, OutgoingCommand, Token, WireFault } from './wire.js';

/** Not a command. With its tag, if it had one, for the answer. */
export interface CommandFault {
  readonly fault: WireFault;
  readonly tag: string | undefined;
}

/**
 * The tag and the verb of a command by its first line, without looking at the rest.
 * @returns undefined when the line does not begin with both
 */
export function firstWords(line: Buffer): Pick<Command, 'tag' | 'verb'> | undefined {
  const { tag, verb } = readWords(line);
  return tag === undefined || verb === undefined ? undefined : { tag, verb };
}

/** @param pieces a whole command with all its literals */
export function parseCommand(pieces: readonly CommandPiece[]): Command | CommandFault {
  return parse(pieces, false);
}

/**
 * The beginning of a command whose literal is not read into memory, such as APPEND: what stands before the literal that
 * the last line announces. Lists that are open there are taken as closed.
 */
export function parseCommandHead(pieces: readonly CommandPiece[]): Command | CommandFault {
  return parse(pieces, true);
}

function parse(pieces: readonly CommandPiece[], head: boolean): Command | CommandFault {
  const source = new CommandSource(pieces, head);
  const { tag, verb, end } = readWords(source.bytes);
  if (tag === undefined || verb === undefined) return { fault: 'syntax', tag };
  source.at = end;
  const args = readArguments(source, hasSections(verb), head);
  return typeof args === 'string' ? { fault: args, tag } : { tag, verb, args };
}

interface Words {
  readonly tag: string | undefined;
  readonly verb: string | undefined;
  /** where they end in the line */
  readonly end: number;
}

function readWords(line: Buffer): Words {
  const tagEnd = wordEnd(line, 0, line.length);
  if (tagEnd > limits.imap.tagBytes || !isWord(line, 0, tagEnd)) return { tag: undefined, verb: undefined, end: 0 };
  const tag = line.toString('latin1', 0, tagEnd);
  const from = tagEnd + 1;
  let end = wordEnd(line, from, line.length);
  if (!isWord(line, from, end)) return { tag, verb: undefined, end };
  let verb = upperCase(line.toString('latin1', from, end));
  if (verb === 'UID') {
    const second = end + 1;
    end = wordEnd(line, second, line.length);
    if (!isWord(line, second, end)) return { tag, verb: undefined, end };
    verb = `UID ${upperCase(line.toString('latin1', second, end))}`;
  }
  return { tag, verb, end };
}

function isWord(line: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (!isTagOctet(line[at] ?? 0)) return false;
  return to > from;
}

/** Arguments to the end of the command. Lists are kept on a stack of our own, as their depth is the client's choice. */
function readArguments(source: CommandSource, brackets: boolean, head: boolean): readonly Token[] | WireFault {
  const outer: Token[][] = [];
  let items: Token[] = [];
  let left: number = limits.imap.commandTokensMax;
  let separated = source.spaces();
  while (!source.over) {
    if (source.peek() === octet.closeParen) {
      const enclosing = outer.pop();
      if (enclosing === undefined) return 'syntax';
      enclosing.push({ kind: 'list', items });
      items = enclosing;
      source.at += 1;
      separated = source.spaces();
      continue;
    }
    if (!separated) return 'syntax';
    left -= 1;
    if (left < 0) return 'nesting';
    if (source.peek() === octet.openParen) {
      if (outer.length >= limits.imap.commandDepthMax) return 'nesting';
      outer.push(items);
      items = [];
      source.at += 1;
      source.spaces();
      separated = true;
      continue;
    }
    const token = readToken(source, brackets);
    if (token === undefined) return source.fault;
    items.push(token);
    separated = source.spaces();
  }
  if (outer.length > 0 && !head) return 'syntax';
  return outer.reduceRight((list, enclosing) => [...enclosing, { kind: 'list', items: list }], items);
}

function readToken(source: CommandSource, brackets: boolean): Token | undefined {
  if (source.atString) {
    const string = source.string();
    return string === undefined ? undefined : { kind: 'string', ...string };
  }
  const { bytes, at: from } = source;
  let at = from;
  for (; at < bytes.length && bytes[at] !== octet.space && bytes[at] !== octet.closeParen; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === octet.openBracket && brackets && sectionNames.has(upperCase(bytes.toString('latin1', from, at)))) {
      source.at = at;
      const section = readBrackets(source);
      if (section === undefined) return undefined;
      return { kind: 'atom', bytes: Buffer.concat([bytes.subarray(from, at), section]) };
    }
    if (!isArgumentOctet(byte)) return undefined;
  }
  source.at = at;
  return at === from ? undefined : { kind: 'atom', bytes: bytes.subarray(from, at) };
}

/**
 * A command for the server. What could end its line, or be read as anything but text, goes into literals.
 *
 * @param verb without arguments, `UID STORE`
 * @param utf8 whether octets above 127 may stand in quoted strings (RFC 6855 §3)
 * @returns undefined for a string with NUL, which only a message may hold, and for an atom that is none
 */
export function serialise(verb: string, args: readonly Token[], utf8 = false): OutgoingCommand | undefined {
  const writer = new CommandWriter(utf8);
  writer.text(verb);
  for (const token of args) {
    writer.text(' ');
    writer.token(token);
  }
  return writer.end();
}

/** Collects a command for the server. */
export class CommandWriter {
  readonly #parts: (Buffer | { readonly literal: Buffer })[] = [];
  readonly #utf8: boolean;
  #text = '';
  #valid = true;

  constructor(utf8: boolean) {
    this.#utf8 = utf8;
  }

  /** @param text ours, or checked: it is written as it is */
  text(text: string): void {
    this.#text += text;
  }

  token(token: Token): void {
    if (token.kind === 'list') this.#list(token.items);
    else if (token.kind === 'string') this.string(token.bytes);
    else this.#atom(token.bytes);
  }

  string(bytes: Buffer): void {
    const form = stringForm(bytes, this.#utf8);
    if (form === 'quoted') this.#text += `"${bytes.toString('latin1').replace(/["\\]/g, '\\$&')}"`;
    else if (form === 'literal') {
      this.#flush();
      this.#parts.push({ literal: bytes });
    } else this.#valid = false;
  }

  end(): OutgoingCommand | undefined {
    this.#flush();
    return this.#valid ? this.#parts : undefined;
  }

  #list(items: readonly Token[]): void {
    this.#text += '(';
    items.forEach((item, index) => {
      if (index > 0) this.#text += ' ';
      this.token(item);
    });
    this.#text += ')';
  }

  /** Octets that were read as an atom; those of a section hold quoted strings and a list. */
  #atom(bytes: Buffer): void {
    if (bytes.length === 0 || bytes.some((byte) => byte < octet.space || byte >= 0x7f)) this.#valid = false;
    this.#text += bytes.toString('latin1');
  }

  #flush(): void {
    if (this.#text !== '') this.#parts.push(Buffer.from(this.#text, 'latin1'));
    this.#text = '';
  }
}

/** How octets can be written as a string; undefined: not at all. */
function stringForm(bytes: Buffer, utf8: boolean): 'quoted' | 'literal' | undefined {
  let form: 'quoted' | 'literal' = bytes.length <= limits.imap.quotedBytes ? 'quoted' : 'literal';
  for (const byte of bytes) {
    if (byte === octet.nul) return undefined;
    if (byte < octet.space || byte === 0x7f || (byte > 0x7f && !utf8)) form = 'literal';
  }
  return form;
}
