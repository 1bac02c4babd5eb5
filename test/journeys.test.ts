/** Whole journeys of people: through real mail servers, a real browser, and a gate that is started as its users start it. */
import t from 'tap';
import { macroDocument } from '../src/cli/demo/macro-document.js';
import { browserPrograms, checkPage, openBrowser } from './support/browser.js';
import { holdsOriginal, JourneyBed, journeyPrograms } from './support/journey-bed.js';
import { buildMail } from './support/mail.js';
import { skipWithout } from './support/missing.js';

t.setTimeout(500_000);
const skip = skipWithout(...browserPrograms, ...journeyPrograms);

t.test('probe', { skip }, async (t) => {
  console.error('t0', performance.now());
  const enter = await openBrowser(t);
  const bed = await JourneyBed.start(t, {});
  console.error('t1', performance.now());
  const mail = buildMail({ subject: 'Order', attachment: { name: 'Order 4711.docm', content: macroDocument() } });
  const to = ['anna', 'bert', 'carl'].map((n) => `${n}@example.org`);
  console.error(await bed.send(mail, to));
  for (const a of to) {
    const [notice] = await bed.arrived(a, () => true);
    console.error(a, notice?.subject, notice?.link, notice?.bytes.toString().slice(0, 700));
    const thr = await bed.readThrough(a);
    t.same(
      thr.map(({ subject }) => subject),
      [notice?.subject],
    );
  }
  console.error('t2', performance.now());
  const [notice] = await bed.mailbox('anna@example.org');
  const anna = await enter({ origin: bed.origin, name: 'anna', phone: true });
  t.equal(await anna.open(notice?.link ?? ''), 200);
  await checkPage(t, anna, 'item');
  console.error(await anna.text());
  await anna.press(/release/i);
  await checkPage(t, anna, 'asked');
  console.error(await anna.text());
  console.error(bed.audit());
  t.notOk(holdsOriginal(notice!, mail));
  console.error('t3', performance.now());
});
