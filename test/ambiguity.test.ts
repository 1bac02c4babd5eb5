/**
 * Ambiguous and nested mail with a known payload: inspection finds its exact bytes in some reading or says that it could
 * not read everything, and the gate delivers none of it.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createInspector } from '../src/inspect/inspection.js';
import { everyPart } from '../src/inspect/report.js';
import { knownGaps } from './support/ambiguity-gaps.js';
import { type AmbiguousCase, ambiguousMails } from './support/ambiguous-mail.js';
import { numberOf } from './support/ambiguous-payload.js';
import { Client } from './support/client.js';
import { inspectBuffer } from './support/inspect-buffer.js';
import { inLanes } from './support/lanes.js';
import { eicar } from './support/mail.js';
import { folderOf, startGate, startSink } from './support/running.js';

const mails = ambiguousMails();
/** one of so many goes through the gate too */
const gateShare = 8;
const timeout = 540_000;
t.setTimeout(timeout);

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** RFC 5321 §2.3.8: no bare CR or LF; and no NUL, which few relays take. */
function isCarriable(mail: Buffer): boolean {
  return !/\0|\r(?!\n)|(?<!\r)\n/.test(mail.toString('latin1'));
}

t.test('every payload is found byte by byte, or the mail is called unscannable', { timeout }, async (t) => {
  t.ok(mails.length > 4000, 'there are enough cases');
  t.equal(new Set(mails.map(({ id }) => id)).size, mails.length, 'each has its own name');
  // As the gate runs it: a payload must not be taken for a text body, which gets no digest.
  const inspector = createInspector();
  t.teardown(() => inspector.close());
  const missed = new Map<string, string[]>();
  await inLanes(mails, async ({ id, mail, payload, class: name }) => {
    const report = await inspectBuffer(mail, { inspector });
    const digest = digestOf(payload);
    const found = [...everyPart(report.parts)].some(({ sha256 }) => sha256 === digest);
    const row = missed.get(name) ?? [];
    missed.set(name, row);
    if (!found && !report.unscannable) row.push(report.ambiguous ? id : `${id} (nothing suspected)`);
  });
  const expected = new Set(Object.keys(knownGaps));
  for (const [name, ids] of [...missed].sort(([one], [other]) => one.localeCompare(other))) {
    const surprising = ids.filter((id) => !expected.has(id.replace(/ \(.*$/, '')));
    t.same(surprising, [], `${name}: no payload is missed`);
  }
  const closed = [...expected].filter((gap) => ![...missed.values()].flat().some((id) => id.startsWith(gap)));
  t.same(closed, [], 'every known gap is still one');
});

t.test(
  'the gate with its default settings delivers no payload that is known to be malicious',
  { timeout },
  async (t) => {
    const chosen = mails.filter(({ id, mail }) => isCarriable(mail) && numberOf(`gate ${id}`, gateShare) === 0);
    t.ok(chosen.length > 500, `${chosen.length} cases`);
    const list = join(folderOf(t), 'blocked.txt');
    const digests = new Set(
      chosen.filter(({ payload }) => !payload.equals(eicar)).map(({ payload }) => digestOf(payload)),
    );
    writeFileSync(list, `${[...digests].join('\n')}\n`);
    const sink = await startSink(t);
    const gate = await startGate(t, { upstreamPort: sink.port, config: { lists: { blockHashes: [list] } } });
    const idle: Client[] = [];
    t.teardown(() => {
      for (const client of idle) client.destroy();
    });
    const odd: string[] = [];
    const delivered: string[] = [];
    const deliver = async ({ id, mail }: AmbiguousCase, index: number) => {
      const client = idle.pop() ?? (await Client.greet(gate.port));
      const reply = await client.mail(`case${index}@client.example`, ['bob@example.org'], mail);
      idle.push(client);
      if (reply.code !== 250 && reply.code !== 554 && reply.code !== 451) odd.push(`${id}: ${reply.raw}`);
      // Notices have the null reverse-path (RFC 3834); anything else is the mail itself.
      if (sink.messages.some(({ mail: from }) => from.startsWith(`<case${index}@`))) delivered.push(id);
    };
    await inLanes(chosen, deliver);
    t.same(odd, [], 'every mail gets an answer that mail servers understand');
    t.same(
      delivered.filter((id) => knownGaps[id] === undefined),
      [],
    );
  },
);
