/**
 * The http backend: a scoring service that speaks the API of config/scoring-api.yaml. A digest is looked up first; only
 * what the service does not know is sent, and slow analyses are asked for until they end. It knows no messages and
 * keeps no answers.
 */
import { readFileSync } from 'node:fs';
import type { ServiceAddress } from '../config/service-url.js';
import type { PartFacts } from '../inspect/report.js';
import { limits } from '../runtime/limits.js';
import { TokenFile } from '../runtime/token-file.js';
import type { Answer, Backend, BackendHealth, FallbackCause, PartContent } from './backend.js';
import { type AnswerNames, type Asked, engineOf, type Meaning, meaningOf, retryAfterMs } from './http-answer.js';
import { apiHeaders, apiPaths, apiTypes, type EngineInfo } from './http-api.js';
import { type Exchange, type Question, ServiceConnections, type Upload } from './http-exchange.js';
import { RemoteServer, type SignOfLife } from './remote-server.js';
import { Slots } from './slots.js';

export interface HttpSettings {
  /** what the backend is called in logs, metrics and the cache */
  readonly name: string;
  readonly service: ServiceAddress;
  readonly tokenFile?: string | undefined;
  readonly caFile?: string | undefined;
  /** questions at a time */
  readonly connections: number;
  /** larger files are not sent */
  readonly maxBytes: number;
  /** ms for one question, with its repetitions */
  readonly timeoutMs: number;
  /** ms from the upload to the result, for services that take their time */
  readonly analysisMs: number;
  /** whether names and declared types are sent with files */
  readonly sendNames: boolean;
}

/** What a test owns. */
export interface HttpTools {
  /** 0 up to 1 */
  random(): number;
  /** resolves early, and never rejects, when the signal is aborted */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export class HttpBackend implements Backend {
  readonly name: string;
  readonly #settings: HttpSettings;
  readonly #tools: HttpTools;
  readonly #connections: ServiceConnections;
  readonly #token: TokenFile | undefined;
  readonly #slots: Slots;
  readonly #server: RemoteServer;
  #engine: EngineInfo | undefined;

  /** Asks the service for its version at once, and then from time to time; an answer to it is the sign of life. */
  constructor(settings: HttpSettings, tools: HttpTools = { random: Math.random, sleep: wait }) {
    const { name, service, connections, tokenFile, caFile } = settings;
    this.name = name;
    this.#settings = settings;
    this.#tools = tools;
    const ca = caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') };
    // One more for the sign of life, which must not wait behind files.
    this.#connections = new ServiceConnections({ service, connections: connections + 1, ...ca });
    this.#token = tokenFile === undefined ? undefined : new TokenFile(tokenFile);
    this.#slots = new Slots(connections);
    const { engineIntervalMs: upMs, engineDownMs: downMs } = limits.http;
    this.#server = new RemoteServer({ look: (signal) => this.#look(signal), upMs, downMs });
    this.#server.start();
  }

  /** Engine and version, as the service tells them. */
  get version(): string {
    return this.#engine === undefined ? 'unknown' : `${this.#engine.engine} ${this.#engine.version}`;
  }

  /** An answer is kept only under a version that is known, and when it can be a function of the bytes alone. */
  get cacheable(): boolean {
    return this.#engine !== undefined && !this.#settings.sendNames;
  }

  get opensArchives(): boolean {
    return this.#engine?.opensArchives === true;
  }

  async lookup(part: PartFacts, signal: AbortSignal): Promise<Answer | undefined> {
    const { sha256 } = part;
    if (sha256 === '') return undefined;
    return this.#server.during(signal, async (ended) => {
      const path = this.#settings.service.basePath + apiPaths.hash(sha256);
      const asked: Asked = { what: 'hash', path, sha256 };
      const meaning = await this.#ask(asked, { headers: this.#namesOf(part), signal: ended });
      return meaning.kind === 'unknown' ? undefined : this.#untilDone(meaning, asked, ended);
    });
  }

  async score(part: PartFacts, content: PartContent, signal: AbortSignal): Promise<Answer> {
    const maxBytes = Math.min(this.#settings.maxBytes, this.#engine?.maxBytes ?? Number.POSITIVE_INFINITY);
    if (content.bytes > maxBytes) return this.#none('oversize', `${content.bytes} bytes, at most ${maxBytes} are sent`);
    return this.#server.during(signal, async (ended) => {
      const { sha256 } = part;
      const asked: Asked = { what: 'file', path: this.#settings.service.basePath + apiPaths.files, sha256 };
      const digest = Buffer.from(sha256, 'hex').toString('base64');
      const headers = {
        'content-type': apiTypes.file,
        // RFC 9530 §2: the service need not believe its ears.
        ...(sha256 === '' ? {} : { 'content-digest': `sha-256=:${digest}:` }),
        ...this.#namesOf(part),
      };
      const meaning = await this.#ask(asked, { headers, content, signal: ended });
      // A slow analysis must not keep the message on our disk.
      content.letGo?.();
      return this.#untilDone(meaning, asked, ended);
    });
  }

  health(): BackendHealth {
    return this.#server.health;
  }

  async close(): Promise<void> {
    this.#server.close();
    await this.#connections.close();
  }

  /** Puts the question, again where that may help and harms nobody. */
  async #ask(
    asked: Asked,
    request: { headers: Record<string, string>; content?: Upload; signal: AbortSignal },
  ): Promise<Meaning> {
    const { timeoutMs } = this.#settings;
    const { attemptsMax, backOffMs, backOffMaxMs } = limits.http;
    const { signal } = request;
    const deadline = performance.now() + timeoutMs;
    let rereads = 0;
    for (let attempt = 1; ; attempt += 1) {
      const left = deadline - performance.now();
      const exchange = await this.#once(asked.path, { ...request, timeoutMs: Math.max(1, Math.ceil(left)) });
      if (exchange.kind === 'reply' && exchange.status === 401 && rereads === 0 && this.#token?.reread() === true) {
        rereads += 1;
        continue;
      }
      const meaning = exchange.kind === 'reply' ? meaningOf(exchange, asked, this.#names()) : this.#failed(exchange);
      if (meaning.kind !== 'later') return meaning;
      const wished = retryAfterMs(meaning.retryAfter, Date.now());
      const backOff = Math.min(backOffMaxMs, backOffMs * 2 ** (attempt - 1)) * (0.5 + this.#tools.random() / 2);
      const pause = Math.max(wished ?? 0, backOff);
      // A file that was answered for is not sent twice, unless it was refused for the time being.
      const answered = exchange.kind === 'reply' && exchange.status !== 429;
      const useless = attempt >= attemptsMax || pause >= deadline - performance.now();
      if (useless || signal.aborted || (answered && request.content !== undefined)) {
        return { kind: 'answer', answer: this.#noted(meaning.answer) };
      }
      await this.#tools.sleep(pause, signal);
    }
  }

  #failed(failure: Extract<Exchange, { kind: 'failed' }>): Meaning {
    const answer = this.#noted(this.#none(failure.cause, failure.detail));
    return failure.again ? { kind: 'later', answer, retryAfter: undefined } : { kind: 'answer', answer };
  }

  /** One question on one of the connections. */
  async #once(path: string, request: Omit<Question, 'path'>): Promise<Exchange> {
    const { signal } = request;
    const failed = (cause: FallbackCause, detail: string): Exchange => ({
      kind: 'failed',
      cause,
      detail,
      again: false,
    });
    const token = this.#token?.token;
    if (this.#token !== undefined && token === undefined) return failed('backend-unavailable', noToken);
    const slot = await this.#slots.take(Math.min(limits.http.slotWaitMs, request.timeoutMs), signal);
    if (slot.kind === 'aborted') return failed('verdict-timeout', 'the scan was given up');
    if (slot.kind === 'busy') return failed('out-of-resources', `${this.#settings.connections} questions under way`);
    try {
      return await this.#connections.ask({ ...request, path, headers: { ...fieldsOf(token), ...request.headers } });
    } finally {
      slot.release();
    }
  }

  /** Asks for the result of an analysis until it is there, or takes too long. */
  async #untilDone(first: Meaning, about: Asked, signal: AbortSignal): Promise<Answer> {
    const { analysisMs } = this.#settings;
    const { pollLeastMs, pollMostMs, pollFirstMs, backOffMaxMs } = limits.http;
    const deadline = performance.now() + analysisMs;
    let meaning = first;
    for (let count = 0; meaning.kind === 'pending'; count += 1) {
      const usual = Math.min(backOffMaxMs, pollFirstMs * 1.5 ** Math.min(count, 20));
      const wished = retryAfterMs(meaning.retryAfter, Date.now()) ?? usual;
      const pause = Math.min(pollMostMs, Math.max(pollLeastMs, wished)) * (1 + this.#tools.random() / 5);
      const left = deadline - performance.now();
      if (left <= 0) return this.#none('verdict-timeout', `still being analysed after ${analysisMs} ms`);
      await this.#tools.sleep(Math.min(pause, left), signal);
      if (signal.aborted) return this.#none('verdict-timeout', 'the scan was given up while it was being analysed');
      const asked: Asked = { what: 'analysis', path: meaning.path, sha256: about.sha256 };
      meaning = await this.#ask(asked, { headers: {}, signal });
    }
    if (meaning.kind !== 'answer') return this.#none('backend-unavailable', 'does not know its own analysis any more');
    const { answer, from } = meaning;
    // It has changed since it was last asked; what it says now is kept under the name that it has then.
    if (from !== undefined && this.version !== `${from.engine} ${from.version}`) this.#server.lookSoon();
    return this.#noted(answer);
  }

  #noted(answer: Answer): Answer {
    if (answer.kind === 'none' && answer.cause === 'backend-unavailable') this.#server.lookSoon();
    return answer;
  }

  #names(): AnswerNames {
    return { backend: this.name, service: this.#settings.service, token: this.#token?.token };
  }

  #namesOf(part: PartFacts): Record<string, string> {
    if (!this.#settings.sendNames) return {};
    const type = /^[\x21-\x7e]{1,100}$/.test(part.declaredType) ? part.declaredType : 'application/octet-stream';
    const names = encodedNames(part.names);
    return { [apiHeaders.declaredType]: type, ...(names === '' ? {} : { [apiHeaders.fileNames]: names }) };
  }

  async #look(signal: AbortSignal): Promise<SignOfLife> {
    const found = await this.#askEngine(signal);
    if (typeof found === 'string') return { up: false, detail: `${this.#settings.service.host}: ${found}` };
    if (!signal.aborted) this.#engine = found;
    return { up: true, detail: this.version };
  }

  async #askEngine(signal: AbortSignal): Promise<EngineInfo | string> {
    const path = this.#settings.service.basePath + apiPaths.engine;
    for (let rereads = 0; ; rereads += 1) {
      const token = this.#token?.token;
      if (this.#token !== undefined && token === undefined) return noToken;
      const question = { path, headers: fieldsOf(token), timeoutMs: limits.http.engineTimeoutMs, signal };
      const exchange = await this.#connections.ask(question);
      if (exchange.kind === 'failed') return exchange.detail;
      if (exchange.status !== 401 || rereads > 0 || this.#token?.reread() !== true)
        return engineOf(exchange, this.#names());
    }
  }

  #none(cause: FallbackCause, detail: string): Answer {
    return { kind: 'none', backend: this.name, cause, detail };
  }
}

const noToken = 'the token file cannot be read, or holds no token';

function fieldsOf(token: string | undefined): Record<string, string> {
  return {
    accept: `${apiTypes.json}, ${apiTypes.problem}`,
    'accept-encoding': 'identity',
    'user-agent': 'sluice',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
}

/** Percent-encoded UTF-8 with commas between; as many names as there is room for. */
function encodedNames(names: readonly string[]): string {
  let text = '';
  for (const name of names.slice(0, limits.http.namesMax)) {
    // What is no valid Unicode cannot be written otherwise.
    const encoded = encodeURIComponent(Buffer.from(name, 'utf8').toString('utf8'));
    const longer = text === '' ? encoded : `${text},${encoded}`;
    if (longer.length <= limits.http.namesBytes) text = longer;
  }
  return text;
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
