/**
 * `node dist/test/support/ambiguity-report.js [class or id prefix …]` prints, for each class of ambiguous mail, how many
 * payloads inspection found, how many mails it gave up on as unscannable, and the ids of those it missed.
 */
import { createHash } from 'node:crypto';
import { createInspector } from '../../src/inspect/inspection.js';
import { everyPart } from '../../src/inspect/report.js';
import { ambiguousMails } from './ambiguous-mail.js';
import { inspectBuffer } from './inspect-buffer.js';

const wanted = process.argv.slice(2);
const inspector = createInspector({ threads: 2, digests: 'all' });
const rows = new Map<string, { found: number; unscannable: number; silent: string[]; flagged: string[]; ms: number }>();
const slow: string[] = [];

for (const { id, mail, payload, class: name } of ambiguousMails()) {
  if (wanted.length > 0 && !wanted.some((prefix) => id.startsWith(prefix))) continue;
  const row = rows.get(name) ?? { found: 0, unscannable: 0, silent: [], flagged: [], ms: 0 };
  rows.set(name, row);
  const started = performance.now();
  const report = await inspectBuffer(mail, { inspector });
  const ms = performance.now() - started;
  row.ms += ms;
  if (ms > 500) slow.push(`${id} ${Math.round(ms)} ms`);
  const digest = createHash('sha256').update(payload).digest('hex');
  if ([...everyPart(report.parts)].some((part) => part.sha256 === digest)) row.found += 1;
  else if (report.unscannable) row.unscannable += 1;
  else (report.ambiguous ? row.flagged : row.silent).push(id);
}
await inspector.close();

const total = { found: 0, unscannable: 0, flagged: 0, silent: 0 };
for (const [name, row] of [...rows].sort(([a], [b]) => a.localeCompare(b))) {
  total.found += row.found;
  total.unscannable += row.unscannable;
  total.flagged += row.flagged.length;
  total.silent += row.silent.length;
  const cases = row.found + row.unscannable + row.flagged.length + row.silent.length;
  console.log(
    `${name}: ${cases} cases, ${row.found} found, ${row.unscannable} unscannable, ${row.flagged.length} missed though ambiguous, ` +
      `${row.silent.length} missed in silence, ${(row.ms / cases).toFixed(1)} ms each`,
  );
}
console.log(JSON.stringify(total));
for (const [name, row] of rows) {
  for (const id of row.silent) console.log(`SILENT ${name} ${id}`);
  for (const id of row.flagged) console.log(`missed ${name} ${id}`);
}
for (const line of slow) console.log(`slow ${line}`);
