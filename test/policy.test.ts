/** The judgement: decide() as tables of cases, what needs a score, levels, and the properties that hold for every message. */
import fc from 'fast-check';
import t from 'tap';
import type { InspectionReport, PartFacts, PartFlag } from '../src/inspect/report.js';
import { type DecisionInput, type DecisionPolicy, decide } from '../src/policy/decide.js';
import type { HashHit } from '../src/policy/hash-lists.js';
import { type LevelMap, levelOf } from '../src/policy/level.js';
import { scoresToAsk } from '../src/policy/scope.js';
import type { ListHit, Verdict } from '../src/policy/verdict.js';
import { type FallbackCause, noAnswerCauses, type PartScore } from '../src/scoring/backend.js';
import type { ScoreRequest } from '../src/scoring/score-request.js';
import { madePart, madeReport } from './support/facts.js';
import { scanEverything } from './support/profiles.js';

const levels: LevelMap = [
  [0, 0],
  [0.25, 2],
  [0.5, 4],
  [0.75, 7],
  [1, 10],
];

let parts = 0;
function part(overrides: Partial<PartFacts> = {}): PartFacts {
  parts += 1;
  return madePart(parts, overrides);
}

function scored(of: PartFacts, score: number, name = score > 0 ? 'Threat' : ''): PartScore {
  return {
    path: of.path,
    sha256: of.sha256,
    answers: [{ kind: 'score', backend: 'fake', score, name, engine: 'fake/1' }],
    score,
    name,
  };
}

function unanswered(of: PartFacts, cause: FallbackCause): PartScore {
  return {
    path: of.path,
    sha256: of.sha256,
    answers: [{ kind: 'none', backend: 'fake', cause, detail: 'why' }],
    score: undefined,
    name: '',
  };
}

const policy: DecisionPolicy = {
  action: 'block',
  threshold: 7,
  levelMap: levels,
  fallback: {
    'backend-unavailable': 'defer',
    'verdict-timeout': 'defer',
    'out-of-resources': 'defer',
    oversize: 'block',
    unscannable: 'block',
    encrypted: 'block',
    'unknown-file': 'permit',
  },
  ambiguous: 'permit',
  applyWithoutAttachment: true,
  profile: scanEverything,
};

const allowHit: ListHit = { list: 'allow', field: 'envelope-from', address: 'a@b.c', entry: '*@b.c', source: 'config' };
const blockHit: ListHit = { ...allowHit, list: 'block' };

/** The input for a message of these parts, with scores for some of them. */
function about(
  contents: PartFacts[],
  scores: PartScore[] = [],
  rest: Partial<DecisionInput> = {},
  facts: Partial<InspectionReport> = {},
): DecisionInput {
  return { report: madeReport(contents, facts), scores, listHits: [], hashHits: [], policy, ...rest };
}

function summary(verdict: Verdict): string {
  return `${verdict.action}${verdict.malicious ? ' malicious' : ''} ${verdict.threatLevel} ${verdict.reasons.map((reason) => reason.code).join(',')}`;
}

/** One message each, built from these parts. */
const text = part({ attachment: false, declaredType: 'text/plain' });
const file = part();
const other = part();
const member = part();
const archive = part({ members: [member] });
const good = (of: PartFacts): HashHit => ({ list: 'allow', part: of.path, sha256: of.sha256 });
const bad = (of: PartFacts): HashHit => ({ list: 'block', part: of.path, sha256: of.sha256 });
const blocked = [blockHit];
const withFile = { ...policy, applyWithoutAttachment: false };
const warning: DecisionPolicy = { ...policy, action: 'warn' };
const permitting: DecisionPolicy = { ...policy, action: 'permit' };
const vague = { ambiguous: true };
const unread = { unscannable: true };
const steps: [name: string, input: DecisionInput, expected: string][] = [
  ['plain text passes without analysis', about([text]), 'permit -1 no-attachment'],
  ['clean attachment', about([text, file], [scored(file, 0)]), 'permit 0 below-threshold'],
  ['just below the threshold', about([file], [scored(file, 0.74)]), 'permit 6 score,below-threshold'],
  ['at the threshold', about([file], [scored(file, 0.75)]), 'block malicious 7 score,threshold'],
  [
    'the worst part decides',
    about([file, other], [scored(file, 0.1), scored(other, 1)]),
    'block malicious 10 score,score,threshold',
  ],
  [
    'allowlisted passes unscanned',
    about([file], [scored(file, 1)], { listHits: [allowHit, blockHit] }),
    'permit -1 allowlisted',
  ],
  ['blocklisted is malicious, unscanned', about([file], [], { listHits: blocked }), 'block malicious -1 blocklisted'],
  ['blocklisted without attachment', about([text], [], { listHits: blocked }), 'block malicious -1 blocklisted'],
  [
    'lists only with attachments',
    about([text], [], { listHits: blocked, policy: withFile }),
    'permit -1 no-attachment',
  ],
  ['and there is one', about([file], [], { listHits: blocked, policy: withFile }), 'block malicious -1 blocklisted'],
  ['blocked hash', about([file], [], { hashHits: [bad(file)] }), 'block malicious 10 hash-blocked'],
  ['allowed hash', about([file], [], { hashHits: [good(file)] }), 'permit -1 hash-allowed'],
  ['allowed before blocked hash', about([file], [], { hashHits: [good(file), bad(file)] }), 'permit -1 hash-allowed'],
  [
    'an allowed hash exempts members',
    about([archive], [], { hashHits: [good(archive), bad(member)] }),
    'permit -1 hash-allowed',
  ],
  [
    'an allowed member does not exempt what holds it',
    about([archive], [scored(archive, 1)], { hashHits: [good(member)] }),
    'block malicious 10 hash-allowed,score,threshold',
  ],
  [
    'an allowed hash does not exempt siblings',
    about([file, other], [scored(file, 1), scored(other, 0.8)], { hashHits: [good(file)] }),
    'block malicious 7 hash-allowed,score,threshold',
  ],
  [
    'a member is as bad as a file',
    about([archive], [scored(archive, 0), scored(member, 1)]),
    'block malicious 10 score,threshold',
  ],
  ['a part without a score is not clean', about([file, other], [scored(file, 0)]), 'defer 0 below-threshold,fallback'],
  ['no scores at all', about([file]), 'defer -1 fallback'],
  [
    'malicious goes before a missing answer',
    about([file, other], [scored(other, 1)]),
    'block malicious 10 score,threshold,fallback',
  ],
  ['unscannable', about([file], [scored(file, 0)], {}, unread), 'block 0 below-threshold,unscannable,fallback'],
  ['unscannable is never without attachment', about([text], [], {}, unread), 'block -1 unscannable,fallback'],
  [
    'an allowed hash does not mend an unscannable message',
    about([file], [], { hashHits: [good(file)] }, unread),
    'block -1 hash-allowed,unscannable,fallback',
  ],
  ['an attachment that is not there', about([text], [], {}, { hasAttachment: true }), 'block -1 unscannable,fallback'],
  ['ambiguous and clean', about([file], [scored(file, 0)], {}, vague), 'permit 0 below-threshold,ambiguous'],
  [
    'ambiguous: warn',
    about([file], [scored(file, 0)], { policy: { ...policy, ambiguous: 'warn' } }, vague),
    'warn 0 below-threshold,ambiguous',
  ],
  [
    'ambiguous: block',
    about([text], [], { policy: { ...policy, ambiguous: 'block' } }, vague),
    'block -1 no-attachment,ambiguous',
  ],
  ['warn', about([file], [scored(file, 1)], { policy: warning }), 'warn malicious 10 score,threshold'],
  [
    'warn: a fallback of block is no harsher',
    about([file], [scored(file, 0)], { policy: warning }, unread),
    'warn 0 below-threshold,unscannable,fallback',
  ],
  ['warn: defer stays', about([file], [], { policy: warning }), 'defer -1 fallback'],
  [
    'permit says what it was',
    about([file], [scored(file, 1)], { policy: permitting }),
    'permit malicious 10 score,threshold,policy-permit',
  ],
  ['permit never defers', about([file], [], { policy: permitting }), 'permit -1 fallback,policy-permit'],
  [
    'permit of clean mail needs no excuse',
    about([file], [scored(file, 0)], { policy: permitting }),
    'permit 0 below-threshold',
  ],
  ['a released message passes', about([file], [], { listHits: blocked, released: 'r1' }), 'permit -1 released'],
];

t.test('decide: each step of the order, both ways', (t) => {
  for (const [name, input, expected] of steps) {
    t.equal(summary(decide(input)), expected, name);
  }
  const verdict = decide({
    report: madeReport([file]),
    scores: [scored(file, 0.9, 'Bad.Thing')],
    listHits: [],
    hashHits: [],
    policy,
  });
  t.match(verdict, {
    score: 0.9,
    threat: 'Bad.Thing',
    reasons: [{ part: file.path, backend: 'fake', name: 'Bad.Thing', level: 8 }, { threshold: 7 }],
  });
  t.end();
});

t.test('decide: every cause of a missing answer meets its own action', (t) => {
  const file = part();
  for (const cause of Object.values(noAnswerCauses)) {
    for (const action of ['permit', 'block', 'defer'] as const) {
      const chosen = { ...policy, fallback: { ...policy.fallback, [cause]: action } };
      const verdict = decide({
        report: madeReport([file]),
        scores: [unanswered(file, cause)],
        listHits: [],
        hashHits: [],
        policy: chosen,
      });
      t.equal(verdict.action, action, `${cause}: ${action}`);
      t.ok(
        verdict.reasons.some(
          (reason) => reason.code === 'fallback' && reason.cause === cause && reason.action === action,
        ),
      );
      t.equal(verdict.malicious, false);
    }
  }
  const flags: [PartFlag, FallbackCause][] = [
    ['encrypted', 'encrypted'],
    ['undecodable', 'unscannable'],
  ];
  for (const [flag, cause] of flags) {
    const marked = part({ flags: [flag] });
    const input = { report: madeReport([marked]), scores: [scored(marked, 0)], listHits: [], policy };
    t.match(
      decide({ ...input, hashHits: [] }),
      { action: 'block', reasons: [{}, { cause: cause === 'encrypted' ? cause : undefined }] },
      flag,
    );
    const allowed = decide({ ...input, hashHits: [{ list: 'allow', part: marked.path, sha256: marked.sha256 }] });
    t.equal(
      allowed.action,
      flag === 'encrypted' ? 'permit' : 'block',
      `an allowed hash ${flag === 'encrypted' ? 'vouches' : 'does not vouch'} for ${flag}`,
    );
  }
  t.end();
});

t.test('decide: a missing answer stays visible beside a low score of another backend', (t) => {
  const file = part();
  const both: PartScore = {
    ...scored(file, 0),
    answers: [...scored(file, 0).answers, ...unanswered(file, 'backend-unavailable').answers],
  };
  t.equal(
    summary(decide({ report: madeReport([file]), scores: [both], listHits: [], hashHits: [], policy })),
    'defer 0 below-threshold,fallback',
  );
  t.end();
});

t.test('decide: reasons stay few however many parts there are', (t) => {
  const many = Array.from({ length: 2000 }, () => part());
  const verdict = decide({
    report: madeReport(many),
    scores: many.map((one, index) => scored(one, index / 2000)),
    listHits: [],
    hashHits: [],
    policy,
  });
  t.ok(verdict.reasons.length <= 52, `${verdict.reasons.length} reasons`);
  t.match(verdict.reasons[0], { code: 'score', score: 0.9995 }, 'the worst first');
  const silent = decide({ report: madeReport(many), scores: [], listHits: [], hashHits: [], policy });
  t.match(silent.reasons, [{ code: 'fallback', detail: /and 1999 more/ }]);
  t.end();
});

t.test('what needs a score, and what has been decided without', (t) => {
  const text = part({ attachment: false });
  const member = part({ attachment: false });
  const archive = part({ members: [member] });
  const file = part();
  const all = madeReport([text, archive, file]);
  const paths = (list: readonly PartFacts[]) => list.map((one) => one.path);
  const asked = (list: readonly ScoreRequest[]) => paths(list.map((one) => one.part));
  const allowed: HashHit = { list: 'allow', part: archive.path, sha256: archive.sha256 };
  t.same(
    asked(scoresToAsk(all, [], [], policy)),
    paths([archive, member, file]),
    'attachments and all that they contain',
  );
  t.same(asked(scoresToAsk(all, [], [allowed], policy)), paths([file]), 'less what is allowed');
  t.equal(scoresToAsk(all, [], [], policy).length > 0, true);
  t.equal(scoresToAsk(madeReport([text]), [], [], policy).length > 0, false, 'no attachment');
  t.equal(scoresToAsk(all, [allowHit], [], policy).length > 0, false, 'allowlisted');
  t.equal(scoresToAsk(all, [blockHit], [], policy).length > 0, false, 'blocklisted');
  t.equal(
    scoresToAsk(all, [], [{ list: 'block', part: file.path, sha256: file.sha256 }], policy).length > 0,
    false,
    'blocked by hash',
  );
  t.equal(
    scoresToAsk(all, [], [allowed, { list: 'block', part: member.path, sha256: member.sha256 }], policy).length > 0,
    true,
    'a blocked member of an allowed file',
  );
  t.end();
});

const rank: Record<Verdict['action'], number> = { permit: 0, warn: 1, defer: 2, block: 3 };
const anyScore = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true }));
const anyCause = fc.constantFrom(...Object.values(noAnswerCauses));
const anyPart = fc.record({
  attachment: fc.boolean(),
  score: fc.option(anyScore, { nil: undefined }),
  cause: anyCause,
});
const anyFallback = fc.constantFrom('permit' as const, 'block' as const, 'defer' as const);
const anyPolicy = fc.record({
  threshold: fc.integer({ min: 1, max: 10 }),
  ambiguous: fc.constantFrom('permit' as const, 'warn' as const, 'block' as const),
  applyWithoutAttachment: fc.boolean(),
  fallback: fc.record({
    'backend-unavailable': anyFallback,
    'verdict-timeout': anyFallback,
    'out-of-resources': anyFallback,
    oversize: anyFallback,
    unscannable: anyFallback,
    encrypted: anyFallback,
    'unknown-file': anyFallback,
  }),
});

t.test('property: one more part never makes a verdict milder, and a malicious one always blocks', (t) => {
  const property = fc.property(
    fc.array(anyPart, { maxLength: 5 }),
    anyPart,
    fc.boolean(),
    fc.boolean(),
    anyPolicy,
    (contents, extra, ambiguous, unscannable, chosen) => {
      const settled: DecisionPolicy = { ...policy, ...chosen };
      const made = [...contents, extra].map((one) => ({ facts: part({ attachment: one.attachment }), ...one }));
      const scoreOf = (one: (typeof made)[number]) =>
        one.score === undefined ? unanswered(one.facts, one.cause) : scored(one.facts, one.score);
      const judge = (list: typeof made) =>
        decide({
          report: madeReport(
            list.map((one) => one.facts),
            { ambiguous, unscannable },
          ),
          scores: list.filter((one) => one.facts.attachment).map(scoreOf),
          listHits: [],
          hashHits: [],
          policy: settled,
        });
      const before = judge(made.slice(0, -1));
      const after = judge(made);
      const bad = extra.attachment && extra.score !== undefined && levelOf(extra.score, levels) >= settled.threshold;
      return (
        rank[after.action] >= rank[before.action] &&
        after.threatLevel >= before.threatLevel &&
        after.reasons.length > 0 &&
        (!before.malicious || after.malicious) &&
        (!bad || (after.malicious && after.action === 'block'))
      );
    },
  );
  t.doesNotThrow(() => fc.assert(property, { numRuns: 500 }));
  t.end();
});

t.test('property: decide is pure', (t) => {
  const file = part({ members: [part()] });
  const input: DecisionInput = {
    report: madeReport([file]),
    scores: [scored(file, 0.6)],
    listHits: [],
    hashHits: [],
    policy,
  };
  const copy = structuredClone(input);
  const first = decide(input);
  t.same(decide(input), first);
  t.same(input, copy, 'its input is as it was');
  t.same(decide(copy), first, 'and a copy gives the same verdict');
  t.end();
});
