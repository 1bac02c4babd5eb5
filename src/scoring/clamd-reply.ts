/**
 * What clamd's one-line replies to INSTREAM mean: bytes to answers, without a socket. Wordings are those of clamd 1.4;
 * whatever is not known exactly is no answer, as a reply that is guessed at could be a clean one.
 */
import { limits } from '../runtime/limits.js';
import type { Answer, FallbackCause } from './backend.js';

export interface ClamdNames {
  readonly backend: string;
  /** of answers, e.g. `clamd/ClamAV 1.4.6/27400` */
  readonly engine: string;
  /** for names that clamd found by rule of thumb, or that are merely unwanted */
  readonly heuristicScore: number;
}

/** by rule of thumb, or unwanted programs that are no malware */
const heuristicPrefixes = ['Heuristics.', 'PUA.'] as const;
/** With AlertEncrypted: clamd could not look inside, which says nothing about what is there. */
const encryptedPrefix = 'Heuristics.Encrypted.';
/** With AlertExceedsMax: clamd stopped looking at one of its limits. */
const limitPrefix = 'Heuristics.Limits.Exceeded';

/** @param reply one line, without its NUL or line feed */
export function answerOf(reply: string, names: ClamdNames): Answer {
  const none = (cause: FallbackCause, detail: string): Answer => ({
    kind: 'none',
    backend: names.backend,
    cause,
    detail,
  });
  if (reply === 'stream: OK') return scored(0, '', names);
  const found = /^stream: (\S.*) FOUND$/.exec(reply)?.[1]?.slice(0, limits.scoring.nameChars);
  if (found !== undefined) {
    if (found.startsWith(encryptedPrefix)) return none('encrypted', found);
    if (found.startsWith(limitPrefix)) return none('unscannable', found);
    const heuristic = heuristicPrefixes.some((prefix) => found.startsWith(prefix));
    return scored(heuristic ? names.heuristicScore : 1, found, names);
  }
  if (reply.startsWith('INSTREAM size limit exceeded')) return none('oversize', 'larger than StreamMaxLength of clamd');
  // The content came too slowly for clamd's CommandReadTimeout.
  if (reply.startsWith('COMMAND READ TIMED OUT')) return none('verdict-timeout', reply);
  if (/\b(?:queue|thread)s? limit\b|\bMaxQueue\b|\bbusy\b/i.test(reply)) return none('out-of-resources', shown(reply));
  return none('backend-unavailable', `clamd answered ${shown(reply)}`);
}

function scored(score: number, name: string, { backend, engine }: ClamdNames): Answer {
  return { kind: 'score', backend, score, name, engine };
}

/** For the log: bounded, one line, quoted. */
function shown(reply: string): string {
  return JSON.stringify(reply.slice(0, 200));
}
