/**
 * `sluice demo`: mail servers, the gate in front of them and clients in one process; what becomes of five mails on
 * their way, and what a client sees of a mailbox.
 */
import { basename } from 'node:path';
import { Writable } from 'node:stream';
import { Command } from 'commander';
import { registerQuarantine } from '../quarantine.js';
import { storeContext } from '../store-program.js';
import { DemoClient } from './client.js';
import { DemoFolder, DemoGate } from './gate.js';
import { type Letter, people, writeLetters } from './letters.js';
import { explainLine } from './log-line.js';
import { type Delivery, DemoMailServer } from './mail-server.js';
import { MailboxServer } from './mailbox-server.js';
import { mailboxPassword, readThroughGate } from './mailbox-tour.js';
import { acceptedBy, faultsOf, isNoticeOf, type Outcome, rowOf } from './outcome.js';
import { wrappedTable } from './table.js';

type Print = (text: string) => void;

/** ms for something to arrive that is on its way; it takes a few in practice */
const arrivalMs = 5000;

const columns = [
  { title: 'MAIL', width: 20 },
  { title: 'THE CLIENT WAS TOLD', width: 27 },
  { title: 'VERDICT', width: 30 },
  { title: 'ARRIVED', width: 21 },
  { title: 'TIME', width: 8 },
] as const;

/** 0 when everything happened as it should. */
export async function runDemo(print: Print, keep: boolean): Promise<number> {
  const folder = new DemoFolder();
  const interrupted = () => {
    if (!keep) folder.remove();
    process.exit(1);
  };
  process.once('SIGINT', interrupted);
  const server = await DemoMailServer.start(people.nobody);
  const mailboxes = await MailboxServer.start([people.anna], mailboxPassword);
  try {
    const gate = await DemoGate.start(folder, { smtp: server.port, imap: mailboxes.port });
    let faults: string[];
    try {
      print(`mail server  127.0.0.1:${server.port}, no mailbox for ${people.nobody}`);
      print(`mailboxes    127.0.0.1:${mailboxes.port}, IMAP`);
      print(
        `gate         127.0.0.1:${gate.port} and, for IMAP, :${gate.imapPort}, in front of them; blocks *@bad.example`,
      );
      print(`folder       ${folder.path}\n`);
      faults = await tell(gate, server, print);
      const { inbox } = mailboxes.account(people.anna);
      const release = (item: string) => quarantineCommand(['release', item, '--config', gate.configFile], print);
      const { deliveries } = server;
      faults.push(...(await readThroughGate({ port: gate.imapPort, inbox, deliveries, print, release })));
    } finally {
      await gate.stop();
    }
    printEnd(faults, folder, keep, print);
    return faults.length === 0 ? 0 : 1;
  } finally {
    process.removeListener('SIGINT', interrupted);
    await server.stop();
    await mailboxes.stop();
    if (!keep) folder.remove();
  }
}

/** Sends the letters, releases one of those that were held, and returns what went wrong. */
async function tell(gate: DemoGate, server: DemoMailServer, print: Print): Promise<string[]> {
  const outcomes = await sendAll(gate, server);
  print(wrappedTable(columns, outcomes.map(rowOf)));
  print(
    '\nTIME is what the client waited, in brackets what the verdict took of it; the first attachment and the first',
  );
  print('sealing start threads. The macro in the document runs when it is opened, so a static rule holds it back.\n');
  const faults = outcomes.flatMap((outcome) => faultsOf(outcome, people.nobody));
  const told = await server.waitFor(1, arrivalMs, ({ recipients }) => recipients.includes(people.administrator));
  print(
    `${people.administrator} was told of what was blocked: ${told.length === 1 ? 'one mail' : `${told.length} mails`}\n`,
  );
  if (told.length === 0) faults.push('the administrator was not told');

  const held = outcomes.find(({ letter }) => letter.action === 'block' && letter.to.length > 1);
  if (held === undefined) return [...faults, 'there is no held mail to release'];
  faults.push(...(await releaseHeld(held, gate, server, print)));
  if (held.record !== undefined) {
    print(`\nThe log has one line for every message. That of "${held.letter.title}":\n`);
    print(explainLine(held.record));
  }
  return faults;
}

async function sendAll(gate: DemoGate, server: DemoMailServer): Promise<Outcome[]> {
  const client = await DemoClient.connect(gate.port);
  const sent: Pick<Outcome, 'letter' | 'answer'>[] = [];
  for (const letter of await writeLetters()) sent.push({ letter, answer: await client.send(letter) });
  client.quit();
  return Promise.all(
    sent.map(async ({ letter, answer }) => {
      const record = await gate.recordOf(letter.messageId, arrivalMs);
      const item = typeof record?.item === 'string' ? record.item : undefined;
      const expected = acceptedBy({ letter, answer }).length;
      const notices =
        item === undefined ? [] : await server.waitFor(expected, arrivalMs, (delivery) => isNoticeOf(item, delivery));
      return { letter, answer, record, notices, originals: server.deliveries.filter((one) => isOriginal(letter, one)) };
    }),
  );
}

function isOriginal(letter: Letter, { content }: Delivery): boolean {
  return content.includes(`Message-ID: ${letter.messageId}`);
}

/** Runs the real command beside the running gate, as an administrator would, and compares what arrives. */
async function releaseHeld(held: Outcome, gate: DemoGate, server: DemoMailServer, print: Print): Promise<string[]> {
  const item = held.record?.item;
  if (typeof item !== 'string') return [`${held.letter.title}: it is not in quarantine, so it cannot be released`];
  print(`$ sluice quarantine release ${item}`);
  const code = await quarantineCommand(['release', item, '--config', gate.configFile], print);
  const [copy, ...more] = await server.waitFor(1, arrivalMs, (delivery) => isOriginal(held.letter, delivery));
  if (copy === undefined) return [`the released mail did not arrive, the command ended with ${code}`];
  const identical = copy.content.equals(held.letter.message);
  const recipients = [...copy.recipients].sort();
  print(`The mail server got it for ${recipients.join(' and ')}: ${copy.content.length} bytes,`);
  print(identical ? 'identical to what the client sent.' : 'NOT what the client sent.');
  const faults: string[] = [];
  if (code !== 0) faults.push(`the release ended with ${code}`);
  if (!identical) faults.push('the released mail is not what was sent');
  if (more.length > 0) faults.push(`the released mail arrived ${more.length + 1} times`);
  if (recipients.join() !== acceptedBy(held).sort().join()) faults.push('the release went to other people');
  return faults;
}

async function quarantineCommand(words: readonly string[], print: Print): Promise<number> {
  let code = 1;
  const output = () =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        print(chunk.toString('utf8').trimEnd());
        done();
      },
    });
  const context = storeContext(
    (given) => {
      code = given;
    },
    { stdout: output(), stderr: output() },
  );
  const program = new Command('sluice');
  registerQuarantine(program, context);
  await program.parseAsync(['quarantine', ...words], { from: 'user' });
  return code;
}

function printEnd(faults: readonly string[], folder: DemoFolder, keep: boolean, print: Print): void {
  print('');
  if (keep) {
    const own = process.argv[1] ?? 'sluice';
    const sluice = basename(own) === 'sluice' ? 'sluice' : `node ${own}`;
    print(`The folder stays; it holds the configuration, the log, the keys and the sealed mail. Look further with:`);
    print(`  ${sluice} quarantine list --config ${folder.configFile}`);
    print(`  ${sluice} quarantine show ID --config ${folder.configFile}`);
    print(`  ${sluice} incidents --config ${folder.configFile}`);
    print(`  ${sluice} preview --config ${folder.configFile} --out ${folder.path}`);
    print(`  cat ${folder.logFile}`);
    print(`  rm -r ${folder.path}   when you have seen enough\n`);
  } else {
    print('The folder is removed; with --keep it stays, to look into quarantine, incidents and log.\n');
  }
  for (const fault of faults) print(`FAILED  ${fault}`);
  print(
    faults.length === 0
      ? 'Everything happened as it should.'
      : `${faults.length} things did not happen as they should.`,
  );
}
