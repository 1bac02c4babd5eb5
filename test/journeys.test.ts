/** Whole journeys of people: through real mail servers, a real browser, and a gate that is started as its users start it. */
import t, { type Test } from 'tap';
import { macroDocument } from '../src/cli/demo/macro-document.js';
import {
  browserPrograms,
  checkPage,
  openBrowser,
  signIn,
  type Visitor,
  type VisitorOptions,
} from './support/browser.js';
import { type ArrivedMail, holdsOriginal, isNotice, JourneyBed, journeyPrograms } from './support/journey-bed.js';
import { buildMail } from './support/mail.js';
import { skipWithout } from './support/missing.js';
import { waitFor } from './support/ports.js';

t.setTimeout(560_000);
const skip = skipWithout(...browserPrograms, ...journeyPrograms);

const [anna, bert, carl] = ['anna@example.org', 'bert@example.org', 'carl@example.org'] as const;
const everybody = [anna, bert, carl];
/** one for each event, since each of them is told at most once a minute */
const administrators = [
  { address: 'blocked@example.org', notify: ['blocked'] },
  { address: 'requests@example.org', notify: ['release-requested'] },
  { address: 'released@example.org', notify: ['released'] },
];

function order(name: string): Buffer {
  const document = { name: `Order ${name}.docm`, content: macroDocument() };
  return buildMail({
    from: 'Eve Example <eve@client.example>',
    to: everybody.join(', '),
    subject: `Order ${name}`,
    text: `Please find the order ${name} attached.\r\n`,
    attachment: document,
  });
}

interface Withheld {
  readonly id: string;
  readonly mail: Buffer;
  readonly name: string;
  /** of everybody's notice, by address */
  readonly links: ReadonlyMap<string, string>;
}

/** Sends an order to three people and waits for their notices. */
async function withhold(t: Test, bed: JourneyBed, name: string): Promise<Withheld> {
  const mail = order(name);
  t.match(await bed.send(mail, everybody), /^250 2\.0\.0 .*withheld as /, 'the sender is told that it was taken');
  const id = bed.lastItem;
  const links = new Map<string, string>();
  for (const address of everybody) {
    const [notice] = await bed.arrived(address, (one) => isNotice(one) && one.bytes.includes(id));
    links.set(address, notice?.link ?? 'no link');
  }
  return { id, mail, name, links };
}

function linkOf({ links }: Withheld, address: string): string {
  return links.get(address) ?? 'no link';
}

async function originalsOf(bed: JourneyBed, address: string, { mail }: Withheld): Promise<ArrivedMail[]> {
  return (await bed.mailbox(address)).filter((one) => holdsOriginal(one, mail));
}

/** Everybody has the original once, in the mailbox and through the gate. */
async function everybodyHasIt(t: Test, bed: JourneyBed, withheld: Withheld): Promise<void> {
  for (const address of everybody) {
    await bed.arrived(address, (one) => holdsOriginal(one, withheld.mail));
    t.equal((await originalsOf(bed, address, withheld)).length, 1, `${address} has the original`);
    const through = (await bed.readThrough(address)).filter((one) => holdsOriginal(one, withheld.mail));
    t.equal(through.length, 1, `${address} reads it through the gate`);
  }
}

async function nobodyHasIt(t: Test, bed: JourneyBed, withheld: Withheld): Promise<void> {
  for (const address of everybody) {
    t.equal((await originalsOf(bed, address, withheld)).length, 0, `${address} has not got the original`);
  }
}

/** What happened to an item, as the audit log tells it. */
function story(bed: JourneyBed, { id }: Withheld): string[] {
  return bed.audit(id).map(({ actor, action }) => `${actor} ${action}`);
}

/** The recipient opens his link, sees his message and no other person, and asks. */
async function askForRelease(t: Test, visitor: Visitor, withheld: Withheld, address: string): Promise<void> {
  t.equal(await visitor.open(linkOf(withheld, address)), 200);
  await checkPage(t, visitor, 'withheld message');
  const text = await visitor.text();
  for (const words of [`Order ${withheld.name}`, `Order ${withheld.name}.docm`, 'eve@client.example', address]) {
    t.ok(text.includes(words), `${address} sees ${words}`);
  }
  for (const other of everybody.filter((one) => one !== address)) t.notOk(text.includes(other), `and not ${other}`);
  await visitor.press('Ask for release');
  await checkPage(t, visitor, 'release asked for');
  t.match(await visitor.text(), /You asked for the release/);
}

t.test('a macro document: withheld, asked for, looked at, released', { skip }, async (t) => {
  const enter = await openBrowser(t);
  const bed = await JourneyBed.start(t, { config: { administrators }, administrators: ['root', 'second'] });
  const into = (options: Omit<VisitorOptions, 'origin'>) => enter({ origin: bed.origin, ...options });
  const withheld = await withhold(t, bed, '4711');
  await nobodyHasIt(t, bed, withheld);
  const [told] = await bed.arrived('blocked@example.org', () => true);
  t.match(told?.text, /Message blocked[\s\S]+Order 4711[\s\S]+macro-autorun/, 'the administrator is told');

  const visitor = await into({ name: 'anna', phone: true });
  await askForRelease(t, visitor, withheld, anna);
  await visitor.page.reload();
  t.match(await visitor.text(), /You asked for the release/, 'sent again by a reload, it is the same request');
  const [request] = await bed.arrived('requests@example.org', () => true);
  t.match(request?.text, /Release requested[\s\S]+anna@example\.org/);

  const root = await into({ name: 'root' });
  t.equal(await root.open(request?.link ?? ''), 200, 'the link in his mail leads an administrator to the sign-in');
  await checkPage(t, root, 'sign in');
  await signIn(root, 'root');
  t.ok(root.page.url().includes(withheld.id), 'and then to the message');
  await checkPage(t, root, 'held message');
  await root.open('/admin');
  await checkPage(t, root, 'overview');
  t.match(await root.text(), /Order 4711/, 'the overview shows what waits');
  await root.page
    .getByRole('link', { name: /Order 4711/ })
    .first()
    .click();
  await root.page.waitForURL(/quarantine\/[a-z2-7]{26}/);
  const text = await root.text();
  for (const words of [...everybody, 'Please find the order 4711 attached', 'Order 4711.docm', 'macro-autorun']) {
    t.ok(text.includes(words), `the administrator sees ${words}`);
  }

  const second = await into({ name: 'second', dark: true });
  await second.open(`/admin/quarantine/${withheld.id}`);
  await signIn(second, 'second');
  const release = (who: Visitor) => who.page.getByRole('button', { name: 'Release', exact: true });
  await Promise.all([release(root).dblclick(), release(second).click()]);
  await everybodyHasIt(t, bed, withheld);
  for (const who of [root, second]) {
    await who.open(`/admin/quarantine/${withheld.id}`);
    await checkPage(t, who, 'released message');
    t.match(await who.text(), /released/i);
    t.equal(await release(who).count(), 0, 'there is nothing left to press');
  }

  const [answer] = await bed.arrived(anna, ({ subject }) => subject === 'Your request was granted');
  t.ok(answer, 'who asked is told');
  t.match((await bed.arrived('released@example.org', () => true))[0]?.text, /Message released[\s\S]+console:/);
  await visitor.open(linkOf(withheld, anna));
  await checkPage(t, visitor, 'after the release');
  t.match(await visitor.text(), /The message was released/);

  const rows = story(bed, withheld);
  const releaser = rows.find((row) => / release$/.test(row))?.split(' ')[0] ?? 'nobody';
  t.match(releaser, /^console:(?:root|second)$/);
  t.same(
    rows.filter((row) => !row.includes('sign-')),
    [
      'gate held',
      `recipient:${anna} release-requested`,
      `${releaser} release`,
      'gate delivery',
      `${releaser} released`,
    ],
    'the audit log tells the story in order, and nothing twice',
  );
  for (const address of everybody) t.equal((await originalsOf(bed, address, withheld)).length, 1);
  const mails = await bed.mailbox(bert);
  t.same(
    mails.map(({ subject }) => subject).sort(),
    ['Malware Detected', 'Order 4711'],
    'others are told nothing more',
  );
});
