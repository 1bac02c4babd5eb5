/** A mailbox and a server for it, in memory and without sockets: commands in, octets out, every change at once. */
import { createHash } from 'node:crypto';

export interface ModelMessage {
  readonly uid: number;
  readonly bytes: Buffer;
  readonly internalDate: string;
  readonly flags: Set<string>;
}

export interface ModelOptions {
  /** codes that are left out although the server has them: COPYUID, UIDNEXT, READ-WRITE … */
  readonly silentCodes?: readonly string[];
  readonly permanentFlags?: string;
  readonly readOnly?: boolean;
  /** answers of RFC 4314 */
  readonly rights?: string;
  /** how the literal stands in a FETCH */
  readonly shape?: 'uid-first' | 'uid-last';
  /** COPY within a mailbox changes nothing and answers with the UID that is there */
  readonly labels?: boolean;
  /** COPY forgets flags */
  readonly forgetsFlags?: boolean;
  /** COPY sets the date of today */
  readonly forgetsDate?: boolean;
  /** commands that are answered with this instead of being run: `UID COPY` → `NO [OVERQUOTA] full` */
  readonly refusals?: Readonly<Record<string, string>>;
}

export class ModelMailbox {
  readonly uidValidity = 7;
  readonly messages: ModelMessage[] = [];
  readonly options: ModelOptions;
  /** every command that was run, without tag */
  readonly commands: string[] = [];
  uidNext = 100;

  constructor(options: ModelOptions = {}) {
    this.options = options;
  }

  add(
    bytes: Buffer,
    flags: readonly string[] = [],
    internalDate = '01-Nov-2026 10:00:00 +0000',
    uid = this.uidNext,
  ): number {
    this.messages.push({ uid, bytes, internalDate, flags: new Set(flags) });
    this.messages.sort((left, right) => left.uid - right.uid);
    this.uidNext = Math.max(this.uidNext, uid + 1);
    return uid;
  }

  get(uid: number): ModelMessage | undefined {
    return this.messages.find((message) => message.uid === uid);
  }

  /** UIDs of the messages that hold these octets */
  holding(bytes: Buffer): number[] {
    return this.messages.filter((message) => message.bytes.equals(bytes)).map((message) => message.uid);
  }

  /** @param command without tag and CRLF; @returns the untagged lines and the tagged one, without its tag */
  run(command: string): { readonly untagged: Buffer; readonly status: string } {
    this.commands.push(command);
    const verb = /^(?:UID )?[A-Z]+/.exec(command)?.[0] ?? '';
    const refusal = this.options.refusals?.[verb];
    if (refusal !== undefined) return { untagged: Buffer.alloc(0), status: refusal };
    const rest = command.slice(verb.length + 1);
    switch (verb) {
      case 'SELECT':
      case 'EXAMINE':
        return this.#select();
      case 'MYRIGHTS':
        return { untagged: Buffer.from(`* MYRIGHTS ${rest} ${this.options.rights ?? 'lrswipkxte'}\r\n`), status: 'OK' };
      case 'UID SEARCH':
        return {
          untagged: Buffer.from(`* SEARCH${this.messages.map(({ uid }) => ` ${uid}`).join('')}\r\n`),
          status: 'OK found',
        };
      case 'UID FETCH':
        return this.#fetch(rest);
      case 'UID COPY':
        return this.#copy(rest);
      case 'UID STORE':
        return this.#store(rest);
      case 'UID EXPUNGE':
        return this.#expunge(rest);
      case 'UNSELECT':
        return { untagged: Buffer.alloc(0), status: 'OK bye' };
      default:
        return { untagged: Buffer.alloc(0), status: 'BAD what' };
    }
  }

  #code(name: string, text: string): string {
    return this.options.silentCodes?.includes(name) === true ? '' : `[${name}${text === '' ? '' : ` ${text}`}] `;
  }

  #select() {
    const flags = this.options.permanentFlags ?? '(\\Deleted \\Seen \\Flagged \\*)';
    const untagged = [
      `* ${this.messages.length} EXISTS`,
      '* 0 RECENT',
      '* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)',
      `* OK ${this.#code('PERMANENTFLAGS', flags)}ok`,
      `* OK ${this.#code('UIDVALIDITY', `${this.uidValidity}`)}ok`,
      `* OK ${this.#code('UIDNEXT', `${this.uidNext}`)}ok`,
      '',
    ].join('\r\n');
    return {
      untagged: Buffer.from(untagged),
      status: `OK ${this.#code(this.options.readOnly === true ? 'READ-ONLY' : 'READ-WRITE', '')}selected`,
    };
  }

  #inSet(set: string): ModelMessage[] {
    const last = this.messages.at(-1)?.uid ?? 0;
    return this.messages.filter(({ uid }) =>
      set.split(',').some((range) => {
        const [from = 0, to = from] = range.split(':').map((end) => (end === '*' ? last : Number(end)));
        return uid >= Math.min(from, to) && uid <= Math.max(from, to);
      }),
    );
  }

  #fetch(rest: string) {
    const [, set = '', items = ''] = /^(\S+) \((.*)\)$/.exec(rest) ?? [];
    const lines = this.#inSet(set).map((message) => {
      const { uid, bytes, flags, internalDate } = message;
      const parts: (string | Buffer)[] = [];
      if (items.includes('FLAGS')) parts.push(`FLAGS (${[...flags].join(' ')})`);
      if (items.includes('RFC822.SIZE')) parts.push(`RFC822.SIZE ${bytes.length}`);
      if (items.includes('INTERNALDATE')) parts.push(`INTERNALDATE "${internalDate}"`);
      if (items.includes('BODY.PEEK[]')) {
        const literal = Buffer.concat([Buffer.from(`BODY[] {${bytes.length}}\r\n`), bytes]);
        parts.push(literal);
      }
      if (this.options.shape === 'uid-last') parts.push(`UID ${uid}`);
      else parts.unshift(`UID ${uid}`);
      const sequence = this.messages.indexOf(message) + 1;
      const inner = parts.flatMap((part, index) => [Buffer.from(index === 0 ? '' : ' '), Buffer.from(part)]);
      return Buffer.concat([Buffer.from(`* ${sequence} FETCH (`), ...inner, Buffer.from(')\r\n')]);
    });
    return { untagged: Buffer.concat(lines), status: 'OK fetched' };
  }

  #copy(rest: string) {
    const source = this.get(Number(rest.split(' ')[0]));
    if (source === undefined) return { untagged: Buffer.alloc(0), status: 'OK nothing to copy' };
    const { bytes, flags, internalDate } = source;
    const date = this.options.forgetsDate === true ? '22-Nov-2026 10:00:00 +0000' : internalDate;
    const uid =
      this.options.labels === true
        ? source.uid
        : this.add(bytes, this.options.forgetsFlags === true ? [] : [...flags], date);
    const code = this.#code('COPYUID', `${this.uidValidity} ${source.uid} ${uid}`);
    return { untagged: Buffer.from(`* ${this.messages.length} EXISTS\r\n`), status: `OK ${code}copied` };
  }

  #store(rest: string) {
    const [, set = '', sign = '', flags = ''] = /^(\S+) ([+-])FLAGS\.SILENT \((.*)\)$/.exec(rest) ?? [];
    for (const message of this.#inSet(set)) {
      for (const flag of flags.split(' ')) {
        if (sign === '+') message.flags.add(flag);
        else message.flags.delete(flag);
      }
    }
    return { untagged: Buffer.alloc(0), status: 'OK stored' };
  }

  #expunge(rest: string) {
    const lines: string[] = [];
    for (const message of this.#inSet(rest)) {
      if (!message.flags.has('\\Deleted')) continue;
      lines.push(`* ${this.messages.indexOf(message) + 1} EXPUNGE\r\n`);
      this.messages.splice(this.messages.indexOf(message), 1);
    }
    return { untagged: Buffer.from(lines.join('')), status: 'OK expunged' };
  }
}

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
