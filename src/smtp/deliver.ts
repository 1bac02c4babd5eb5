/**
 * Sends one message as a client of the next hop, with exact bytes, and brings back what was said about each recipient.
 * Used for releases; it knows nothing of why.
 */
import { read } from 'node:fs';
import type { Socket } from 'node:net';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { readSource, type SpoolSource } from '../runtime/spool-source.js';
import { Dialogue } from './dialogue.js';
import { DotStuffer } from './dot-stuffer.js';
import { type Extensions, noExtensions, parseExtensions } from './ehlo.js';
import type { Piece } from './handler.js';
import { parameterValue } from './mail-path.js';
import type { UpstreamReply } from './reply-reader.js';
import { openUpstream, type UpstreamOptions } from './upstream.js';

export interface Delivery {
  /** empty for the null reverse-path */
  readonly mailFrom: string;
  /** verbatim; those whose extension the next hop does not offer are dropped, where the message survives that */
  readonly mailParameters: readonly string[];
  readonly recipients: readonly { readonly address: string; readonly parameters: readonly string[] }[];
  readonly pieces: readonly Piece[];
  readonly source: SpoolSource;
}

export interface DeliveryReply {
  readonly address: string;
  readonly stage: 'connect' | 'mail' | 'rcpt' | 'data' | 'end';
  readonly code: number | undefined;
  readonly reply: string;
  readonly delivered: boolean;
  readonly permanent: boolean;
}

type Stage = DeliveryReply['stage'];

/**
 * One transaction. Always resolves with one reply per recipient, in their order.
 */
export async function deliver(
  delivery: Delivery,
  options: UpstreamOptions,
  signal: AbortSignal,
): Promise<DeliveryReply[]> {
  const attempt = new Attempt(delivery);
  try {
    const { socket, banner } = await openUpstream(options, { address: '', port: 0 }, signal, () => undefined);
    const abort = () => socket.destroy(new Error('aborted'));
    signal.addEventListener('abort', abort, { once: true });
    socket.setTimeout(finalReplyTimeoutMs, () => socket.destroy(new Error('no reply in time')));
    try {
      await attempt.run(socket, banner, options.hostname);
    } finally {
      signal.removeEventListener('abort', abort);
      socket.end();
      setTimeout(() => socket.destroy(), closeMs).unref();
    }
  } catch (error) {
    attempt.failed(messageOf(error));
  }
  return attempt.replies();
}

/** RFC 5321 §4.5.3.2.6 */
const finalReplyTimeoutMs = 600_000;
const closeMs = 2000;

class Attempt {
  readonly #delivery: Delivery;
  readonly #replies: (DeliveryReply | undefined)[];
  #stage: Stage = 'connect';

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
    this.#replies = delivery.recipients.map(() => undefined);
  }

  replies(): DeliveryReply[] {
    this.failed('not attempted');
    return this.#replies.filter((reply) => reply !== undefined);
  }

  /** Everybody without an answer yet gets this one. */
  #settle(code: number | undefined, reply: string): void {
    this.#delivery.recipients.forEach(({ address }, index) => {
      const delivered = this.#stage === 'end' && code !== undefined && code >= 200 && code < 300;
      const permanent = code !== undefined && code >= 500;
      this.#replies[index] ??= { address, stage: this.#stage, code, reply, delivered, permanent };
    });
  }

  failed(text: string): void {
    this.#settle(undefined, text);
  }

  async run(socket: Socket, banner: UpstreamReply, hostname: string): Promise<void> {
    if (banner.code !== 220) return this.#settle(banner.code, line(banner));
    const dialogue = new Dialogue(socket);
    socket.resume();
    const extensions = await greet(dialogue, hostname);
    const lacking = missingExtension(this.#delivery, extensions);
    if (lacking !== undefined) return this.#settle(554, lacks(lacking));
    if (!(await this.#envelope(dialogue, extensions))) return quit(dialogue);
    await this.#content(dialogue, socket, extensions);
    return quit(dialogue);
  }

  async #envelope(dialogue: Dialogue, extensions: Extensions): Promise<boolean> {
    const { mailFrom, mailParameters, recipients } = this.#delivery;
    this.#stage = 'mail';
    const parameters = [...offeredParameters(mailParameters, extensions), ...this.#size(extensions)];
    const mail = await dialogue.command(`MAIL FROM:<${wire(mailFrom)}>${tail(parameters)}\r\n`);
    if (mail.code >= 300) {
      this.#settle(mail.code, line(mail));
      return false;
    }
    this.#stage = 'rcpt';
    for (const [index, { address, parameters: own }] of recipients.entries()) {
      const rcpt = await dialogue.command(`RCPT TO:<${wire(address)}>${tail(offeredParameters(own, extensions))}\r\n`);
      if (rcpt.code < 300) continue;
      const { code } = rcpt;
      this.#replies[index] = {
        address,
        stage: 'rcpt',
        code,
        reply: line(rcpt),
        delivered: false,
        permanent: code >= 500,
      };
    }
    return this.#replies.includes(undefined);
  }

  #bytes(): number {
    return this.#delivery.pieces.reduce(
      (sum, piece) => sum + (Buffer.isBuffer(piece) ? piece.length : piece.end - piece.start),
      0,
    );
  }

  #size(extensions: Extensions): string[] {
    return extensions.size === undefined ? [] : [`SIZE=${this.#bytes()}`];
  }

  async #content(dialogue: Dialogue, socket: Socket, extensions: Extensions): Promise<void> {
    this.#stage = 'data';
    // DATA can only carry lines; whatever came by BDAT and does not end in one goes back by BDAT.
    const chunked = isBinary(this.#delivery) || !(await this.#endsWithLine());
    // Its end of data would stand in the middle of a line and never be seen.
    if (chunked && !extensions.chunking) return this.#settle(554, lacks('CHUNKING'));
    if (chunked) {
      socket.write(`BDAT ${this.#bytes()} LAST\r\n`);
    } else {
      const goAhead = await dialogue.command('DATA\r\n');
      if (goAhead.code !== 354) return this.#settle(goAhead.code < 400 ? undefined : goAhead.code, line(goAhead));
    }
    await this.#send(socket, chunked ? undefined : new DotStuffer());
    this.#stage = 'end';
    const final = chunked ? await dialogue.reply() : await dialogue.command('.\r\n');
    return this.#settle(final.code, line(final));
  }

  async #endsWithLine(): Promise<boolean> {
    const last = this.#delivery.pieces.at(-1);
    if (last === undefined) return true;
    const end = Buffer.isBuffer(last)
      ? last.subarray(-2)
      : readSource(this.#delivery.source, Math.max(last.start, last.end - 2), last.end);
    return end.toString('latin1') === '\r\n';
  }

  async #send(socket: Socket, stuffer: DotStuffer | undefined): Promise<void> {
    for (const piece of this.#delivery.pieces) {
      if (Buffer.isBuffer(piece)) {
        await written(socket, stuffer?.push(piece) ?? piece);
        continue;
      }
      for (let at = piece.start; at < piece.end; ) {
        const chunk = await readChunk(this.#delivery.source, at, piece.end);
        at += chunk.length;
        await written(socket, stuffer?.push(chunk) ?? chunk);
      }
    }
  }
}

async function greet(dialogue: Dialogue, hostname: string): Promise<Extensions> {
  const ehlo = await dialogue.command(`EHLO ${hostname}\r\n`);
  if (ehlo.code === 250) return parseExtensions(ehlo);
  await dialogue.command(`HELO ${hostname}\r\n`);
  return noExtensions;
}

const lacks = (extension: string): string => `the next hop offers no ${extension}, which this message needs`;

async function quit(dialogue: Dialogue): Promise<void> {
  // The transaction is decided; what the next hop says to QUIT changes nothing.
  await dialogue.command('QUIT\r\n').catch(() => undefined);
}

const isBinary = (delivery: Delivery): boolean =>
  parameterValue(delivery.mailParameters, 'BODY')?.toUpperCase() === 'BINARYMIME';

/** An extension without which the message could not arrive as it is. */
function missingExtension(delivery: Delivery, extensions: Extensions): string | undefined {
  const has = (keyword: string) => extensions.keywords.has(keyword);
  if (isBinary(delivery) && !(has('BINARYMIME') && has('CHUNKING'))) return 'BINARYMIME';
  const utf8 = parameterValue(delivery.mailParameters, 'SMTPUTF8') !== undefined;
  if (utf8 && !has('SMTPUTF8')) return 'SMTPUTF8';
  const tls = parameterValue(delivery.mailParameters, 'REQUIRETLS') !== undefined;
  return tls && !has('REQUIRETLS') ? 'REQUIRETLS' : undefined;
}

/** Which extension a parameter belongs to. SIZE is left out: ours is computed anew. */
const parameterExtension: Readonly<Record<string, string>> = {
  BODY: '8BITMIME',
  SMTPUTF8: 'SMTPUTF8',
  RET: 'DSN',
  ENVID: 'DSN',
  NOTIFY: 'DSN',
  ORCPT: 'DSN',
  AUTH: 'AUTH',
  REQUIRETLS: 'REQUIRETLS',
  'MT-PRIORITY': 'MT-PRIORITY',
};

function offeredParameters(parameters: readonly string[], extensions: Extensions): string[] {
  return parameters.filter((parameter) => {
    const keyword = parameter.split('=', 1)[0]?.toUpperCase() ?? '';
    const extension = parameterExtension[keyword];
    return extension !== undefined && extensions.keywords.has(extension);
  });
}

const tail = (parameters: readonly string[]): string => parameters.map((parameter) => ` ${parameter}`).join('');
/** Commands are written as latin1; an internationalised address must go out as UTF-8 (RFC 6531 §3.3). */
const wire = (address: string): string => Buffer.from(address, 'utf8').toString('latin1');
const line = (reply: UpstreamReply): string => Buffer.from(reply.raw.trim(), 'latin1').toString('utf8');

function written(socket: Socket, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

function readChunk(source: SpoolSource, start: number, end: number): Promise<Buffer> {
  if (source.kind === 'memory') return Promise.resolve(readSource(source, start, end));
  const buffer = Buffer.allocUnsafe(Math.min(end - start, limits.spool.readChunkBytes));
  return new Promise((resolve, reject) => {
    read(source.fd, buffer, 0, buffer.length, start, (error, count) => {
      if (error !== null) reject(error);
      else if (count === 0) reject(new Error(`the message ends at ${start}`));
      else resolve(buffer.subarray(0, count));
    });
  });
}
