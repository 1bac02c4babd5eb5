/**
 * `node dist/test/support/resource-child.js ID` inspects one costly mail alone and prints the processor's milliseconds, the most
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
const started = process.cpuUsage();
try {
  const inspection = inspector.start(spool);
  for (const piece of costly.pieces()) {
    const size = mode === 'octets' ? 1 : piece.length;
    for (let at = 0; at < piece.length; at += size) {
      const chunk = piece.subarray(at, at + size);
      spool.append(chunk);
      inspection.write(chunk);
    }
    // The gate waits for its disk as well: bytes that are not yet written are bounded, not this process's memory.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const report = await inspection.finish();
  // Time on the processor, all threads together, says the same on a busy machine; writing the mail is in it.
  const { user, system } = process.cpuUsage(started);
  const ms = Math.round((user + system) / 1000);
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
