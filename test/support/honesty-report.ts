/** `node dist/test/support/honesty-report.js [id prefix …]` prints what inspection objects to in honest mail. */
import { createInspector } from '../../src/inspect/inspection.js';
import { everyPart } from '../../src/inspect/report.js';
import { problemEffects } from '../../src/mime/problem.js';
import { honestMails } from './honest-mail.js';
import { inspectBuffer } from './inspect-buffer.js';

const wanted = process.argv.slice(2);
const inspector = createInspector({ threads: 2, digests: 'all' });
const counts = { mails: 0, today: 0, ambiguous: 0, ambiguousToday: 0, unscannable: 0 };
const codes = new Map<string, number>();
for (const { id, mail, today } of honestMails()) {
  if (wanted.length > 0 && !wanted.some((prefix) => id.startsWith(prefix))) continue;
  const report = await inspectBuffer(mail, { inspector });
  counts.mails += 1;
  if (today) counts.today += 1;
  if (report.ambiguous) counts.ambiguous += 1;
  if (report.ambiguous && today) counts.ambiguousToday += 1;
  if (report.unscannable) counts.unscannable += 1;
  for (const { code } of report.problems) codes.set(code, (codes.get(code) ?? 0) + 1);
  const found = report.problems
    .filter(({ code }) => problemEffects[code] !== 'note')
    .map(({ code, part, detail }) => `${code} at ${part} ${detail ?? ''}`);
  const flags = [...everyPart(report.parts)].flatMap((part) => part.flags);
  if (found.length + flags.length > 0)
    console.log(`${today ? 'TODAY' : 'former'} ${id}: ${[...found, ...flags].join('; ')}`);
}
await inspector.close();
console.log(JSON.stringify(counts));
console.log([...codes].map(([code, count]) => `${code} ${count}`).join(', '));
