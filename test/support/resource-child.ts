/**
 * `node dist/test/support/resource-child.js ID` inspects one costly mail alone and prints the milliseconds, the most
 * resident memory and what came of it, as JSON: memory can only be measured in a process that did nothing else.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInspector } from '../../src/inspect/inspection.js';
import { SpoolPool } from '../../src/runtime/spool.js';
import { costlyMails } from './resource-mail.js';

const [wanted, mode] = process.argv.slice(2);
const costly = costlyMails.find(({ id }) => id === wanted);
if (costly === undefined) throw new Error(`no costly mail ${wanted}`);
const folder = mkdtempSync(join(tmpdir(), 'sluice-costly-'));
const inspector = createInspector();
const idleKib = process.resourceUsage().maxRSS;
const spool = new SpoolPool(folder).create();
let generatedMs = 0;
const started = performance.now();
try {
  const inspection = inspector.start(spool);
  let before = performance.now();
  for (const piece of costly.pieces()) {
    generatedMs += performance.now() - before;
    const size = mode === 'octets' ? 1 : piece.length;
    for (let at = 0; at < piece.length; at += size) {
      const chunk = piece.subarray(at, at + size);
      spool.append(chunk);
      inspection.write(chunk);
    }
    // The gate waits for its disk as well: bytes that are not yet written are bounded, not this process's memory.
    await new Promise((resolve) => setImmediate(resolve));
    before = performance.now();
  }
  const report = await inspection.finish();
  const ms = Math.round(performance.now() - started - generatedMs);
  const { ambiguous, unscannable, bytes, parts } = report;
  const peakMib = Math.round(process.resourceUsage().maxRSS / 1024);
  const codes = [...new Set(report.problems.map(({ code }) => code))];
  console.log(
    JSON.stringify({
      id: wanted,
      ms,
      peakMib,
      idleMib: Math.round(idleKib / 1024),
      bytes,
      parts: parts.length,
      ambiguous,
      unscannable,
      codes,
    }),
  );
} finally {
  spool.release();
  await inspector.close();
  rmSync(folder, { recursive: true, force: true });
}
