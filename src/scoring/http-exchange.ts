/**
 * One question to a scoring service and its answer, bounded in time and size, whatever the service does. It knows HTTP
 * and sockets, not what an answer means. Redirects are not followed: an answer is the service's own or none.
 */
import type { Readable } from 'node:stream';
import type { Pool } from 'undici';
import type { ServiceAddress } from '../config/service-url.js';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { FallbackCause } from './backend.js';

/** Content that is sent as a stream. */
export interface Upload {
  readonly bytes: number;
  read(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export interface Question {
  /** absolute, with its query */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** makes it a POST; else it is a GET */
  readonly content?: Upload;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly kind: 'reply';
  readonly status: number;
  /** lower case, without parameters; empty when absent */
  readonly contentType: string;
  readonly location: string | undefined;
  readonly retryAfter: string | undefined;
  /** undefined when it did not come whole, was too large or no UTF-8 */
  readonly body: string | undefined;
  /** why there is no body */
  readonly bodyProblem: Failure | undefined;
  /** the last octet of the content was handed over before the answer was complete */
  readonly sentAll: boolean;
}

export interface Failure {
  readonly kind: 'failed';
  readonly cause: FallbackCause;
  /** our own words, or a name of the system's; never the service's */
  readonly detail: string;
  /** nothing of an answer has come, so that the question may be put again */
  readonly again: boolean;
}

export type Exchange = Reply | Failure;

/** The local machine has no more of something. */
const exhausted = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']);
/** The service is there and cannot be talked to, however often it is tried. */
const lasting = /^(?:UND_ERR_RES|UND_ERR_HEADERS_OVERFLOW|ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/;

export interface ConnectionOptions {
  readonly service: ServiceAddress;
  /** at a time */
  readonly connections: number;
  /** PEM; the system's authorities when absent */
  readonly ca?: string;
}

/** The connections to one service. Nothing is opened before the first question. */
export class ServiceConnections {
  readonly #options: ConnectionOptions;
  #pool: Promise<Pool> | undefined;
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async ask(question: Question): Promise<Exchange> {
    const exchange = new HttpExchange(question);
    if (this.#closed) return exchange.failure(new Error('closed'));
    try {
      this.#pool ??= this.#open();
      return await exchange.run(await this.#pool);
    } catch (error) {
      return exchange.failure(error);
    } finally {
      exchange.end();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const pool = await this.#pool?.catch(() => undefined);
    await pool?.destroy();
  }

  async #open(): Promise<Pool> {
    const { service, connections, ca } = this.#options;
    // Loaded only where such a service is configured: it takes a tenth of a second.
    const { Pool } = await import('undici');
    return new Pool(service.origin, {
      connections,
      pipelining: 1,
      allowH2: false,
      maxHeaderSize: limits.http.headerBytes,
      // One clock of ours covers all of an exchange.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: limits.http.connectTimeoutMs, ...(ca === undefined ? {} : { ca }) },
    });
  }
}

class HttpExchange {
  readonly #question: Question;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #onAbort = (): void => this.#controller.abort();
  #timedOut = false;
  #handed = 0;
  /** what is wrong with our own content */
  #contentProblem: Failure | undefined;

  constructor(question: Question) {
    this.#question = question;
    this.#timer = setTimeout(() => {
      this.#timedOut = true;
      this.#controller.abort();
    }, question.timeoutMs);
    if (question.signal.aborted) this.#onAbort();
    // Not AbortSignal.any: in Node 20 a signal that lives on keeps some bytes of each one made from it.
    else question.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Frees what waits for this exchange, and stops an upload that nobody listens to any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#question.signal.removeEventListener('abort', this.#onAbort);
    this.#controller.abort();
  }

  async run(pool: Pool): Promise<Exchange> {
    const { path, headers, content } = this.#question;
    const response = await pool.request({
      path,
      method: content === undefined ? 'GET' : 'POST',
      headers: content === undefined ? headers : { ...headers, 'content-length': String(content.bytes) },
      // Any async iterable will do, says its documentation; its types know streams alone.
      body: content === undefined ? null : (this.#bodyOf(content) as unknown as Readable),
      signal: this.#controller.signal,
    });
    const { statusCode: status, headers: fields } = response;
    const said = {
      kind: 'reply' as const,
      status,
      contentType: (one(fields['content-type']) ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '',
      location: one(fields.location),
      retryAfter: one(fields['retry-after']),
    };
    let body: string | undefined;
    let bodyProblem: Failure | undefined;
    try {
      const coding = one(fields['content-encoding'])?.trim().toLowerCase() ?? 'identity';
      // We asked for none: what is small when packed may be endless when unpacked.
      if (coding !== 'identity') throw new AnswerProblem('its answer is compressed');
      body = await readBody(response.body);
    } catch (error) {
      bodyProblem = error instanceof AnswerProblem ? failed(error.message) : { ...this.failure(error), again: false };
    }
    const sentAll = content === undefined || this.#handed >= content.bytes;
    if (this.#contentProblem !== undefined && status < 400) return this.#contentProblem;
    return { ...said, body, bodyProblem, sentAll };
  }

  /** What a thrown error says of the exchange. */
  failure(error: unknown): Failure {
    if (this.#contentProblem !== undefined) return this.#contentProblem;
    const { timeoutMs, signal } = this.#question;
    if (this.#timedOut) return { ...failed(`no answer in ${timeoutMs} ms`), cause: 'verdict-timeout' };
    if (signal.aborted) return { ...failed('the scan was given up'), cause: 'verdict-timeout' };
    const code = (error as NodeJS.ErrnoException | null)?.code ?? '';
    if (exhausted.has(code)) return { ...failed(code), cause: 'out-of-resources' };
    if (error instanceof Error && error.name === 'HTTPParserError') return failed('its answer is no HTTP');
    const again = !lasting.test(code);
    if (code === 'UND_ERR_CONNECT_TIMEOUT')
      return { ...failed(`no connection in ${limits.http.connectTimeoutMs} ms`), again };
    if (code === 'UND_ERR_SOCKET') return { ...failed('closed before its answer'), again };
    return { ...failed(code === '' ? messageOf(error).slice(0, limits.http.wordsChars) : code), again };
  }

  async *#bodyOf(content: Upload): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const chunk of content.read(this.#controller.signal)) {
        if (chunk.length === 0) continue;
        this.#handed += chunk.length;
        if (this.#handed > content.bytes) break;
        yield chunk;
      }
    } catch (error) {
      if (!this.#controller.signal.aborted)
        this.#contentProblem = failed(`the content cannot be read: ${messageOf(error)}`);
      throw error;
    }
    if (this.#handed === content.bytes) return;
    this.#contentProblem = {
      ...failed(`content of ${content.bytes} bytes gave ${this.#handed}`),
      cause: 'unscannable',
    };
    throw new Error('the content has another size');
  }
}

/** An answer that is not to be believed. */
class AnswerProblem extends Error {}

function failed(detail: string): Failure {
  return { kind: 'failed', cause: 'backend-unavailable', detail, again: false };
}

/** Of a field that is repeated the first counts. */
function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

async function readBody(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > limits.http.answerBytes)
      throw new AnswerProblem(`its answer has more than ${limits.http.answerBytes} bytes`);
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new AnswerProblem('its answer is not UTF-8');
  }
}
