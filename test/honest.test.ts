/** Honest mail: none is called unreadable, almost none odd, and all of it goes through the gate as it came. */
import t from 'tap';
import { createInspector } from '../src/inspect/inspection.js';
import { everyPart } from '../src/inspect/report.js';
import { problemEffects } from '../src/mime/problem.js';
import { Client } from './support/client.js';
import { honestMails } from './support/honest-mail.js';
import { inspectBuffer } from './support/inspect-buffer.js';
import { startGate, startSink } from './support/running.js';

const mails = honestMails();
/** of all mails, former programs' included */
const ambiguousShareMax = 0.005;

t.test('nothing is wrong with honest mail', async (t) => {
  t.ok(mails.length > 600, 'there is enough of it');
  t.equal(new Set(mails.map(({ id }) => id)).size, mails.length, 'each has its own name');
  const inspector = createInspector({ threads: 1 });
  t.teardown(() => inspector.close());
  const unscannable: string[] = [];
  const ambiguousToday: string[] = [];
  const flagged: string[] = [];
  let ambiguous = 0;
  for (const { id, mail, today } of mails) {
    const report = await inspectBuffer(mail, { inspector });
    const codes = report.problems.filter(({ code }) => problemEffects[code] !== 'note').map(({ code }) => code);
    const told = `${id}: ${codes.join(' ')}`;
    if (report.unscannable) unscannable.push(told);
    if (report.ambiguous) ambiguous += 1;
    if (report.ambiguous && today) ambiguousToday.push(told);
    for (const { flags } of everyPart(report.parts)) {
      if (flags.length > 0) flagged.push(`${id}: ${flags.join(' ')}`);
    }
  }
  t.same(unscannable, [], 'none is unscannable');
  t.same(ambiguousToday, [], 'none of a program of today is ambiguous');
  t.ok(ambiguous <= mails.length * ambiguousShareMax, `${ambiguous} of ${mails.length} are ambiguous`);
  t.same(flagged, [], 'no file in it is suspected of anything');
});

t.test('honest mail goes through the gate as it came', async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port });
  const client = await Client.greet(gate.port);
  t.teardown(() => client.destroy());
  const refused: string[] = [];
  const withheld: string[] = [];
  const altered: string[] = [];
  for (const { id, mail } of mails) {
    const before = sink.messages.length;
    const reply = await client.mail('ann@client.example', ['bob@example.org'], mail);
    if (reply.code !== 250) refused.push(`${id}: ${reply.raw}`);
    const arrived = sink.messages[before];
    // SMTP cannot carry a last line without its end (RFC 5321 §4.1.1.4).
    const ended = mail.subarray(-2).toString('latin1') === '\r\n' ? mail : Buffer.concat([mail, Buffer.from('\r\n')]);
    if (arrived === undefined) withheld.push(id);
    else if (!arrived.bytes.equals(ended)) altered.push(id);
  }
  t.same(refused, [], 'none is refused');
  t.same(withheld, [], 'none is withheld');
  t.same(altered, [], 'none is altered');
  t.same(sink.violations, []);
});
