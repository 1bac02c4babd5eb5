/**
 * What other parsers find, inspection finds too; and what fuzzing does to a mail never makes inspection fail, stall, or
 * depend on how the mail was cut into packets.
 */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { createInspector, type Inspector } from '../src/inspect/inspection.js';
import { everyPart, type InspectionReport } from '../src/inspect/report.js';
import { SpoolPool } from '../src/runtime/spool.js';
import { knownGaps } from './support/ambiguity-gaps.js';
import { ambiguousMails } from './support/ambiguous-mail.js';
import { numberOf } from './support/ambiguous-payload.js';
import { digestsOf, foreignFiles } from './support/foreign-parsers.js';
import { honestMails } from './support/honest-mail.js';
import { inspectBuffer } from './support/inspect-buffer.js';
import { inLanes } from './support/lanes.js';
import { mutate, mutatedMail } from './support/mail-mutation.js';
import { ownCpuMs } from './support/process-facts.js';
import { folderOf } from './support/running.js';

const timeout = 300_000;
t.setTimeout(timeout);

/** runs of each property; fewer than a nightly run would make, enough to find what is easy to find */
const runs = Number(process.env.SLUICE_FUZZ_RUNS ?? 300);
const seed = Number(process.env.SLUICE_FUZZ_SEED ?? 20260202);
/** ms for one mutated mail of some KB */
const slowMs = 5000;

/** Other parsers are asked about what can arrive: SMTP carries no bare CR or LF and no NUL. */
function isCarriable(mail: Buffer): boolean {
  return !/\0|\r(?!\n)|(?<!\r)\n/.test(mail.toString('latin1'));
}

function digestsIn(report: InspectionReport): Set<string> {
  return new Set([...everyPart(report.parts)].map(({ sha256 }) => sha256));
}

/** Files that another parser finds and the report does not have. */
async function missedIn(mail: Buffer, report: InspectionReport): Promise<string[]> {
  if (report.unscannable) return [];
  const ours = digestsIn(report);
  const missed = (await foreignFiles(mail)).filter((file) => !digestsOf(file).some((digest) => ours.has(digest)));
  return missed.map(({ parser, name, type, content }) => `${parser} ${type} "${name}" of ${content.length}`);
}

function inspectorOf(test: Test): Inspector {
  const inspector = createInspector({ threads: 2, digests: 'all' });
  test.teardown(() => inspector.close());
  return inspector;
}

t.test('whatever mailparser or postal-mime attach is in the report', { timeout }, async (t) => {
  const inspector = inspectorOf(t);
  const ambiguous = ambiguousMails().filter(({ id, mail }) => isCarriable(mail) && numberOf(`other ${id}`, 3) === 0);
  const missed: string[] = [];
  let files = 0;
  await inLanes([...honestMails(), ...ambiguous], async ({ id, mail }) => {
    files += 1;
    const report = await inspectBuffer(mail, { inspector });
    for (const one of await missedIn(mail, report)) {
      if (knownGaps[id] === undefined) missed.push(`${id}: ${one}`);
    }
  });
  t.ok(files > 2000, `${files} mails`);
  t.same(missed, []);
});

/** A few KB each, so that thousands of runs are cheap. */
function seedMails(): Buffer[] {
  const honest = honestMails().filter(({ id }) => numberOf(`seed ${id}`, 6) === 0);
  const ambiguous = ambiguousMails().filter(({ id }) => numberOf(`seed ${id}`, 40) === 0);
  return [...honest, ...ambiguous].map(({ mail }) => mail).filter((mail) => mail.length < 16_384);
}

t.test('mutated mail: other parsers still find nothing that the report lacks', { timeout }, async (t) => {
  const inspector = inspectorOf(t);
  const seeds = seedMails();
  t.ok(seeds.length > 150, `${seeds.length} seeds`);
  await fc.assert(
    fc.asyncProperty(mutatedMail(seeds), async ({ seed: number, mutations }) => {
      const mail = mutate(seeds[number] ?? Buffer.alloc(0), mutations);
      if (!isCarriable(mail)) return;
      const missed = await missedIn(mail, await inspectBuffer(mail, { inspector }));
      if (missed.length > 0) throw new Error(`${missed.join('; ')} in\n${mail.toString('latin1')}`);
    }),
    { numRuns: runs, seed, includeErrorInReport: true },
  );
});

t.test('mutated mail: inspection is prompt, repeatable, and never fails', { timeout }, async (t) => {
  const inspector = inspectorOf(t);
  const seeds = seedMails();
  await fc.assert(
    fc.asyncProperty(mutatedMail(seeds), async ({ seed: number, mutations }) => {
      const mail = mutate(seeds[number] ?? Buffer.alloc(0), mutations);
      const started = ownCpuMs();
      const first = await inspectBuffer(mail, { inspector });
      const ms = ownCpuMs() - started;
      if (ms > slowMs) throw new Error(`${Math.round(ms)} ms for ${mail.length} bytes`);
      const second = await inspectBuffer(mail, { inspector });
      if (JSON.stringify(first) !== JSON.stringify(second)) throw new Error('two inspections differ');
    }),
    { numRuns: runs, seed: seed + 1, includeErrorInReport: true },
  );
  t.pass(`${runs} mutated mails`);
});

async function inspectPieces(
  inspector: Inspector,
  folder: string,
  pieces: readonly Buffer[],
): Promise<InspectionReport> {
  const spool = new SpoolPool(folder).create();
  try {
    const inspection = inspector.start(spool);
    for (const piece of pieces) {
      spool.append(piece);
      inspection.write(piece);
    }
    return await inspection.finish();
  } finally {
    spool.release();
  }
}

t.test('how a mail is cut into packets changes nothing', { timeout }, async (t) => {
  const inspector = inspectorOf(t);
  const folder = folderOf(t);
  const seeds = seedMails();
  const cuts = fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(mutatedMail(seeds), cuts, async ({ seed: number, mutations }, lengths) => {
      const mail = mutate(seeds[number] ?? Buffer.alloc(0), mutations);
      const pieces: Buffer[] = [];
      let at = 0;
      for (const length of lengths) {
        if (at < mail.length) pieces.push(mail.subarray(at, at + length));
        at += length;
      }
      if (at < mail.length) pieces.push(mail.subarray(at));
      const whole = await inspectPieces(inspector, folder, [mail]);
      const cut = await inspectPieces(inspector, folder, pieces);
      if (JSON.stringify(whole) !== JSON.stringify(cut)) throw new Error('cutting differs');
      if (mail.length > 4000) return;
      const octets = Array.from({ length: mail.length }, (_, index) => mail.subarray(index, index + 1));
      const bytewise = await inspectPieces(inspector, folder, octets);
      if (JSON.stringify(whole) !== JSON.stringify(bytewise)) throw new Error('byte by byte differs');
    }),
    { numRuns: Math.ceil(runs / 3), seed: seed + 2, includeErrorInReport: true },
  );
  t.pass('no difference');
});
