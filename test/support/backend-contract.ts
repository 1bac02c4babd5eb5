/** What every scoring backend must hold to, whatever is behind it. Run against each implementation. */
import t from 'tap';
import type { PartFacts } from '../../src/inspect/report.js';
import { type Answer, type Backend, noAnswerCauses, type PartContent } from '../../src/scoring/backend.js';
import { madePart } from './facts.js';

/** A backend that knows one bad file, and the part that is this file. */
export interface ContractSubject {
  readonly backend: Backend;
  readonly bad: PartFacts;
  /** the content of `bad` */
  readonly badContent: Buffer;
  close?(): Promise<void>;
}

export function contentOf(bytes: Buffer): PartContent {
  return {
    bytes: bytes.length,
    async *read(signal) {
      signal.throwIfAborted();
      yield bytes;
    },
  };
}

const brokenContent: PartContent = {
  bytes: 4,
  // biome-ignore lint/correctness/useYield: it fails before there is anything to yield
  async *read() {
    throw new Error('the spool is gone');
  },
};

const unknown = madePart(0xfeed);
const harmless = Buffer.from('harmless');

export function runBackendContract(name: string, makeBackend: () => Promise<ContractSubject>): void {
  const idle = () => new AbortController().signal;
  /** What is wrong with the form of an answer; empty when nothing is. */
  const formProblem = (backend: Backend, answer: Answer): string => {
    if (answer.backend !== backend.name) return `it names ${answer.backend}`;
    if (answer.kind === 'score') return answer.score >= 0 && answer.score <= 1 ? '' : `score ${answer.score}`;
    if (answer.kind === 'covered') return 'only the scorer knows what covers what';
    return (Object.values(noAnswerCauses) as string[]).includes(answer.cause) ? '' : `cause ${answer.cause}`;
  };

  t.test(`${name}: a known bad file scores high and is named`, async (t) => {
    const { backend, bad, badContent, close } = await makeBackend();
    t.teardown(() => close?.());
    const answer = (await backend.lookup(bad, idle())) ?? (await backend.score(bad, contentOf(badContent), idle()));
    t.equal(formProblem(backend, answer), '');
    t.match(answer, { kind: 'score', score: 1, name: /./, engine: /./ });
  });

  t.test(`${name}: an unknown file is never scored as bad`, async (t) => {
    const { backend, close } = await makeBackend();
    t.teardown(() => close?.());
    const answer =
      (await backend.lookup(unknown, idle())) ?? (await backend.score(unknown, contentOf(harmless), idle()));
    t.equal(formProblem(backend, answer), '');
    if (answer.kind === 'score') t.equal(answer.score, 0);
  });

  t.test(`${name}: the answer at once, where there is one, is the answer of the other ways`, async (t) => {
    const { backend, bad, badContent, close } = await makeBackend();
    t.teardown(() => close?.());
    const now = backend.scoreNow?.(bad);
    const scored = await backend.score(bad, contentOf(badContent), idle());
    if (now !== undefined) t.same(now, scored);
    const found = await backend.lookup(bad, idle());
    if (found !== undefined) t.same(found, scored);
    t.same(await backend.score(bad, contentOf(badContent), idle()), scored, 'and asking again changes nothing');
  });

  t.test(`${name}: trouble with the content or an abort is an answer, not an exception`, async (t) => {
    const { backend, bad, close } = await makeBackend();
    t.teardown(() => close?.());
    t.equal(formProblem(backend, await backend.score(bad, brokenContent, idle())), '');
    const aborted = AbortSignal.abort();
    t.equal(formProblem(backend, await backend.score(bad, contentOf(harmless), aborted)), '');
    const found = await backend.lookup(unknown, aborted);
    if (found !== undefined) t.equal(formProblem(backend, found), '');
  });

  t.test(`${name}: it says who it is and how it is, and closes twice`, async (t) => {
    const { backend, close } = await makeBackend();
    t.teardown(() => close?.());
    t.match(backend.name, /^[a-z][a-z0-9-]*$/);
    t.match(backend.version, /./);
    t.type(backend.cacheable, 'boolean');
    t.type(backend.health().up, 'boolean');
    t.type(backend.health().detail, 'string');
    await backend.close();
    await backend.close();
  });
}
