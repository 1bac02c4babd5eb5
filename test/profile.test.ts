/** Profiles: how far files of each category are looked at, by decide(), by the scorer, and over both through the gate's own judgement. */
import t from 'tap';
import { settingsSchema } from '../src/config/schema.js';
import { fileCategories } from '../src/inspect/file-category.js';
import type { PartFacts } from '../src/inspect/report.js';
import { type DecisionPolicy, decide } from '../src/policy/decide.js';
import type { HashHit } from '../src/policy/hash-lists.js';
import { decisionPolicy } from '../src/policy/live-policy.js';
import { type Profile, rulingOf } from '../src/policy/profile.js';
import { scoresToAsk } from '../src/policy/scope.js';
import type { Verdict } from '../src/policy/verdict.js';
import type { PartScore } from '../src/scoring/backend.js';
import { EmbeddedBackend } from '../src/scoring/embedded.js';
import { HashFeeds } from '../src/scoring/hash-feed.js';
import { Scorer, type ScorerSettings } from '../src/scoring/scorer.js';
import { contentOf } from './support/backend-contract.js';
import { madePart, madeReport } from './support/facts.js';
import { FakeBackend } from './support/fake-backend.js';
import { profileWith, scanEverything } from './support/profiles.js';

const defaults = decisionPolicy(settingsSchema.parse({}));
const settings: ScorerSettings = { deadlineMs: 5000, cache: { clean: 60, flagged: 600 } };
const eicarSha256 = '275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f';

const pdf = { detectedType: 'application/pdf' } as const;
const zip = { detectedType: 'application/x-rar' } as const;
const apk = { detectedType: 'application/vnd.android.package-archive' } as const;

interface Stage {
  readonly scanner: FakeBackend;
  /** judged as the pipeline does it: what is to be asked, the answers, the decision */
  judge(parts: PartFacts[], hashHits?: readonly HashHit[]): Promise<{ verdict: Verdict; scores: PartScore[] }>;
}

async function stageOf(profile: Profile, changes: Partial<DecisionPolicy> = {}): Promise<Stage> {
  const none = await HashFeeds.none();
  const scanner = new FakeBackend('scanner');
  scanner.opensArchives = true;
  const scorer = new Scorer([new EmbeddedBackend(() => none), scanner], () => settings);
  const policy = { ...defaults, profile, ...changes };
  return {
    scanner,
    async judge(parts, hashHits = []) {
      const report = madeReport(parts);
      const requests = scoresToAsk(report, [], hashHits, policy);
      const content = () => contentOf(Buffer.from('data'));
      const scores = await scorer.score(requests, content, new AbortController().signal);
      return { verdict: decide({ report, scores, listHits: [], hashHits, policy }), scores };
    },
  };
}

const codes = (verdict: Verdict): string[] => verdict.reasons.map((reason) => reason.code);
const causes = (verdict: Verdict): string[] =>
  verdict.reasons.map((reason) => (reason.code === 'fallback' ? reason.cause : '')).filter((cause) => cause !== '');

t.test('the configuration has exactly the categories of inspection, scanned up to 32 MiB but for the rest', (t) => {
  const { profile } = settingsSchema.parse({}).policy;
  t.same(Object.keys(profile).sort(), [...fileCategories].sort());
  for (const category of fileCategories) {
    t.equal(profile[category].mode, 'scan', category);
    t.equal(profile[category].maxBytes, category === 'other' ? 'none' : 33_554_432);
    t.equal(defaults.profile[category].maxBytes, category === 'other' ? undefined : 33_554_432);
  }
  t.end();
});

t.test('scan: as if there were no profiles', async (t) => {
  const { judge, scanner } = await stageOf(scanEverything);
  const bad = madePart(1, pdf);
  scanner.know(bad, 1);
  t.match((await judge([bad])).verdict, { action: 'block', malicious: true });
  t.match((await judge([madePart(2, pdf)])).verdict, { action: 'permit', threatLevel: 0 });
});

t.test('hash-only: nothing is sent and no rule counts, but what is known of the digest does', async (t) => {
  const { judge, scanner } = await stageOf(profileWith({ mobile: { mode: 'hash-only' } }));
  const app = madePart(1, { ...apk, flags: ['eicar', 'encrypted'] });
  scanner.know(app, 1);
  const { verdict, scores } = await judge([app]);
  t.same(scanner.scanned, [], 'not sent');
  t.match(verdict, { action: 'permit', malicious: false, threatLevel: -1, score: undefined });
  t.match(verdict.reasons[0], { code: 'profile', part: '1', category: 'mobile', mode: 'hash-only' });
  t.same(causes(verdict), ['unknown-file'], 'being encrypted is no matter where nobody looks');
  t.match(scores, [{ answers: [{ cause: 'unknown-file' }, { cause: 'unknown-file' }] }]);
  const strict = await stageOf(profileWith({ mobile: { mode: 'hash-only' } }), {
    fallback: { ...defaults.fallback, 'unknown-file': 'block' },
  });
  t.match((await strict.judge([app])).verdict, { action: 'block' }, 'the fallback of its cause decides');
  const known = madePart(2, { ...apk, sha256: eicarSha256 });
  t.match((await judge([known])).verdict, { action: 'block', threat: 'EICAR-Test-File' });
  t.match((await judge([known])).scores[0]?.answers, [{ kind: 'score', score: 1 }], 'one that knows it is enough');
  const hit: HashHit = { list: 'block', part: '1', sha256: app.sha256 };
  t.match((await judge([app], [hit])).verdict, { action: 'block', malicious: true });
});

t.test('hash-only: an answer that is remembered from a scan counts', async (t) => {
  const { judge, scanner } = await stageOf(profileWith({ mobile: { mode: 'hash-only' } }));
  const app = madePart(1, apk);
  scanner.know(app, 0.9);
  await judge([{ ...app, detectedType: 'application/pdf' }]);
  t.equal(scanner.scanned.length, 1);
  t.match((await judge([app])).verdict, { malicious: true, score: 0.9 });
  t.equal(scanner.scanned.length, 1);
});

t.test('skip: passes with all that is in it, unless its hash is blocked', async (t) => {
  const { judge, scanner } = await stageOf(profileWith({ archive: { mode: 'skip' } }));
  const inside = madePart(2, { ...pdf, path: '1!1', attachment: false, flags: ['eicar'], encoding: 'rar' });
  const archive = madePart(1, { ...zip, flags: ['encrypted', 'eicar'], members: [inside] });
  const { verdict } = await judge([archive]);
  t.match(verdict, { action: 'permit', malicious: false, threatLevel: -1 });
  t.same(codes(verdict), ['profile']);
  t.match(verdict.reasons, [{ category: 'archive', mode: 'skip', part: '1' }]);
  t.same(scanner.scanned, []);
  for (const part of [archive, inside]) {
    const hit: HashHit = { list: 'block', part: part.path, sha256: part.sha256 };
    t.match((await judge([archive], [hit])).verdict, { action: 'block', malicious: true }, part.path);
  }
  const sibling = madePart(3, { ...pdf, flags: ['eicar'] });
  t.match((await judge([archive, sibling])).verdict, { action: 'block', malicious: true }, 'its siblings do not pass');
});

t.test('skip: what could not be read in such a file is no matter, what could not be read elsewhere is', (t) => {
  const policy = { ...defaults, profile: profileWith({ archive: { mode: 'skip' } }) };
  const archive = madePart(1, zip);
  const unread = (part: string) =>
    decide({
      report: madeReport([archive, madePart(2)], { unscannable: true, problems: [{ code: 'unpack-limit', part }] }),
      scores: [{ path: '2', sha256: madePart(2).sha256, answers: [{ ...clean }], score: 0, name: '' }],
      listHits: [],
      hashHits: [],
      policy,
    }).action;
  t.equal(unread('1'), 'permit');
  t.equal(unread('1!7'), 'permit');
  for (const part of ['2', '', '1.1', '11']) t.equal(unread(part), 'block', part);
  t.end();
});
const clean = { kind: 'score', backend: 'fake', score: 0, name: '', engine: 'e' } as const;

t.test('too large: nothing is sent, the fallback decides, and what is known without it still counts', async (t) => {
  const { judge, scanner } = await stageOf(profileWith({ pdf: { maxBytes: 1000 } }));
  const large = madePart(1, { ...pdf, bytes: 1001 });
  const { verdict } = await judge([large]);
  t.match(verdict, { action: 'block', malicious: false, threatLevel: 0 });
  t.match(
    verdict.reasons.findLast((reason) => reason.code === 'fallback'),
    {
      cause: 'oversize',
      detail: /part 1: 1001 bytes of pdf, at most 1000/,
    },
  );
  t.same(scanner.scanned, []);
  const open = await stageOf(profileWith({ pdf: { maxBytes: 1000 } }), {
    fallback: { ...defaults.fallback, oversize: 'permit' },
  });
  t.match((await open.judge([large])).verdict, { action: 'permit' }, 'the emulated system lets it pass');
  const flagged = await open.judge([madePart(2, { ...pdf, bytes: 1001, flags: ['eicar'] })]);
  t.match(flagged.verdict, { action: 'block', malicious: true });
  t.match((await judge([madePart(3, { ...pdf, bytes: 1000 })])).verdict, { action: 'permit' });
  t.match((await judge([madePart(4, { ...zip, bytes: 5000 })])).verdict, { action: 'permit' }, 'another category');
});

t.test('a file of two minds is scanned, whatever its category says', (t) => {
  const lenient = profileWith({ pdf: { mode: 'skip' }, mobile: { mode: 'hash-only' } });
  t.match(rulingOf(madePart(1, pdf), lenient), { mode: 'skip', category: 'pdf' });
  for (const flag of ['polyglot', 'type-conflict', 'undecodable'] as const) {
    t.equal(rulingOf(madePart(1, { ...pdf, flags: [flag] }), lenient).mode, 'scan', flag);
    t.equal(rulingOf(madePart(1, { ...apk, flags: [flag] }), lenient).mode, 'scan', flag);
  }
  const raw = madePart(1, { path: '0', detectedType: 'message/rfc822', bytes: 99_999_999 });
  t.match(rulingOf(raw, lenient), { mode: 'scan', oversize: false }, 'the raw message is there because of a doubt');
  const table = { ...madePart(1, { names: ['a.csv'], bytes: 64_000_000 }), path: '2!1', encoding: 'zip' };
  t.notOk(rulingOf(table, defaults.profile).oversize, 'what is in an archive is bounded by unpacking');
  t.ok(rulingOf({ ...table, encoding: 'message' }, defaults.profile).oversize, 'but not a file in a mail');
  t.match(rulingOf(raw, defaults.profile), { mode: 'scan', oversize: false });
  t.end();
});

t.test('members of archives are covered by the archive, those of mail formats are sent by themselves', async (t) => {
  const { judge, scanner } = await stageOf(scanEverything);
  const member = (seed: number, path: string, encoding: string, members: PartFacts[] = []) =>
    madePart(seed, { path, encoding, attachment: false, members });
  const deep = member(5, '1!1!1', 'zip');
  const archive = madePart(1, { ...zip, members: [member(2, '1!1', 'zip', [deep]), member(3, '1!2', 'uuencode')] });
  const mail = madePart(4, { members: [member(6, '4!1', 'tnef', [member(7, '4!1!1', 'zip')])] });
  const { verdict, scores } = await judge([archive, mail]);
  t.equal(verdict.action, 'permit');
  const sent = [archive, member(3, '1!2', 'uuencode'), mail, member(6, '4!1', 'tnef')];
  t.same(scanner.scanned.toSorted(), sent.map((part) => part.sha256).toSorted());
  t.match(
    scores.map(({ path, answers }) => [path, answers[1]]),
    [
      ['1', { kind: 'score' }],
      ['1!1', { kind: 'covered', backend: 'scanner', by: '1' }],
      ['1!1!1', { kind: 'covered', by: '1!1' }],
      ['1!2', { kind: 'score' }],
      ['4', { kind: 'score' }],
      ['4!1', { kind: 'score' }],
      ['4!1!1', { kind: 'covered', by: '4!1' }],
    ],
  );
});

t.test('members of an archive that programs unpack differently are sent by themselves', async (t) => {
  const inside = madePart(2, { path: '1!1', encoding: 'zip', attachment: false });
  for (const flag of ['archive-mismatch', 'polyglot', 'multi-volume'] as const) {
    const { judge, scanner } = await stageOf(scanEverything);
    await judge([madePart(1, { ...zip, flags: [flag], members: [inside] })]);
    t.equal(scanner.scanned.length, 2, flag);
  }
});

t.test('ten thousand members are one scan, and none is unanswered with a scanner alone', async (t) => {
  const scanner = new FakeBackend('scanner');
  scanner.opensArchives = true;
  const scorer = new Scorer([scanner], () => settings);
  const members = Array.from({ length: 10_000 }, (_, index) =>
    madePart(index + 2, { path: `1!${index + 1}`, encoding: 'zip', attachment: false }),
  );
  const report = madeReport([madePart(1, { ...zip, members })]);
  const requests = scoresToAsk(report, [], [], { ...defaults, profile: scanEverything });
  t.equal(requests.length, 10_001);
  const content = () => contentOf(Buffer.from('data'));
  const scores = await scorer.score(requests, content, new AbortController().signal);
  t.equal(scanner.scanned.length, 1);
  t.match(decide({ report, scores, listHits: [], hashHits: [], policy: defaults }), { action: 'permit' });
});

t.test('what covers a member must have been sent itself', async (t) => {
  const inside = madePart(2, { path: '1!1', encoding: 'rar', attachment: false });
  for (const profile of [profileWith({ archive: { mode: 'hash-only' } }), profileWith({ archive: { maxBytes: 1 } })]) {
    const { judge, scanner } = await stageOf(profile, { fallback: { ...defaults.fallback, oversize: 'permit' } });
    scanner.know(inside, 1);
    const { verdict } = await judge([madePart(1, { ...zip, members: [inside] })]);
    t.same(scanner.scanned, [inside.sha256]);
    t.match(verdict, { action: 'block', malicious: true });
  }
});
