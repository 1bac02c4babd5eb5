/** Events for a log collector, with values as strangers write them. */
import fc from 'fast-check';
import type { Place } from '../../src/syslog/place.js';
import type { ToldFile, ToldItem, ToldMail, ToldTurnedBad } from '../../src/syslog/told.js';

export const place: Place = {
  listeners: new Map([
    [
      'inbound',
      { application: 'SMTP', host: 'mail.example.org', address: '192.0.2.25', port: 25, inbound: true } as const,
    ],
    ['boxes', { application: 'IMAPS', host: '192.0.2.9', address: '192.0.2.9', port: 993, inbound: false } as const],
  ]),
  appName: 'sluice',
  version: '1.2.3',
  zones: undefined,
};

/** Whatever may stand in a mail: any UTF-16, halves of characters too, and what formats and framings are made of. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 }).map((units) => String.fromCharCode(...units)),
  fc
    .array(
      fc.constantFrom('"', '\\', ']', '[', '=', '|', ' ', '\n', '\r', '\0', '\u2028', 'a=b', '<14>1 ', 'ä', '💣'),
      {
        maxLength: 30,
      },
    )
    .map((pieces) => pieces.join('')),
  fc.constantFrom(
    'a"] [junos@2636.1.1.1.2.129 action="PERMIT"',
    'x\n<14>1 2026-01-01T00:00:00.000Z evil RT_AAMW - AAMW_ACTION_LOG [junos@2636.1.1.1.2.129 action="PERMIT"]',
    'name\\',
    'x act=permit cs1=',
    '|10|src=1.2.3.4',
    '\ud800',
    '\u202egpj.exe',
    '\ufeff',
  ),
);

const level = fc.integer({ min: -1, max: 10 });
const list = fc.constantFrom(undefined, 'allow' as const, 'block' as const);
const time = fc.integer({ min: 0, max: 4_000_000_000_000 });

export const anyFile: fc.Arbitrary<ToldFile> = fc.record({
  name: anyText,
  category: fc.constantFrom('executable', 'other', 'pdf'),
  type: anyText,
  bytes: fc.nat(),
  sha256: fc.constantFrom('', 'ab'.repeat(32)),
  level,
  threat: anyText,
  list,
  known: fc.boolean(),
});

const addressed = {
  at: time,
  listener: fc.constantFrom('inbound', 'boxes', 'gone'),
  sender: anyText,
  recipients: fc.array(anyText, { maxLength: 4 }),
  subject: fc.option(anyText, { nil: undefined }),
  messageId: fc.option(anyText, { nil: undefined }),
  threatLevel: level,
  threat: anyText,
};

export const anyMail: fc.Arbitrary<ToldMail> = fc.record({
  ...addressed,
  kind: fc.constant('mail' as const),
  id: fc.constant('t0w1rg-1'),
  clientAddress: fc.constantFrom('192.0.2.1', '2001:db8::1'),
  clientPort: fc.integer({ min: 0, max: 65535 }),
  user: fc.option(anyText, { nil: undefined }),
  recipientCount: fc.nat(),
  bytes: fc.nat(),
  action: fc.constantFrom('permit' as const, 'warn' as const, 'block' as const, 'defer' as const),
  outcome: fc.constantFrom('relayed', 'answered', 'notice'),
  reply: fc.option(anyText, { nil: undefined }),
  reasons: fc.array(anyText, { maxLength: 4 }),
  score: fc.option(fc.constantFrom(0, 0.5, 1), { nil: undefined }),
  malicious: fc.boolean(),
  item: fc.option(fc.constant('pfhnljb3vgwoyrcahvjuhyerz4'), { nil: undefined }),
  list,
  files: fc.array(anyFile, { maxLength: 3 }),
  filesOmitted: fc.nat(3),
});

export const anyItem: fc.Arbitrary<ToldItem> = fc
  .record({
    ...addressed,
    kind: fc.constant('item' as const),
    event: fc.constantFrom('held', 'released', 'deleted'),
    item: fc.constant('pfhnljb3vgwoyrcahvjuhyerz4'),
    by: anyText,
  })
  .map(({ messageId, ...item }) => item);

export const anyTurnedBad: fc.Arbitrary<ToldTurnedBad> = fc.record({
  ...addressed,
  kind: fc.constant('turned-bad' as const),
  deliveredAt: time,
  id: fc.constant('t0w1rg-1'),
  clientAddress: fc.constantFrom('192.0.2.1', '2001:db8::1'),
  file: anyFile,
});
