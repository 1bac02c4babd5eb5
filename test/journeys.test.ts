/** Whole journeys of people: through real mail servers, a real browser, and a gate that is started as its users start it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Uint8ArrayReader, Uint8ArrayWriter, ZipReader } from '@zip.js/zip.js';
import { simpleParser } from 'mailparser';
import t, { type Test } from 'tap';
import { macroDocument } from '../src/cli/demo/macro-document.js';
import { zip } from '../src/cli/demo/zip.js';
import {
  browserPrograms,
  checkPage,
  openBrowser,
  signIn,
  type Visitor,
  type VisitorOptions,
} from './support/browser.js';
import { ConsoleClient, consolePassword } from './support/console-client.js';
import { pdf } from './support/document-files.js';
import { type ArrivedMail, holdsOriginal, isNotice, JourneyBed, journeyPrograms } from './support/journey-bed.js';
import { base64Lines, buildMail, eicar } from './support/mail.js';
import { skipWithout } from './support/missing.js';
import { walk } from './support/page-crawl.js';
import { waitFor } from './support/ports.js';
import { filesHolding } from './support/stored-bytes.js';

t.setTimeout(1_150_000);
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

/** Everybody has the original once, in the mailbox and through the gate, which has it in writing. */
async function everybodyHasIt(t: Test, bed: JourneyBed, withheld: Withheld): Promise<void> {
  await bed.waitForAudit('released', withheld.id);
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

/** After a release that Anna asked for: mail, her page, and the audit log, each once. */
async function everythingIsTold(t: Test, bed: JourneyBed, withheld: Withheld, visitor: Visitor): Promise<void> {
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
  await Promise.all([root.pressTwice('Release'), release(second).click()]);
  await everybodyHasIt(t, bed, withheld);
  for (const who of [root, second]) {
    await who.open(`/admin/quarantine/${withheld.id}`);
    await checkPage(t, who, 'released message');
    t.match(await who.text(), /released/i);
    t.equal(await release(who).count(), 0, 'there is nothing left to press');
  }

  await everythingIsTold(t, bed, withheld, visitor);
});

interface World {
  readonly bed: JourneyBed;
  readonly into: (options: Omit<VisitorOptions, 'origin'>) => Promise<Visitor>;
}

function pageOf({ id }: Withheld): string {
  return `/admin/quarantine/${id}`;
}

async function denied(t: Test, { bed, into }: World): Promise<void> {
  const withheld = await withhold(t, bed, 'denied');
  const visitor = await into({ name: 'bert', dark: true, phone: true });
  await askForRelease(t, visitor, withheld, bert);
  const root = await into({ name: 'deny' });
  await root.open(pageOf(withheld));
  await signIn(root, 'root');
  await root.page
    .getByLabel('Deny the request', { exact: true })
    .and(root.page.locator('textarea'))
    .fill('Nobody ordered <b>this</b>.');
  await root.press('Deny the request');
  await checkPage(t, root, 'denied');
  await root.page.goBack();
  // Where the browser shows the page as it was, the form is sent again.
  const again = root.page.getByRole('button', { name: 'Deny the request', exact: true });
  if ((await again.count()) > 0) await root.press('Deny the request');
  await root.leave();
  const [answer] = await bed.arrived(bert, ({ subject }) => subject === 'Your request was denied');
  t.match(answer?.text, 'Nobody ordered <b>this</b>.', 'the reason goes along');
  await visitor.open(linkOf(withheld, bert));
  await checkPage(t, visitor, 'denied');
  t.match(await visitor.text(), /decided against it[\s\S]*Nobody ordered <b>this<\/b>\./);
  t.equal(await visitor.page.getByRole('button', { name: /ask/i }).count(), 0, 'he cannot ask again');
  await visitor.open(linkOf(withheld, carl));
  t.notMatch(await visitor.text(), 'bert', 'others do not learn who asked');
  await nobodyHasIt(t, bed, withheld);
  t.same(story(bed, withheld), ['gate held', `recipient:${bert} release-requested`, 'console:root request-denied']);
  t.same(
    (await bed.mailbox(bert)).filter(({ subject }) => subject === 'Your request was denied').length,
    1,
    'and he is told once',
  );
}

async function withoutScripts(t: Test, { bed, into }: World): Promise<void> {
  const withheld = await withhold(t, bed, 'plain');
  const visitor = await into({ name: 'carl', script: false });
  await askForRelease(t, visitor, withheld, carl);
  const root = await into({ name: 'plain', script: false });
  await root.open(pageOf(withheld));
  await signIn(root, 'root');
  await checkPage(t, root, 'held message');
  await root.press('Release');
  await checkPage(t, root, 'released');
  await everybodyHasIt(t, bed, withheld);
  t.same(root.trouble, []);
}

async function withKeys(t: Test, { bed, into }: World): Promise<void> {
  const withheld = await withhold(t, bed, 'keys');
  const visitor = await into({ name: 'keys' });
  await visitor.open(linkOf(withheld, anna));
  await visitor.tabTo('Ask for release');
  await visitor.picture('focus on the button');
  await visitor.pressKey('Enter');
  t.match(await visitor.text(), /You asked for the release/);
  const root = await into({ name: 'keys-root' });
  await root.open('/admin');
  await root.tabTo('Name', 'textbox');
  await root.page.keyboard.type('root');
  await root.page.keyboard.press('Tab');
  await root.page.keyboard.type(consolePassword);
  await root.pressKey('Enter');
  await checkPage(t, root, 'overview');
  await root.page.keyboard.press('Tab');
  await root.page.keyboard.press('Enter');
  const focused = await waitFor('the focus behind the navigation', 10_000, async () => {
    const id = await root.page.evaluate('document.activeElement.id');
    return id === '' ? undefined : id;
  });
  t.equal(focused, 'content', 'the first stop skips the navigation');
  await root.tabTo('Quarantine', 'link');
  await root.pressKey('Enter');
  await root.tabTo(/Order keys/, 'link');
  await root.pressKey('Enter');
  await root.tabTo('Release');
  await root.pressKey('Enter');
  await everybodyHasIt(t, bed, withheld);
  await root.tabTo('Sign out');
  await root.pressKey('Enter');
  t.match(root.page.url(), '/admin/sign-in');
}

async function asArchive(t: Test, { bed, into }: World): Promise<void> {
  const withheld = await withhold(t, bed, 'zip');
  const root = await into({ name: 'zip', dark: true });
  await root.open(pageOf(withheld));
  await signIn(root, 'root');
  await root.press('Release with attachments in a ZIP');
  for (const address of everybody) {
    const [parcel] = await bed.arrived(address, (one) => one.subject.includes('Order zip') && !isNotice(one));
    const { attachments } = await simpleParser(parcel?.bytes ?? Buffer.alloc(0));
    const archive = attachments.find(({ filename }) => filename?.endsWith('.zip'));
    const text = attachments.find(({ filename }) => filename?.endsWith('.txt'))?.content.toString('utf8') ?? '';
    const document = await unzipped(archive?.content ?? Buffer.alloc(0), text, 'Order zip.docm');
    t.ok(document?.equals(macroDocument()), `${address} gets the document out with the password beside it`);
    const through = (await bed.readThrough(address)).filter(({ bytes }) =>
      bytes.equals(parcel?.bytes ?? Buffer.alloc(0)),
    );
    t.equal(through.length, 1, `${address} reads it through the gate`);
  }
  await nobodyHasIt(t, bed, withheld);
}

t.test('the other ends of a request, and other ways to the pages', { skip }, async (t) => {
  const enter = await openBrowser(t);
  const bed = await JourneyBed.start(t, { administrators: ['root'] });
  const into = (options: Omit<VisitorOptions, 'origin'>) => enter({ origin: bed.origin, ...options });
  const world = { bed, into };
  await t.test('denied: who asked is told why, and nobody gets it', (t) => denied(t, world));
  await t.test('without scripts', (t) => withoutScripts(t, world));
  await t.test('with the keyboard alone', (t) => withKeys(t, world));
  await t.test('released with its attachments in an encrypted archive', (t) => asArchive(t, world));
  for (const look of [{ phone: true, dark: true }, { phone: true }, { dark: true }, {}] as const) {
    await t.test(`every page, ${JSON.stringify(look)}`, async (t) => {
      const root = await into({ name: 'tour', ...look });
      await root.open('/admin');
      await signIn(root, 'root');
      const kinds = new Set<string>();
      // Of pages that are alike, one.
      const follow = (path: string) => {
        const kind = path.replace(/[a-z2-7]{26}/, 'ID').replace(/=[^&]*/g, '=');
        return !kinds.has(kind) && kinds.add(kind).size > 0;
      };
      const paths = await walk(root, '/admin', {
        pagesMax: 60,
        follow,
        look: (path) => checkPage(t, root, path.replace(/[a-z2-7]{26}/, 'id')),
      });
      for (const section of ['quarantine', 'incidents', 'lists', 'settings', 'health', 'audit']) {
        t.ok(paths.includes(`/admin/${section}`), section);
      }
    });
  }
});

/** A file of an encrypted archive; the password is a word of `text`. */
async function unzipped(archive: Buffer, text: string, name: string): Promise<Buffer | undefined> {
  for (const password of text.split(/\s+/).filter((word) => word.length >= 8)) {
    const reader = new ZipReader(new Uint8ArrayReader(new Uint8Array(archive)), { password });
    try {
      const entry = (await reader.getEntries()).find(({ filename }) => filename === name);
      if (entry === undefined || entry.directory) return undefined;
      return Buffer.from(await entry.getData(new Uint8ArrayWriter()));
    } catch {
      // Not this word.
    } finally {
      await reader.close();
    }
  }
  return undefined;
}

t.test('where recipients release and delete by themselves', { skip }, async (t) => {
  const enter = await openBrowser(t);
  const bed = await JourneyBed.start(t, {
    config: { administrators, quarantine: { recipientMay: 'release' } },
    administrators: ['root'],
  });
  const into = (options: Omit<VisitorOptions, 'origin'>) => enter({ origin: bed.origin, ...options });

  await t.test('one releases it for all', async (t) => {
    const withheld = await withhold(t, bed, 'own');
    const visitor = await into({ name: 'own', phone: true });
    await visitor.open(linkOf(withheld, anna));
    await checkPage(t, visitor, 'may release');
    await visitor.press('Release…', 'link');
    await checkPage(t, visitor, 'release?');
    t.notMatch(await visitor.text(), /bert|carl/);
    await nobodyHasIt(t, bed, withheld);
    const other = await into({ name: 'own-carl' });
    await other.open(linkOf(withheld, carl));
    await other.press('Delete…', 'link');
    await checkPage(t, other, 'delete?');
    await visitor.pressTwice('Release to all recipients');
    await everybodyHasIt(t, bed, withheld);
    await other.press('Delete for all recipients');
    await checkPage(t, other, 'too late to delete');
    t.match(await other.text(), /was released/);
    t.notMatch(await other.text(), 'anna', 'who did it is not said');
    t.same(story(bed, withheld), [
      'gate held',
      `recipient:${anna} release`,
      'gate delivery',
      `recipient:${anna} released`,
    ]);
    const [told] = await bed.arrived('released@example.org', () => true);
    t.match(told?.text, /Message released[\s\S]+recipient anna@example\.org/, 'the administrator is told');
  });

  await t.test('another deletes it before', async (t) => {
    const withheld = await withhold(t, bed, 'gone');
    const visitor = await into({ name: 'gone' });
    const late = await into({ name: 'gone-late' });
    await late.open(linkOf(withheld, anna));
    await late.press('Release…', 'link');
    await visitor.open(linkOf(withheld, bert));
    await visitor.press('Delete…', 'link');
    await visitor.press('Delete for all recipients');
    await checkPage(t, visitor, 'deleted');
    await late.press('Release to all recipients');
    await checkPage(t, late, 'too late to release');
    t.match(await late.text(), /was deleted/);
    await nobodyHasIt(t, bed, withheld);
    t.same(story(bed, withheld), ['gate held', `recipient:${bert} deleted`]);
    t.same(filesHolding(bed.folder, [`Please find the order ${withheld.name}`]), [], 'nothing of it is left');
  });
});

t.test('a message that was in the mailbox before the gate was', { skip }, async (t) => {
  const enter = await openBrowser(t);
  const bed = await JourneyBed.start(t, { config: { administrators }, administrators: ['root'] });
  const mail = order('mailbox');
  bed.dovecot.putMaildir(anna, [buildMail({ subject: 'clean' }), mail], undefined, 'F');
  const before = await bed.readThrough(anna);
  t.same(
    before.map(({ subject }) => subject),
    ['clean', 'Malware Detected'],
  );
  const link = before[1]?.link ?? 'no link';
  const visitor = await enter({ origin: bed.origin, name: 'mailbox', dark: true });
  t.equal(await visitor.open(link), 200);
  await checkPage(t, visitor, 'shared link');
  t.notMatch(await visitor.text(), 'anna@example.org');
  t.match(await visitor.text(), /Eve Example <eve@client\.example> \(no return address\)/);
  await visitor.press('Ask for release');
  const [request] = await bed.arrived('requests@example.org', () => true);
  const root = await enter({ origin: bed.origin, name: 'mailbox-root' });
  await root.open(request?.link ?? '');
  await signIn(root, 'root');
  await checkPage(t, root, 'held message');
  t.equal((await bed.readThrough(anna))[1]?.subject, 'Malware Detected', 'until then it stays withheld');
  await root.press('Release');
  await checkPage(t, root, 'released');
  const after = await bed.readThrough(anna);
  t.same(
    after.map(({ subject }) => subject),
    ['clean', 'Order mailbox'],
  );
  t.ok(after[1]?.bytes.equals(mail), 'the original, octet for octet');
  t.ok((after[1]?.uid ?? 0) > (before[1]?.uid ?? 0), 'under a new UID');
  t.same(
    (await bed.readThrough(anna)).map(({ uid }) => uid),
    after.map(({ uid }) => uid),
    'and it stays so',
  );
  await visitor.open(link);
  t.match(await visitor.text(), /The message was released/);
  const counts = /\nMalicious\s+1\s+Withheld\s+1\s+1 released/;
  await waitFor('what is counted', 20_000, async () => {
    await root.open('/admin');
    return counts.test(await root.text());
  });
  // Counts are written down every two seconds.
  await sleep(2500);
  await root.open('/admin');
  t.match(await root.text(), counts, 'read after its release, it counts once');
  const actions = bed.audit(bed.lastItem).map(({ actor, action }) => `${actor} ${action}`);
  t.same(actions.slice(0, 2), ['gate held', 'recipient:imap release-requested']);
  t.match(actions, [/held/, /release-requested/, /^console:root release$/, /^console:root released$/]);
});

t.test('the gate dies between any two steps, and in the middle of them', { skip }, async (t) => {
  const enter = await openBrowser(t);
  const bed = await JourneyBed.start(t, { config: { administrators }, administrators: ['root'] });
  const die = async () => {
    await bed.gate.kill();
    await bed.restart();
  };
  const mail = order('survivor');
  t.match(await bed.send(mail, everybody), /withheld as/);
  await die();
  const id = bed.lastItem;
  const links = new Map<string, string>();
  for (const address of everybody) {
    const [notice] = await bed.arrived(address, isNotice);
    links.set(address, notice?.link ?? 'no link');
  }
  const withheld = { id, mail, name: 'survivor', links };

  const visitor = await enter({ origin: bed.origin, name: 'survivor' });
  await visitor.open(linkOf(withheld, anna));
  await bed.gate.kill();
  await visitor.page.getByRole('button', { name: 'Ask for release' }).click();
  await visitor.page.waitForURL(/^chrome-error:/);
  await bed.restart();
  visitor.trouble.splice(0);
  await askForRelease(t, visitor, withheld, anna);
  await die();
  await visitor.open(linkOf(withheld, anna));
  t.match(await visitor.text(), /You asked for the release/, 'what was answered is kept');
  await bed.arrived('requests@example.org', () => true);

  const root = await enter({ origin: bed.origin, name: 'survivor-root' });
  await root.open(`/admin/quarantine/${id}`);
  await signIn(root, 'root');
  await die();
  t.equal(await root.open(`/admin/quarantine/${id}`), 200);
  t.ok(root.page.url().endsWith(id), 'a restart signs nobody out');
  await die();
  await root.press('Release');
  t.match(await root.text(), /released|under way/i, 'a page from before the restart is good still');
  await everybodyHasIt(t, bed, withheld);
  t.same(
    story(bed, withheld).map((row) => row.replace(/^\S+ /, '')),
    ['held', 'release-requested', 'release', 'delivery', 'released'],
  );

  const copies: number[] = [];
  for (const delayMs of [0, 2, 5, 10, 20, 40, 80, 160]) {
    const next = await withhold(t, bed, `after ${delayMs}`);
    const client = await ConsoleClient.signIn(bed.origin, 'root');
    // Nobody hears the answer to this.
    const lost = client.post(`/admin/quarantine/${next.id}/release`, { as: 'original' }).catch(() => undefined);
    await sleep(delayMs);
    await die();
    await lost;
    // Whether it was taken is not known, so it is asked for again.
    await client.post(`/admin/quarantine/${next.id}/release`, { as: 'original' });
    await bed.waitForAudit('released', next.id);
    for (const address of everybody) {
      await bed.arrived(address, (one) => holdsOriginal(one, next.mail));
      copies.push((await originalsOf(bed, address, next)).length);
    }
    t.equal(story(bed, next).filter((row) => row.endsWith(' released')).length, 1, `${delayMs} ms: released once`);
  }
  t.ok(
    copies.every((count) => count === 1 || count === 2),
    'at least once, and a crash never costs more than one copy',
  );
});

/** A notice without what differs from message to message. */
function withoutIds(text: string | false | undefined): string {
  return (
    String(text)
      .replace(/\r\n/g, '\n')
      .replace(/\b[a-z2-7]{26}\b/g, 'ID')
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d UTC/g, 'TIME')
      .replace(/\b\d+(?:\.\d+)? (?:bytes|kB|MB)/g, 'SIZE')
      .replace(/\/q\/[\w-]+/g, '/q/TOKEN')
      // What is clean has no rating.
      .replace(/not rated|\b0 of 10(?: \(\w+\))?/g, 'LEVEL')
      .trim()
  );
}

/** As the sample that a preview is about. */
function sampleMail(): Buffer {
  const text = 'See the invoice.\r\n';
  const zipped = zip([{ name: 'eicar.com', content: eicar }]);
  const mail = buildMail({
    from: 'A Sender <sender@example.net>',
    to: 'recipient@example.org',
    subject: 'Invoice 4711',
    text,
    attachment: { name: 'invoice.zip', content: zipped, type: 'application/zip' },
  });
  const terms = `Content-Type: application/pdf; name="terms.pdf"\r\nContent-Disposition: attachment; filename="terms.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64Lines(pdf(['<< /Type /Catalog >>']))}`;
  const boundary = /boundary="([^"]+)"/.exec(mail.toString('latin1'))?.[1] ?? '';
  const both = mail
    .toString('latin1')
    .replace(`\r\n--${boundary}--`, `\r\n--${boundary}\r\n${terms}\r\n--${boundary}--`);
  return Buffer.from(both, 'latin1');
}

t.test('settings: what the preview shows is what the next recipient gets', { skip }, async (t) => {
  const enter = await openBrowser(t);
  const bed = await JourneyBed.start(t, { administrators: ['root'] });
  const { pid } = bed.gate;
  const root = await enter({ origin: bed.origin, name: 'settings' });
  const { page } = root;
  await root.open('/admin/settings/notice');
  await signIn(root, 'root');
  await checkPage(t, root, 'notice');
  await page.getByLabel('Subject', { exact: true }).fill('Zurückgehalten: <b>Vorsicht</b>');
  await page.getByLabel('Custom message').fill('Please do not worry.\n\nCall "IT" & ask for <Eve>: 555-0100.');
  await page.getByLabel('Custom link text').fill('Look & decide');
  await page.getByLabel('Learn more link URL').fill('https://intranet.example.org/mail?a=1&b=2');
  await root.press('Preview');
  await checkPage(t, root, 'notice preview');
  const address = await page.getByRole('link', { name: /Download the mail/ }).getAttribute('href');
  const previewed = await simpleParser(Buffer.from(await (await page.request.get(`${bed.origin}${address}`)).body()));
  t.match(bed.gate.readConfig().notice, { subject: 'Malware Detected' }, 'looking saved nothing');
  await root.press('Save');
  await checkPage(t, root, 'notice saved');
  t.match(await root.text(), /Applied without a restart/);

  const mail = sampleMail();
  t.match(await bed.send(mail, ['recipient@example.org'], 'sender@example.net'), /withheld as/);
  const [arrived] = await bed.arrived('recipient@example.org', () => true);
  const real = await simpleParser(arrived?.bytes ?? Buffer.alloc(0));
  t.equal(real.subject, 'Zurückgehalten: <b>Vorsicht</b>');
  t.equal(real.subject, previewed.subject);
  t.equal(withoutIds(real.text), withoutIds(previewed.text), 'the text is that of the preview');
  t.equal(withoutIds(real.html), withoutIds(previewed.html), 'and so is the page in it');
  const ours =
    /^(?:x-sluice-notice|auto-submitted|x-auto-response-suppress|from|to|subject|mime-version|content-type)$/;
  const names = ({ headerLines }: typeof real) => headerLines.map(({ key }) => key).filter((key) => ours.test(key));
  t.same(names(real), names(previewed));

  await root.open('/admin/settings/smtp');
  await page.getByLabel('Deliver malicious messages with warning headers added').check();
  await page.getByLabel('Subject prefix').fill('[Vorsicht] ');
  await root.press('Save');
  await checkPage(t, root, 'smtp saved');
  t.match(await bed.send(order('marked'), [anna]), /queued as/, 'delivered now');
  const [marked] = await bed.arrived(anna, ({ subject }) => subject.includes('Order marked'));
  t.equal(marked?.subject, '[Vorsicht] Order marked');
  t.match(marked?.bytes.toString('latin1'), /^X-Spam-Flag: YES\r$/m);

  await root.open('/admin/lists?list=block');
  await checkPage(t, root, 'block list');
  await page.locator('textarea[name=entries]').fill('*@bad.example');
  await root.press('+ Add');
  await checkPage(t, root, 'block list with an entry');
  const listed = buildMail({ from: 'x@bad.example', subject: 'Hello' });
  t.match(await bed.send(listed, [bert], 'x@bad.example'), /queued as/);
  const [tagged] = await bed.arrived(bert, () => true);
  t.match(tagged?.bytes.toString('latin1'), /^X-Spam-Flag: YES\r$/m, 'a listed sender is malicious from now on');
  t.equal(bed.gate.pid, pid, 'all in one life of the gate');
  t.ok(bed.gate.running);
  const changes = bed.audit().filter(({ action }) => action === 'settings');
  t.same(
    changes.map(({ actor }) => actor),
    ['console:root', 'console:root', 'console:root'],
  );
  t.match(
    JSON.stringify(changes.map(({ detail }) => detail)),
    /notice\.subject[\s\S]+policy\.smtp\.action[\s\S]+bad\.example/,
  );
});
