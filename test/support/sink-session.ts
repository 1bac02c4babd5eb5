/** One connection of the capturing sink: reads lines, data and chunks strictly, and answers in order. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { dotUnstuff } from './mail.js';
import { parseProxyHeader } from './proxy-header.js';
import { defaultExtensions, type ScriptedReply, type Sink } from './sink.js';

type Mode =
  | { readonly kind: 'command' }
  | { readonly kind: 'auth' }
  | { readonly kind: 'data' }
  | { readonly kind: 'chunk'; readonly bytes: number; readonly last: boolean };

const endOfData = Buffer.from('\r\n.\r\n');
/** octets before the read position that stay in the buffer, so that DATA's own CRLF can begin an end of data */
const keptBytes = 2;

export class SinkSession {
  readonly #sink: Sink;
  readonly #id: number;
  #socket: Socket;
  #buffer: Buffer = Buffer.alloc(65_536);
  #length = 0;
  #at = 0;
  #searched = 0;
  #mode: Mode = { kind: 'command' };
  #busy = false;
  #mail: string | undefined;
  #recipients: string[] = [];
  #chunks: Buffer[] = [];
  #awaitingProxy: boolean;

  constructor(sink: Sink, socket: Socket, id: number) {
    this.#sink = sink;
    this.#socket = socket;
    this.#id = id;
    this.#awaitingProxy = sink.options.proxyProtocol ?? false;
  }

  start(): void {
    this.#listen(this.#socket);
    if (!this.#awaitingProxy) this.#run(this.#greet());
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
  }

  #violation(text: string): void {
    this.#sink.violations.push(`session ${this.#id}: ${text}`);
  }

  #run(work: Promise<void>): void {
    this.#busy = true;
    work
      .then(() => {
        this.#busy = false;
        this.#process();
      })
      .catch((error: Error) => {
        this.#violation(`sink failed: ${error.message}`);
        this.#socket.destroy();
      });
  }

  #receive(chunk: Buffer): void {
    if (this.#length + chunk.length > this.#buffer.length) this.#makeRoom(chunk.length);
    chunk.copy(this.#buffer, this.#length);
    this.#length += chunk.length;
    if (this.#awaitingProxy) this.#takeProxyHeader();
    if (this.#mode.kind === 'data' && this.#dataIsTooLong()) return;
    if (!this.#busy) this.#process();
    else if (!this.#extensions().includes('PIPELINING') && this.#mode.kind === 'command') {
      this.#violation('input before the reply to the last command');
    }
  }

  #dataIsTooLong(): boolean {
    const bound = this.#sink.options.dieAfterDataBytes;
    if (bound === undefined || this.#length - this.#at < bound) return false;
    this.#socket.resetAndDestroy();
    return true;
  }

  #makeRoom(bytes: number): void {
    const start = Math.max(0, this.#at - keptBytes);
    const used = this.#length - start;
    const target = used + bytes > this.#buffer.length ? Buffer.alloc((used + bytes) * 2) : this.#buffer;
    this.#buffer.copy(target, 0, start, this.#length);
    this.#buffer = target;
    this.#at -= start;
    this.#searched = Math.max(0, this.#searched - start);
    this.#length = used;
  }

  #takeProxyHeader(): void {
    const header = parseProxyHeader(this.#buffer.subarray(0, this.#length));
    if (header === undefined) return;
    this.#awaitingProxy = false;
    this.#at = header.bytes;
    this.#sink.proxied.push(header.source);
    this.#run(this.#greet());
  }

  async #greet(): Promise<void> {
    await this.#answer(
      'CONNECT',
      '',
      `220 sink.example ${this.#sink.options.protocol === 'lmtp' ? 'LMTP' : 'ESMTP'}\r\n`,
    );
  }

  /** Handles what has arrived until input runs out or an answer is being waited for. */
  #process(): void {
    while (!this.#busy && !this.#awaitingProxy && !this.#socket.destroyed) {
      const more =
        this.#mode.kind === 'data'
          ? this.#takeData()
          : this.#mode.kind === 'chunk'
            ? this.#takeChunk(this.#mode)
            : this.#takeLine();
      if (!more) return;
    }
  }

  #takeLine(): boolean {
    const end = this.#buffer.subarray(0, this.#length).indexOf('\r\n', this.#at);
    if (end === -1) return false;
    const line = this.#buffer.toString('latin1', this.#at, end);
    this.#at = end + 2;
    if (/[\r\n\0]/.test(line)) this.#violation(`bare CR, LF or NUL in command ${JSON.stringify(line)}`);
    this.#run(this.#mode.kind === 'auth' ? this.#authLine(line) : this.#command(line));
    return true;
  }

  #takeData(): boolean {
    const input = this.#buffer.subarray(0, this.#length);
    const from = Math.max(this.#at - keptBytes, this.#searched);
    const end = input.indexOf(endOfData, from);
    if (end === -1) {
      this.#searched = Math.max(this.#at - keptBytes, this.#length - endOfData.length + 1);
      return false;
    }
    const raw = end < this.#at ? Buffer.alloc(0) : Buffer.from(input.subarray(this.#at, end + 2));
    this.#at = end + endOfData.length;
    this.#mode = { kind: 'command' };
    this.#reportBareOctets(raw);
    this.#run(this.#finishMessage('DATA', dotUnstuff(raw)));
    return true;
  }

  #reportBareOctets(raw: Buffer): void {
    for (let at = raw.indexOf('\n'); at !== -1; at = raw.indexOf('\n', at + 1)) {
      if (raw[at - 1] === 13) continue;
      this.#violation('bare LF in data');
      break;
    }
    for (let at = raw.indexOf('\r'); at !== -1; at = raw.indexOf('\r', at + 1)) {
      if (raw[at + 1] === 10) continue;
      this.#violation('bare CR in data');
      break;
    }
    if (raw.includes(0)) this.#violation('NUL in data');
  }

  #takeChunk(mode: { readonly bytes: number; readonly last: boolean }): boolean {
    if (this.#length - this.#at < mode.bytes) return false;
    this.#chunks.push(Buffer.from(this.#buffer.subarray(this.#at, this.#at + mode.bytes)));
    this.#at += mode.bytes;
    this.#mode = { kind: 'command' };
    if (mode.last) this.#run(this.#finishMessage('BDAT', Buffer.concat(this.#chunks)));
    else this.#run(this.#answer('CHUNK', '', '250 2.0.0 chunk taken\r\n').then(() => {}));
    return true;
  }

  async #finishMessage(verb: 'DATA' | 'BDAT', bytes: Buffer): Promise<void> {
    const message = { mail: this.#mail ?? '', recipients: this.#recipients, bytes, verb, session: this.#id };
    this.#resetEnvelope();
    const line = `250 2.0.0 taken as ${this.#id}-${this.#sink.messages.length + 1}\r\n`;
    // RFC 2033 §4.2: LMTP answers once for each recipient.
    const text = this.#sink.options.protocol === 'lmtp' ? line.repeat(message.recipients.length) : line;
    const sent = await this.#answer('END', '', text, (reply) => {
      if (reply.startsWith('2')) this.#sink.messages.push(message);
    });
    if (sent === undefined) this.#socket.destroy();
  }

  #resetEnvelope(): void {
    this.#mail = undefined;
    this.#recipients = [];
    this.#chunks = [];
  }

  #extensions(): readonly string[] {
    return this.#sink.options.extensions ?? defaultExtensions;
  }

  /** Sends the script's answer, or else `usual`. Returns what was sent; undefined when the script hung up. */
  async #answer(
    verb: string,
    line: string,
    usual: string,
    before?: (reply: string) => void,
  ): Promise<string | undefined> {
    const command = { verb, line, session: this.#id };
    const scripted = this.#sink.options.script?.(command);
    const reply: ScriptedReply = typeof scripted === 'object' ? scripted : { text: scripted ?? usual };
    if (reply.delayMs !== undefined) await sleep(reply.delayMs);
    if (reply.text !== undefined) {
      before?.(reply.text);
      this.#socket.write(reply.text, 'latin1');
    }
    if (reply.text === undefined) this.#socket.destroy();
    else if (reply.closeAfter === true) this.#socket.end();
    return reply.text;
  }

  async #command(line: string): Promise<void> {
    const verb = (line.split(/[ :]/, 1)[0] ?? '').toUpperCase();
    this.#sink.commands.push({ verb, line, session: this.#id });
    // RFC 3030 §2: BDAT is answered after its octets only.
    if (verb === 'BDAT') return this.#beginChunk(line);
    const sent = await this.#answer(verb, line, this.#usualReply(verb, line));
    if (sent === undefined) return;
    const accepted = sent.startsWith('2');
    if (verb === 'MAIL' && accepted) this.#mail = line.slice(line.indexOf(':') + 1);
    else if (verb === 'RCPT' && accepted) this.#recipients.push(line.slice(line.indexOf(':') + 1));
    else if (verb === 'RSET' || verb === 'EHLO' || verb === 'LHLO' || verb === 'HELO') this.#resetEnvelope();
    else if (verb === 'DATA' && sent.startsWith('354')) this.#beginData();
    else if (verb === 'AUTH' && sent.startsWith('334')) this.#mode = { kind: 'auth' };
    else if (verb === 'STARTTLS' && accepted) this.#upgrade();
    else if (verb === 'QUIT') this.#socket.end();
  }

  #usualReply(verb: string, line: string): string {
    switch (verb) {
      case 'EHLO':
      case 'LHLO':
        return ['sink.example', ...this.#extensions()]
          .map((text, index, all) => `250${index === all.length - 1 ? ' ' : '-'}${text}\r\n`)
          .join('');
      case 'HELO':
        return '250 sink.example\r\n';
      case 'RCPT':
        return this.#mail === undefined ? '503 5.5.1 MAIL first\r\n' : '250 2.1.5 recipient ok\r\n';
      case 'DATA':
        return this.#recipients.length === 0 ? '503 5.5.1 RCPT first\r\n' : '354 go ahead\r\n';
      case 'AUTH':
        return line.split(' ').length > 2 ? '235 2.7.0 welcome\r\n' : '334 \r\n';
      case 'STARTTLS':
        return this.#sink.options.certificates === undefined ? '502 5.5.1 no\r\n' : '220 2.0.0 ready\r\n';
      case 'VRFY':
        return '252 2.1.5 try it\r\n';
      case 'QUIT':
        return '221 2.0.0 bye\r\n';
      case 'MAIL':
      case 'RSET':
      case 'NOOP':
      case 'XCLIENT':
        return '250 2.0.0 ok\r\n';
      default:
        return '500 5.5.2 unknown command\r\n';
    }
  }

  async #authLine(line: string): Promise<void> {
    this.#mode = { kind: 'command' };
    this.#sink.commands.push({ verb: 'AUTH-LINE', line, session: this.#id });
    const usual = line === '*' ? '501 5.7.0 cancelled\r\n' : '235 2.7.0 welcome\r\n';
    const sent = await this.#answer('AUTH-LINE', line, usual);
    if (sent?.startsWith('334') === true) this.#mode = { kind: 'auth' };
  }

  #beginData(): void {
    this.#mode = { kind: 'data' };
    this.#searched = 0;
  }

  #beginChunk(line: string): void {
    const [, bytes, last] = line.split(' ');
    this.#mode = { kind: 'chunk', bytes: Number(bytes), last: last?.toUpperCase() === 'LAST' };
  }

  #upgrade(): void {
    const certificates = this.#sink.options.certificates;
    if (certificates === undefined) return;
    if (this.#length > this.#at) this.#violation('octets after STARTTLS');
    this.#length = 0;
    this.#at = 0;
    this.#resetEnvelope();
    this.#socket.removeAllListeners('data');
    const secure = new TLSSocket(this.#socket, {
      isServer: true,
      key: certificates.key,
      cert: certificates.certificate,
    });
    this.#socket = secure;
    this.#listen(secure);
  }
}
