/**
 * What the answers of a scoring service mean: status, fields and body to values, without a socket or a clock. What is
 * not exactly as the API says is no answer, as one that is guessed at could be a clean one.
 */
import type { z } from 'zod';
import { followedPath, type ServiceAddress } from '../config/service-url.js';
import { limits } from '../runtime/limits.js';
import type { Answer, FallbackCause } from './backend.js';
import {
  apiTypes,
  type EngineInfo,
  engineSchema,
  pendingSchema,
  problemSchema,
  type Result,
  resultSchema,
} from './http-api.js';
import type { Reply } from './http-exchange.js';

export interface Asked {
  readonly what: 'hash' | 'file' | 'analysis';
  /** absolute path of the request */
  readonly path: string;
  /** of the file in question; empty when nobody has computed it */
  readonly sha256: string;
}

export interface AnswerNames {
  readonly backend: string;
  readonly service: ServiceAddress;
  /** cut out of everything that the service says, as it may end up in a log */
  readonly token: string | undefined;
}

export type Meaning =
  | { readonly kind: 'answer'; readonly answer: Answer; readonly from?: Pick<EngineInfo, 'engine' | 'version'> }
  /** the digest is not known, or the analysis is not known any more */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'pending'; readonly path: string; readonly retryAfter: string | undefined }
  /** no answer, and perhaps one a little later */
  | { readonly kind: 'later'; readonly answer: Answer; readonly retryAfter: string | undefined };

export function meaningOf(reply: Reply, asked: Asked, names: AnswerNames): Meaning {
  const none = (cause: FallbackCause, detail: string): Meaning => ({
    kind: 'answer',
    answer: { kind: 'none', backend: names.backend, cause, detail },
  });
  const { status } = reply;
  if (status === 200 || status === 202) {
    // An approval of what was not yet sent approves nothing.
    if (!reply.sentAll) return none('backend-unavailable', `answered ${status} before the content was sent`);
    const body = jsonOf(reply, apiTypes.json);
    if (body.kind === 'failed') return none(body.cause, body.detail);
    return status === 200 ? resultMeaning(body.value, asked, names) : pendingMeaning(reply, body.value, asked, names);
  }
  const said = `answered ${status}${wordsOf(reply, names)}`;
  if (status === 404 && asked.what !== 'file') return { kind: 'unknown' };
  if (status === 410 && asked.what === 'analysis') return { kind: 'unknown' };
  if (status === 401 || status === 403) return none('backend-unavailable', `refuses our token: ${said}`);
  if (status === 408) return none('verdict-timeout', said);
  if (status === 413) return none('oversize', said);
  if (status >= 300 && status < 400) return none('backend-unavailable', `${said}; redirects are not followed`);
  if (status === 429 || status >= 500) {
    const cause = status === 429 ? 'out-of-resources' : 'backend-unavailable';
    const answer: Answer = { kind: 'none', backend: names.backend, cause, detail: said };
    return { kind: 'later', answer, retryAfter: reply.retryAfter };
  }
  return none('backend-unavailable', said);
}

/** What the service says of itself, or why that cannot be believed. */
export function engineOf(reply: Reply, names: AnswerNames): EngineInfo | string {
  if (reply.status !== 200) return `answered ${reply.status}${wordsOf(reply, names)}`;
  const body = jsonOf(reply, apiTypes.json);
  if (body.kind === 'failed') return body.detail;
  const info = engineSchema.safeParse(body.value);
  if (!info.success) return `does not say what it is: ${faultOf(info.error)}`;
  return info.data;
}

function resultMeaning(body: unknown, asked: Asked, names: AnswerNames): Meaning {
  const none = (cause: FallbackCause, detail: string): Answer => ({
    kind: 'none',
    backend: names.backend,
    cause,
    detail,
  });
  const parsed = resultSchema.safeParse(body);
  if (!parsed.success)
    return { kind: 'answer', answer: none('backend-unavailable', `answered no result: ${faultOf(parsed.error)}`) };
  const result: Result = parsed.data;
  if (asked.sha256 !== '' && result.sha256 !== asked.sha256)
    return { kind: 'answer', answer: none('backend-unavailable', 'answered for another file') };
  const from = { engine: result.engine, version: result.version };
  if (result.status === 'unscored')
    return { kind: 'answer', answer: none(result.cause, shown(result.detail, names)), from };
  const answer: Answer = {
    kind: 'score',
    backend: names.backend,
    score: result.score,
    name: printable(result.name, names),
    engine: `${names.backend}/${printable(`${from.engine} ${from.version}`, names)}`,
  };
  return { kind: 'answer', answer, from };
}

function pendingMeaning(reply: Reply, body: unknown, asked: Asked, names: AnswerNames): Meaning {
  const none = (detail: string): Meaning => ({
    kind: 'answer',
    answer: { kind: 'none', backend: names.backend, cause: 'backend-unavailable', detail },
  });
  const parsed = pendingSchema.safeParse(body);
  if (!parsed.success) return none(`answered no analysis: ${faultOf(parsed.error)}`);
  if (asked.sha256 !== '' && parsed.data.sha256 !== asked.sha256) return none('answered for another file');
  const { location, retryAfter } = reply;
  // Asked again, it need not repeat where.
  if (location === undefined && asked.what === 'analysis') return { kind: 'pending', path: asked.path, retryAfter };
  if (location === undefined) return none('does not say where its result will be');
  const path = followedPath(names.service, asked.path, location);
  if (path === undefined) return none('says that its result will be elsewhere, which is not followed');
  return { kind: 'pending', path, retryAfter };
}

type Parsed = { readonly kind: 'json'; readonly value: unknown } | Extract<Reply['bodyProblem'], object>;

function jsonOf(reply: Reply, type: string): Parsed {
  const failed = (detail: string): Parsed => ({ kind: 'failed', cause: 'backend-unavailable', detail, again: false });
  if (reply.body === undefined) return reply.bodyProblem ?? failed('its answer did not come whole');
  if (reply.contentType !== type) return failed(`answered no ${type}`);
  try {
    return { kind: 'json', value: JSON.parse(reply.body) };
  } catch {
    return failed('its answer is no JSON');
  }
}

/** Which field is wrong; the service's own words stay out. */
function faultOf(error: z.core.$ZodError): string {
  const [issue] = error.issues;
  return `${issue?.path.join('.') || 'the whole'} (${issue?.code ?? 'unknown'})`;
}

/** What the service says of a problem, for the log. */
function wordsOf(reply: Reply, names: AnswerNames): string {
  const body = jsonOf(reply, apiTypes.problem);
  if (body.kind === 'failed') return '';
  const problem = problemSchema.partial().safeParse(body.value);
  if (!problem.success) return '';
  const { title, detail } = problem.data;
  const words = [title, detail].filter((text) => text !== undefined).join(': ');
  return words === '' ? '' : ` ${shown(words, names)}`;
}

/** Bounded, one line, quoted. */
function shown(text: string, names: AnswerNames): string {
  return JSON.stringify(printable(text, names));
}

function printable(text: string, { token }: AnswerNames): string {
  const kept = token === undefined ? text : text.replaceAll(token, '[token]');
  return kept
    .replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, limits.scoring.nameChars);
}

/**
 * Milliseconds until a service wants to be asked again (RFC 9110 §10.2.3: seconds or a date); undefined when it does
 * not say.
 * @param nowMs since 1970
 */
export function retryAfterMs(field: string | undefined, nowMs: number): number | undefined {
  const text = field?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  if (!/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
