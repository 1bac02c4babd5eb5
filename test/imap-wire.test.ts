/** The parts of the IMAP engine that turn octets into values and back, against the obvious way of doing it. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import {
  formatFetch,
  formatItem,
  itemClass,
  matches,
  parseFetch,
  responseClass,
} from '../src/imap/fetch/fetch-request.js';
import { ArgumentCheck } from '../src/imap/wire/argument-check.js';
import { firstWords, parseCommand, parseCommandHead, serialise } from '../src/imap/wire/command.js';
import { CommandReader } from '../src/imap/wire/command-reader.js';
import { mailboxName } from '../src/imap/wire/mailbox-name.js';
import { ResponseReader } from '../src/imap/wire/response-reader.js';
import { formatSection } from '../src/imap/wire/section.js';
import {
  countSet,
  formatSet,
  formatSets,
  lastOne,
  parseCopyUid,
  parseSet,
  setContains,
} from '../src/imap/wire/sequence-set.js';
import type {
  Command,
  CommandPiece,
  FetchItem,
  FetchRequest,
  ResponseItem,
  Section,
  Token,
  WireFault,
} from '../src/imap/wire/wire.js';
import { limits } from '../src/runtime/limits.js';
import { PassedMemory } from '../src/runtime/read-memory.js';
import { dovecotPrograms, startDovecot } from './support/dovecot.js';
import { ImapClient } from './support/imap-client.js';
import { sampleArguments, toldArguments, writeArguments } from './support/imap-commands.js';
import { fetchForms } from './support/imap-matrix.js';
import {
  octets,
  piecesOf,
  ResponseTeller,
  readCommandPieces,
  readResponses,
  readReused,
  wholeCommands,
} from './support/imap-octets.js';
import { sampleResponse } from './support/imap-responses.js';
import { fetchItemsOf, type ImapValue, plainValue, readResponse, valuesOf } from './support/imap-values.js';
import { skipWithout } from './support/missing.js';

const cutPoints = fc.oneof(fc.constant([]), fc.array(fc.nat(100_000), { maxLength: 12 }));

t.test('responses are read as they were written, however they are cut', (t) => {
  let streamed = 0;
  fc.assert(
    fc.property(fc.array(sampleResponse, { maxLength: 6 }), cutPoints, (responses, cuts) => {
      const wire = Buffer.from(responses.map((one) => one.wire).join(''), 'latin1');
      const teller = readResponses(piecesOf(wire, cuts));
      if (teller.fault !== undefined) throw new Error(`fault ${teller.fault}`);
      const written = responses.map((one) => one.told);
      if (!isDeepStrictEqual(teller.told, written)) {
        throw new Error(`${JSON.stringify(teller.told)}\nis not\n${JSON.stringify(written)}`);
      }
      streamed += teller.streamed;
    }),
    { numRuns: 3000 },
  );
  t.ok(streamed > 100, `${streamed} pieces of streamed literals`);
  t.end();
});

t.test('responses are read the same out of memory that is used again', (t) => {
  const { smallBytes } = limits.readMemory;
  const sizes = fc.array(fc.constantFrom(1, 7, 500, smallBytes - 1, smallBytes, 10 * smallBytes, 1_000_000), {
    minLength: 1,
    maxLength: 6,
  });
  const leaves = fc.array(fc.boolean(), { minLength: 1, maxLength: 5 });
  let streamed = 0;
  fc.assert(
    fc.property(fc.array(sampleResponse, { maxLength: 12 }), sizes, leaves, (responses, read, left) => {
      const wire = Buffer.from(responses.map((one) => one.wire).join(''), 'latin1');
      const teller = readReused(wire, wire.length > 100_000 ? read.map((size) => Math.max(size, 500)) : read, left);
      const written = responses.map((one) => one.told);
      if (!isDeepStrictEqual(teller.told, written)) throw new Error(`${teller.fault}: ${JSON.stringify(teller.told)}`);
      streamed += teller.streamed;
    }),
    { numRuns: 1500 },
  );
  t.ok(streamed > 100, `${streamed} pieces of streamed literals`);
  t.end();
});

t.test('memory is used again only when what it held has left', (t) => {
  const memory = new PassedMemory();
  const { smallBytes, largeBytes, lentMax } = limits.readMemory;
  const told = { rest: 0, moveRest: () => {}, passed: true, renew: () => {}, more: true, waiting: false };
  const read = (about: Partial<typeof told>, bytes = largeBytes): Buffer => {
    const piece = memory.next();
    memory.handled(Math.min(bytes, piece.length), { ...told, ...about });
    return piece;
  };
  t.equal(read({}).length, smallBytes, 'a connection that rests has little');
  const first = read({});
  t.equal(first.length, largeBytes, 'one under load has more');
  const second = read({});
  t.not(second.buffer, first.buffer, 'not before it has left');
  const kept = read({ passed: false });
  for (let more = 0; more < 3; more += 1) read({});
  memory.left();
  const again = [read({}), read({}), read({}), read({}), read({})].map(({ buffer }) => buffer);
  for (const piece of [first, second]) t.ok(again.includes(piece.buffer), 'then it is');
  t.notOk(again.includes(kept.buffer), 'what somebody keeps is his');
  // A reader who takes nothing.
  const waiting = Array.from({ length: 3 * lentMax }, () => read({}).buffer);
  t.equal(new Set(waiting).size, waiting.length, 'nothing that waits is written over');
  read({ more: false });
  t.equal(memory.next().length, smallBytes, 'at rest it is little again');
  t.end();
});

t.test('what is read in one piece is handed out as neighbours in it', (t) => {
  const wire = octets('* 1 FETCH (UID 1)\r\n* 2 FETCH (BODY[] {3}\r\n)\r\n)\r\n* 2 EXISTS\r\nA1 OK done\r\n');
  const reader = new ResponseReader();
  reader.push(wire);
  let at = wire.byteOffset;
  for (let event = reader.next(); event !== undefined; event = reader.next()) {
    if (!('raw' in event)) throw new Error(event.kind);
    at += event.raw.length;
    // An answer that waits does not hold on to what it came with.
    const isThere = event.raw.buffer === wire.buffer && event.raw.byteOffset + event.raw.length === at;
    t.equal(isThere, event.kind !== 'tagged', `${event.kind} follows what was before it, or is a copy`);
  }
  t.equal(at, wire.byteOffset + wire.length);
  t.equal(reader.buffered, 0);
  t.end();
});

t.test('a long literal passes as it comes, a short one is waited for', (t) => {
  const kinds = (size: number, there: number, before = '') => {
    const reader = new ResponseReader();
    reader.push(octets(`* 7 FETCH (${before}UID 9 BODY[] {${size}}\r\n${'x'.repeat(there)}`));
    const event = reader.next();
    return event === undefined ? 'nothing' : `${event.kind}${'open' in event && event.open ? ' open' : ''}`;
  };
  const { inlineLiteralBytes, inlineResponseBytes } = limits.imap;
  t.equal(kinds(inlineLiteralBytes, 10), 'nothing', 'short');
  t.equal(kinds(inlineLiteralBytes + 1, 0), 'fetch open', 'long');
  t.equal(kinds(inlineLiteralBytes + 1, inlineLiteralBytes + 1), 'nothing', 'long, but there');
  t.equal(kinds(10, 5, `X "${'x'.repeat(inlineResponseBytes)}" `), 'fetch open', 'short in a long response');
  t.equal(kinds(0xffffffff, 10), 'fetch open', 'the largest');

  const reader = new ResponseReader();
  const events: string[] = [];
  const drain = () => {
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      if (event.kind === 'fetch-data') events.push(`${event.bytes.length}${event.end ? ' end' : ''}`);
      else if ('items' in event) events.push(`${event.kind} ${event.items.map((item) => item.name)} ${event.open}`);
      else events.push(event.kind);
    }
  };
  for (const piece of [
    `* 7 FETCH (UID 9 BODY[1] {40000}\r\n${'x'.repeat(10_000)}`,
    'x'.repeat(30_000),
    ' BODY[2] {50000}\r\n',
    `${'y'.repeat(50_000)} FLAGS (\\Seen`,
    ') BODY[3] NIL)\r\n* 8 EXISTS\r\n',
  ]) {
    reader.push(octets(piece));
    drain();
  }
  t.same(events, [
    ...['fetch UID,BODY[] true', '10000', '30000 end', 'fetch-more BODY[] true', '50000 end'],
    ...['fetch-more FLAGS,BODY[] false', 'data'],
  ]);
  t.end();
});

t.test('many short literals are passed on before the last one is there', (t) => {
  const literal = (name: string) => `${name} {30000}\r\n${name.repeat(30_000)}`;
  const pieces = [
    `* 7 FETCH (UID 9 ${literal('A')}`,
    ` ${literal('B')} FLAGS (\\Seen) X`,
    ` NIL Y (a {3}\r\n`,
    `((( b) UID 9 ${literal('C')}`,
    ` ${literal('D')} Z`,
    ' 5)\r\n',
  ];
  const reader = new ResponseReader();
  const teller = new ResponseTeller();
  const buffered: number[] = [];
  for (const piece of pieces) {
    reader.push(octets(piece));
    for (let event = reader.next(); event !== undefined; event = reader.next()) teller.take(event);
    buffered.push(reader.buffered);
  }
  t.same(teller.told, readResponses([octets(pieces.join(''))]).told);
  t.same(teller.told[0]?.items?.map((item) => item.name).join(), 'UID,A,B,FLAGS,X,Y,UID,C,D,Z');
  t.ok(teller.streamed > 0);
  t.ok(Math.max(...buffered) <= limits.imap.inlineResponseBytes, buffered.join());
  t.end();
});

const fetch = (items: string) => `* 5 FETCH (${items})\r\n`;
const deep = limits.imap.responseDepthMax;

/** What no reader may take for a response, and why. */
const wrongResponses: readonly (readonly [string, WireFault])[] = [
  ['* OK done\n', 'bare-line-end'],
  ['\n', 'bare-line-end'],
  ['* OK do\rne\r\n', 'bare-line-end'],
  ['* OK done\r\r\n', 'bare-line-end'],
  ['* LIST () "/" a\rb\r\n', 'bare-line-end'],
  ['* LIST () "/" "a\rb"\r\n', 'bare-line-end'],
  ['+ \r x\r\n', 'bare-line-end'],
  [fetch('X "a\rb"'), 'bare-line-end'],
  [fetch('X a\rb'), 'bare-line-end'],
  [fetch('X (a\rb)'), 'bare-line-end'],
  [fetch('BODY[\r] x'), 'bare-line-end'],
  ['* OK \0\r\n', 'nul'],
  ['* SEARCH 1\0\r\n', 'nul'],
  ['* SEARCH "\0"\r\n', 'nul'],
  ['A1 OK \0\r\n', 'nul'],
  ['A\0 OK x\r\n', 'nul'],
  [fetch('X "\0"'), 'nul'],
  [fetch('X ("\0")'), 'nul'],
  [fetch('X \0'), 'nul'],
  ['\r\n', 'syntax'],
  ['* \r\n', 'syntax'],
  ['*\r\n', 'syntax'],
  ['*  OK two spaces\r\n', 'syntax'],
  ['* (x)\r\n', 'syntax'],
  ['* 5\r\n', 'syntax'],
  ['* 5 \r\n', 'syntax'],
  ['* 5 (x)\r\n', 'syntax'],
  ['* -1 EXISTS\r\n', 'syntax'],
  ['* 05 EXISTS\r\n', 'syntax'],
  ['* 4294967296 EXISTS\r\n', 'syntax'],
  ['* 99999999999999999999 EXISTS\r\n', 'syntax'],
  ['* 5x EXISTS\r\n', 'syntax'],
  ['+OK\r\n', 'syntax'],
  ['A1 PREAUTH x\r\n', 'syntax'],
  ['A1 BYE x\r\n', 'syntax'],
  ['A1\r\n', 'syntax'],
  ['A1 \r\n', 'syntax'],
  [' OK x\r\n', 'syntax'],
  ['A*1 OK x\r\n', 'syntax'],
  ['"A1" OK x\r\n', 'syntax'],
  ['{2}\r\nA1 OK x\r\n', 'syntax'],
  ['* LIST () "/" "open\r\n', 'syntax'],
  ['* LIST () "/" "open {3}\r\nabc\r\n', 'syntax'],
  ['* LIST () "/" a{3}\r\nabc\r\n', 'syntax'],
  ['* LIST () "/" {x3}\r\nabc\r\n', 'syntax'],
  ['* LIST () "/" {3+}\r\nabc\r\n', 'syntax'],
  ['* LIST () "/" {}\r\nabc\r\n', 'literal-size'],
  ['* LIST () "/" {03}\r\nabc\r\n', 'literal-size'],
  ['* LIST () "/" {4294967296}\r\n', 'literal-size'],
  ['* 0 FETCH (UID 1)\r\n', 'syntax'],
  ['* 01 FETCH (UID 1)\r\n', 'syntax'],
  ['* FETCH (UID 1)\r\n', 'syntax'],
  ['* 5 FETCH\r\n', 'syntax'],
  ['* 5 FETCH UID 1\r\n', 'syntax'],
  ['* 5 FETCH  (UID 1)\r\n', 'syntax'],
  ['* 5 FETCH (UID 1\r\n', 'syntax'],
  ['* 5 FETCH (UID 1) \r\n', 'syntax'],
  ['* 5 FETCH (UID 1))\r\n', 'syntax'],
  [fetch('UID'), 'syntax'],
  [fetch('UID '), 'syntax'],
  [fetch('UID 0'), 'syntax'],
  [fetch('UID 01'), 'syntax'],
  [fetch('UID 4294967296'), 'syntax'],
  [fetch('UID "5"'), 'syntax'],
  [fetch('UID {1}\r\n5'), 'syntax'],
  [fetch('UID NIL'), 'syntax'],
  [fetch('UID (5)'), 'syntax'],
  [fetch('UID 5FLAGS ()'), 'syntax'],
  [fetch('FLAGS ()UID 5'), 'syntax'],
  [fetch('X "a"UID 5'), 'syntax'],
  [fetch('X "a'), 'syntax'],
  [fetch('X "a\\"'), 'syntax'],
  [fetch('X a"b"'), 'syntax'],
  [fetch('X a{3}'), 'syntax'],
  [fetch('X (a"b")'), 'syntax'],
  [fetch('X ("a'), 'syntax'],
  [fetch('X (a{3}\r\nabc)'), 'syntax'],
  [fetch('X ((a)'), 'syntax'],
  [fetch('X {3} \r\nabc'), 'syntax'],
  [fetch('X {3}x\r\nabc'), 'syntax'],
  ['* 5 FETCH (X "a {3}\r\nabc)\r\n', 'syntax'],
  ['* 5 FETCH (X {3}\r\nabcUID 5)\r\n', 'syntax'],
  [fetch('BODY[ x'), 'syntax'],
  [fetch('BODY[]x'), 'syntax'],
  [fetch('BODY[]'), 'syntax'],
  [fetch('BODY[]<> x'), 'syntax'],
  [fetch('BODY[]<01> x'), 'syntax'],
  [fetch('BODY[]<0.5> x'), 'syntax'],
  [fetch('BODY[]<0 x'), 'syntax'],
  [fetch('BODY[(("a"))] x'), 'syntax'],
  [fetch('BODY[)] x'), 'syntax'],
  [fetch('BODY["] x'), 'syntax'],
  [fetch('BODY["a"] x'), 'syntax'],
  [fetch('BODY[a b] x'), 'syntax'],
  [fetch('BODY[(a)] x'), 'syntax'],
  [fetch('BODY[X ((a))] x'), 'syntax'],
  [fetch('BODY[X (a)b] x'), 'syntax'],
  [fetch('BODY[X (a)<0>] x'), 'syntax'],
  [fetch('BODY[X ("a\rb")] x'), 'bare-line-end'],
  [fetch('BODY[X ("\0")] x'), 'nul'],
  [fetch('BODY[ FLAGS () X[] x'), 'syntax'],
  [fetch('[] x'), 'syntax'],
  [fetch('UID 5 FLAGS () UID 6'), 'syntax'],
  [`* 5 FETCH (UID 5 BODY[] {50000}\r\n${'x'.repeat(50_000)} UID 6)\r\n`, 'syntax'],
  ['* 5 FETCH (X {}\r\n)\r\n', 'literal-size'],
  ['* 5 FETCH (X {03}\r\nabc)\r\n', 'literal-size'],
  ['* 5 FETCH (X {-3}\r\nabc)\r\n', 'literal-size'],
  ['* 5 FETCH (X {+3}\r\nabc)\r\n', 'literal-size'],
  ['* 5 FETCH (X {3+}\r\nabc)\r\n', 'literal-size'],
  ['* 5 FETCH (X { 3}\r\nabc)\r\n', 'literal-size'],
  ['* 5 FETCH (X {4294967296}\r\n', 'literal-size'],
  ['* 5 FETCH (X {9223372036854775808}\r\n', 'literal-size'],
  ['* 5 FETCH (X {18446744073709551619}\r\nabc)\r\n', 'literal-size'],
  ['* 5 FETCH (X ({99999999999999999999999}\r\n', 'literal-size'],
  [fetch(`X ${'('.repeat(deep + 1)}${')'.repeat(deep + 1)}`), 'nesting'],
  ['* 5 FETCH (ENVELOPE ({20000000}\r\n', 'response-too-long'],
  ['* LIST () "/" {20000000}\r\n', 'response-too-long'],
  [fetch('A 1 '.repeat(limits.imap.responseItemsMax + 1).trim()), 'response-too-long'],
];

/** What is odd, and passes. */
const oddResponses: readonly string[] = [
  '+\r\n',
  '* OK\r\n',
  'A1 NO\r\n',
  '* ok lower\r\n',
  '* NO text with {5}\r\n',
  'A1 OK "unclosed {5}\r\n',
  '* BYE [\r\n',
  '* OK [UNSEEN 5\r\n',
  '* LIST () "/" {0}\r\n\r\n',
  '* LIST () "/" {2}\r\n\0\n\r\n',
  '* X-NEW {a} b\r\n',
  fetch(''),
  fetch('UID 5 '),
  fetch('UID 5 UID 5'),
  fetch('UID 5  FLAGS ()'),
  fetch('X {0}\r\n'),
  fetch('X ~{0}\r\n'),
  fetch('X ({0}\r\n {0}\r\n)'),
  fetch('X (a{3} b)'),
  fetch(`X ${'('.repeat(deep)}${')'.repeat(deep)}`),
  fetch('BODY[HEADER.FIELDS ({0}\r\n)] NIL'),
];

t.test('what is no response is a fault, in one piece or octet by octet', (t) => {
  for (const [wire, fault] of wrongResponses) {
    const bytes = octets(wire);
    const shown = JSON.stringify(wire.length > 60 ? `${wire.slice(0, 60)}…` : wire);
    t.equal(readResponses([bytes]).fault, fault, shown);
    const single =
      bytes.length < 20_000
        ? readResponses(
            piecesOf(
              bytes,
              Array.from(bytes, (_, index) => index),
            ),
          )
        : undefined;
    t.equal(single === undefined ? fault : single.fault, fault, `${shown} octet by octet`);
  }
  for (const wire of oddResponses) {
    const { fault, told } = readResponses([octets(wire)]);
    t.same([fault, told.map((one) => one.raw)], [undefined, [wire]], JSON.stringify(wire.slice(0, 60)));
  }
  t.end();
});

t.test('after a fault a reader gives nothing but the fault, and keeps nothing', (t) => {
  const responses = new ResponseReader();
  responses.push(octets('* 1 EXISTS\r\nfault\n* 2 EXISTS\r\n'));
  t.equal(responses.next()?.kind, 'data');
  for (let turn = 0; turn < 3; turn += 1) {
    t.same(responses.next(), { kind: 'fault', fault: 'bare-line-end' });
    responses.push(octets('* 3 EXISTS\r\n'));
    t.equal(responses.buffered, 0);
  }
  const commands = new CommandReader();
  commands.push(octets('A NOOP\r\nB NOOP\nC NOOP\r\n'));
  t.equal(commands.next()?.kind, 'line');
  for (let turn = 0; turn < 3; turn += 1) {
    t.same(commands.next(), { kind: 'fault', fault: 'bare-line-end' });
    commands.push(octets('C NOOP\r\n'));
    t.equal(commands.buffered, 0);
  }
  t.end();
});

/** What commands a client sent, as far as it got. */
function readCommands(wire: Buffer, cuts: readonly number[]): { fault: string | undefined; commands: Command[] } {
  const pieces = readCommandPieces(piecesOf(wire, cuts));
  const last = pieces.at(-1);
  const commands: Command[] = [];
  for (const one of wholeCommands(pieces)) {
    const command = parseCommand(one);
    if ('fault' in command) return { fault: command.fault, commands };
    commands.push(command);
  }
  return { fault: last?.kind === 'fault' ? last.fault : undefined, commands };
}

t.test('arguments are the same in every form of string, and written again they are the same', (t) => {
  const forms = fc.array(fc.nat(100), { minLength: 1, maxLength: 8 });
  let literals = 0;
  fc.assert(
    fc.property(sampleArguments, forms, forms, cutPoints, fc.boolean(), (args, one, other, cuts, utf8) => {
      const lines = [one, other].map(
        (chosen, index) => `A${index} X-SAMPLE${args.length === 0 ? '' : ' '}${writeArguments(args, chosen)}`,
      );
      const { fault, commands } = readCommands(octets(`${lines.join('\r\n')}\r\nA2 NOOP\r\n`), cuts);
      if (fault !== undefined) throw new Error(fault);
      const expected = [args, args, []].map((some, index) => ({ tag: `A${index}`, args: some }));
      const read = commands.map((command) => ({ tag: command.tag, args: toldArguments(command.args) }));
      if (!isDeepStrictEqual(read, expected)) throw new Error(`${JSON.stringify(read)} from ${JSON.stringify(lines)}`);

      const written = serialise('X-SAMPLE', commands[0]?.args ?? [], utf8);
      if (written === undefined) throw new Error('cannot be written');
      const inline = written.filter((piece): piece is Buffer => Buffer.isBuffer(piece));
      if (inline.some((piece) => (utf8 ? /[\r\n\0]/ : /[\r\n\0\x80-\xff]/).test(piece.toString('latin1')))) {
        throw new Error(`inline: ${JSON.stringify(inline.map(String))}`);
      }
      literals += written.length - inline.length;
      const wire = written.map((piece) =>
        Buffer.isBuffer(piece)
          ? piece.toString('latin1')
          : `{${piece.literal.length}+}\r\n${piece.literal.toString('latin1')}`,
      );
      const again = readCommands(octets(`A9 ${wire.join('')}\r\n`), []);
      const told = toldArguments(again.commands[0]?.args ?? []);
      if (again.commands[0]?.verb !== 'X-SAMPLE' || !isDeepStrictEqual(told, args)) throw new Error(wire.join(''));
    }),
    { numRuns: 3000 },
  );
  t.ok(literals > 500, `${literals} strings were written as literals`);
  t.end();
});

/** Lines on which servers would not agree where the command ends, or what is in it. */
const wrongCommands: readonly (readonly [string, WireFault])[] = [
  ['A NOOP\n', 'bare-line-end'],
  ['A NOOP\r\r\n', 'bare-line-end'],
  ['A X a\rb\r\n', 'bare-line-end'],
  ['A X "a\nb"\r\n', 'bare-line-end'],
  ['A X a\0\r\n', 'nul'],
  ['A X "a\0"\r\n', 'nul'],
  [`A X ${'x'.repeat(limits.imap.commandLineBytes)}\r\n`, 'line-too-long'],
  [`A X {1}\r\nx ${'x'.repeat(limits.imap.commandLineBytes)}\r\n`, 'line-too-long'],
  ['A X "open {5}\r\n', 'syntax'],
  ['A X "open {5+}\r\n', 'syntax'],
  ['A X "a\\" {5}\r\n', 'syntax'],
  ['A X "a"b" {5}\r\n', 'syntax'],
  ['A X a"b" {5}\r\n', 'syntax'],
  ['A X "a"{5}\r\n', 'syntax'],
  ['A X "a"b {5}\r\n', 'syntax'],
  ['A X a{5}\r\n', 'syntax'],
  ['A X a~{5}\r\n', 'syntax'],
  ['A X BODY[{5}\r\n', 'syntax'],
  ['A X {1} {5}\r\n', 'syntax'],
  ['A X {1}{5}\r\n', 'syntax'],
  ['A X {5" }\r\n', 'literal-size'],
  ['{5}\r\n', 'syntax'],
  ['~{5}\r\n', 'syntax'],
  ['A X {1}\r\nx{5}\r\n', 'syntax'],
  ['A X {1}\r\nx{5+}\r\n', 'syntax'],
  ['A X {}\r\n', 'literal-size'],
  ['A X {+}\r\n', 'literal-size'],
  ['A X {05}\r\n', 'literal-size'],
  ['A X {-5}\r\n', 'literal-size'],
  ['A X { 5}\r\n', 'literal-size'],
  ['A X {5 }\r\n', 'literal-size'],
  ['A X {5++}\r\n', 'literal-size'],
  ['A X {5-}\r\n', 'literal-size'],
  ['A X {0x5}\r\n', 'literal-size'],
  ['A X {4294967296}\r\n', 'literal-size'],
  ['A X {4294967296+}\r\n', 'literal-size'],
  ['A X {9223372036854775808+}\r\n', 'literal-size'],
  ['A X {18446744073709551621+}\r\n', 'literal-size'],
];

/** Lines that end where everybody thinks they do, and are no command. The tag is for the answer. */
const malformedCommands: readonly (readonly [string, string | undefined, WireFault])[] = [
  ['', undefined, 'syntax'],
  [' NOOP', undefined, 'syntax'],
  ['* NOOP', undefined, 'syntax'],
  ['+ NOOP', undefined, 'syntax'],
  ['A+ NOOP', undefined, 'syntax'],
  ['"A" NOOP', undefined, 'syntax'],
  ['A\x7f NOOP', undefined, 'syntax'],
  ['\xc3\xa4 NOOP', undefined, 'syntax'],
  [`${'A'.repeat(limits.imap.tagBytes + 1)} NOOP`, undefined, 'syntax'],
  ['A', 'A', 'syntax'],
  ['A ', 'A', 'syntax'],
  ['A  NOOP', 'A', 'syntax'],
  ['A (NOOP)', 'A', 'syntax'],
  ['A "NOOP"', 'A', 'syntax'],
  ['A UID', 'A', 'syntax'],
  ['A UID (x)', 'A', 'syntax'],
  ['A X "open', 'A', 'syntax'],
  ['A X "a\\"', 'A', 'syntax'],
  ['A X "a\\b"', 'A', 'syntax'],
  ['A X "a"b', 'A', 'syntax'],
  ['A X a"b"', 'A', 'syntax'],
  ['A X "a""b"', 'A', 'syntax'],
  ['A X (a)(b)', 'A', 'syntax'],
  ['A X a(b)', 'A', 'syntax'],
  ['A X (a', 'A', 'syntax'],
  ['A X a)', 'A', 'syntax'],
  ['A X a{5', 'A', 'syntax'],
  ['A X {5} ', 'A', 'syntax'],
  ['A X {x}', 'A', 'syntax'],
  ['A X \xc3\xa4', 'A', 'syntax'],
  ['A X a\tb', 'A', 'syntax'],
  [`A NOOP ${'('.repeat(4000)}`, 'A', 'nesting'],
  [`A X ${'('.repeat(101)}${')'.repeat(101)}`, 'A', 'nesting'],
  [`A X ${'a '.repeat(limits.imap.commandTokensMax + 1)}`, 'A', 'nesting'],
  [`A X ${'() '.repeat(limits.imap.commandTokensMax + 1)}`, 'A', 'nesting'],
];

t.test('a client cannot make its payload a command, nor the other way round', (t) => {
  for (const [wire, fault] of wrongCommands) {
    const bytes = octets(`${wire}A LOGOUT\r\n`);
    const shown = JSON.stringify(wire.slice(0, 60));
    t.same(readCommandPieces([bytes]).at(-1), { kind: 'fault', fault }, shown);
    const single = readCommandPieces(
      piecesOf(
        bytes,
        Array.from(bytes, (_, index) => index),
      ),
    );
    t.same(single.at(-1), { kind: 'fault', fault }, `${shown} octet by octet`);
  }
  for (const [line, tag, fault] of malformedCommands) {
    const pieces = readCommandPieces([octets(`${line}\r\nB NOOP\r\n`)]);
    const [first, second, ...more] = wholeCommands(pieces);
    t.same(parseCommand(first ?? []), { fault, tag }, JSON.stringify(line.slice(0, 60)));
    t.match(parseCommand(second ?? []), { tag: 'B', verb: 'NOOP', args: [] });
    t.equal(more.length, 0);
  }
  t.end();
});

t.test('a literal is told by how it is announced', (t) => {
  const announced = (text: string) => {
    const [piece] = readCommandPieces([octets(`A X ${text}\r\n`)]);
    return piece?.kind === 'line' ? piece.literal : piece;
  };
  t.same(announced('{5}'), { size: 5, synchronizing: true, binary: false });
  t.same(announced('{5+}'), { size: 5, synchronizing: false, binary: false });
  t.same(announced('~{5}'), { size: 5, synchronizing: true, binary: true });
  t.same(announced('(~{4294967295+}'), { size: 4294967295, synchronizing: false, binary: true });
  t.same(announced('"{5}" {0}'), { size: 0, synchronizing: true, binary: false }, 'behind a string with one in it');
  t.equal(announced('"{5}"'), undefined, 'in a string');
  t.equal(announced('secret}'), undefined, 'a brace is an atom character');
  t.equal(announced('"{" secret}'), undefined);
  t.equal(announced('"{5}" secret}'), undefined);
  t.equal(announced('"\\"{5" secret}'), undefined);
  t.equal(announced('{5} '), undefined, 'not at the end');
  t.equal(announced('\\\\ {5}') === undefined, false, 'a backslash outside of strings is itself');
  t.same(readCommandPieces([octets('A X {0}\r\n\r\n')]).slice(1), [
    { kind: 'data', bytes: Buffer.alloc(0), end: true },
    { kind: 'line', bytes: Buffer.alloc(0), literal: undefined },
  ]);
  t.end();
});

t.test('a command reader follows what the session makes of a line', (t) => {
  const reader = new CommandReader();
  reader.push(octets('A AUTHENTICATE PLAIN\r\nABC {5}\r\nB IDLE\r\nDONE\r\nC X {5}\r\nD X {5+}\r\nab'));
  const line = () => {
    const piece = reader.next();
    return piece?.kind === 'line'
      ? `${piece.bytes.toString('latin1')}${piece.literal === undefined ? '' : ' +'}`
      : piece;
  };
  t.equal(line(), 'A AUTHENTICATE PLAIN');
  reader.expectContinuation(true);
  t.equal(line(), 'ABC {5}', 'a SASL response announces nothing');
  t.equal(line(), 'B IDLE');
  reader.expectContinuation(true);
  t.equal(line(), 'DONE');
  t.equal(line(), 'C X {5} +');
  reader.refuseLiteral();
  t.equal(line(), 'D X {5+} +', 'a refused literal is not awaited');
  t.match(reader.next(), { kind: 'data', bytes: octets('ab'), end: false });
  t.equal(reader.buffered, 0);
  reader.push(octets('cdeE NOOP\r\nF NOOP'));
  t.equal(reader.buffered, 17);
  t.equal(reader.discard(), 17, 'nothing sent before TLS counts behind it');
  t.equal(reader.buffered, 0);
  reader.push(octets('G NOOP\r\n'));
  t.equal(line(), 'G NOOP');
  reader.expectContinuation(true);
  reader.expectContinuation(false);
  reader.push(octets('H X {1}\r\n'));
  t.equal(line(), 'H X {1} +', 'the command was over before its continuation came');
  t.end();
});

t.test('the first words and the head of a command are read without its literal', (t) => {
  t.same(firstWords(octets('a1 append INBOX {5000000}')), { tag: 'a1', verb: 'APPEND' });
  t.same(firstWords(octets('a1 uid fetch 1 (')), { tag: 'a1', verb: 'UID FETCH' });
  t.equal(firstWords(octets('a1')), undefined);
  t.equal(firstWords(octets('a1 UID')), undefined);
  t.equal(firstWords(octets('* NOOP')), undefined);
  const head = (wire: string) => {
    const command = parseCommandHead(readCommandPieces([octets(wire)]));
    return 'fault' in command ? command.fault : toldArguments(command.args);
  };
  const name = { kind: 'string', text: 'x y' };
  t.same(head('a APPEND "x y" {10}\r\n'), [name]);
  t.same(head('a APPEND {3+}\r\nx y (\\Seen) "date" UTF8 (~{10}\r\n'), [
    name,
    { kind: 'list', items: [{ kind: 'atom', text: '\\Seen' }] },
    { kind: 'string', text: 'date' },
    { kind: 'atom', text: 'UTF8' },
    { kind: 'list', items: [] },
  ]);
  t.equal(head('a APPEND x) {10}\r\n'), 'syntax');
  t.same(head('a NOOP\r\n'), []);
  t.equal(
    'fault' in parseCommand(readCommandPieces([octets('a APPEND x {10}\r\n')])),
    true,
    'a whole command has its literals',
  );
  t.end();
});

t.test('what cannot be written safely is not written', (t) => {
  const string = (text: string): Token => ({ kind: 'string', bytes: octets(text), form: 'literal8' });
  t.equal(serialise('X', [string('a\0b')]), undefined);
  t.equal(serialise('X', [{ kind: 'list', items: [string('\0')] }]), undefined);
  for (const text of ['', 'a\r\nB LOGOUT', 'a\xe4'])
    t.equal(serialise('X', [{ kind: 'atom', bytes: octets(text) }]), undefined);
  t.same(serialise('UID X', [string('a\r\nB LOGOUT'), string('\x07'), string('')]), [
    ...[
      octets('UID X '),
      { literal: octets('a\r\nB LOGOUT') },
      octets(' '),
      { literal: octets('\x07') },
      octets(' ""'),
    ],
  ]);
  t.same(serialise('X', [string('\xc3\xa4')]), [octets('X '), { literal: octets('\xc3\xa4') }]);
  t.same(serialise('X', [string('\xc3\xa4')], true), [octets('X "\xc3\xa4"')]);
  const long = 'x'.repeat(limits.imap.quotedBytes + 1);
  t.same(serialise('X', [string(long)]), [octets('X '), { literal: octets(long) }]);
  t.end();
});

function requestOf(args: string, verb = 'UID FETCH'): FetchRequest | string {
  const { commands, fault } = readCommands(octets(`A ${verb} ${args}\r\n`), []);
  const [command] = commands;
  if (command === undefined) return `fault ${fault}`;
  const request = parseFetch(command);
  return 'error' in request ? request.error : request;
}

function formatted(args: string, verb?: string): string {
  const request = requestOf(args, verb);
  return typeof request === 'string'
    ? `error ${request}`
    : Buffer.concat(formatFetch(request).filter(Buffer.isBuffer)).toString('latin1');
}

const requests: readonly (readonly [string, string])[] = [
  ['1 ALL', '1 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)'],
  ['1 fast', '1 (FLAGS INTERNALDATE RFC822.SIZE)'],
  ['1 Full', '1 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY)'],
  [
    '1:* (flags uid internaldate modseq savedate emailid threadid)',
    '1:* (FLAGS UID INTERNALDATE MODSEQ SAVEDATE EMAILID THREADID)',
  ],
  ['* rfc822', '* (RFC822)'],
  ['5,3:1,7:* (RFC822.HEADER rfc822.text rfc822.size)', '5,3:1,7:* (RFC822.HEADER RFC822.TEXT RFC822.SIZE)'],
  ['$ BODY[]', '$ (BODY[])'],
  ['1 body.peek[]<0.65536>', '1 (BODY.PEEK[]<0.65536>)'],
  ['1 BODY[]<5.9007199254740986>', '1 (BODY[]<5.9007199254740986>)'],
  ['1 (BODY BODYSTRUCTURE envelope)', '1 (BODY BODYSTRUCTURE ENVELOPE)'],
  [
    '1 (BODY[1.2.4294967295] BODY[1.mime] BODY[2.Header] BODY[text])',
    '1 (BODY[1.2.4294967295] BODY[1.MIME] BODY[2.HEADER] BODY[TEXT])',
  ],
  ['1 BODY[HEADER.FIELDS (from "to" {2}\r\ncc {4+}\r\na"b])]', '1 (BODY[HEADER.FIELDS (from to cc "a\\"b]")])'],
  ['1 BODY.PEEK[3.header.fields.not ("a b" c]d)]<7.9>', '1 (BODY.PEEK[3.HEADER.FIELDS.NOT ("a b" "c]d")]<7.9>)'],
  ['1 BODY[HEADER.FIELDS ( from  to )]', '1 (BODY[HEADER.FIELDS (from to)])'],
  ['1 (BINARY[] BINARY.PEEK[1.2]<0.5> binary.size[1])', '1 (BINARY[] BINARY.PEEK[1.2]<0.5> BINARY.SIZE[1])'],
  ['1 (BINARY[1.text] BINARY.SIZE[1.mime])', '1 (BINARY[1.TEXT] BINARY.SIZE[1.MIME])'],
  ['1 BINARY[2.header.fields (To)]<7>', '1 (BINARY[2.HEADER.FIELDS (To)]<7>)'],
  ['1 (BODY[]<5> BODY[]<5.0> BODY[]<5.1>)', '1 (BODY[]<5> BODY[]<5.0> BODY[]<5.1>)'],
  ['1 PREVIEW', '1 (PREVIEW)'],
  ['1 preview (lazy)', '1 (PREVIEW (LAZY))'],
  ['1 (UID PREVIEW (LAZY) FLAGS)', '1 (UID PREVIEW (LAZY) FLAGS)'],
  ['1 PREVIEW (LAZY) (CHANGEDSINCE 5)', '1 (PREVIEW (LAZY)) (CHANGEDSINCE 5)'],
  ['1 PREVIEW (CHANGEDSINCE 5)', '1 (PREVIEW) (CHANGEDSINCE 5)'],
  [
    '1:* (FLAGS) (changedsince 9223372036854775807 vanished)',
    '1:* (FLAGS) (CHANGEDSINCE 9223372036854775807 VANISHED)',
  ],
  ['1 FLAGS (VANISHED CHANGEDSINCE 0)', '1 (FLAGS) (CHANGEDSINCE 0 VANISHED)'],
  ['1  ( UID  FLAGS ) ', '1 (UID FLAGS)'],
  ['1 (UID uid BODY[] BODY[])', '1 (UID BODY[])'],
];

/** Whether a command passes that is never read as a whole. */
function piecewise(text: string): boolean {
  const [pieces = []] = wholeCommands(readCommandPieces([octets(`a ${text}\r\n`)]));
  return passesLineByLine(pieces);
}

t.test('FETCH requests are read with every item, modifier and form', (t) => {
  for (const [args, expected] of requests) {
    t.equal(formatted(args), `UID FETCH ${expected}`, args);
    t.equal(formatted(expected), `UID FETCH ${expected}`, 'and it is read as it was written');
    t.ok(piecewise(`UID FETCH ${args}`), 'and line by line');
  }
  for (const args of ['1 BODY[TEXT (a)]', '1 (BODY[HEADER.FIELDS (a)] BINARY[HEADER.FIELDS ({1}\r\na)]<0.5> FLAGS)']) {
    t.ok(piecewise(`fetch ${args}`), args);
  }
  for (const args of ['1 FLAGS[X (a)]', '1 (BODY[X (a) FLAGS)', '1 BODY[X (a)', '1 BODY[X (a)](b)', '1 (a)]']) {
    t.notOk(piecewise(`FETCH ${args}`), args);
  }
  t.notOk(piecewise('APPEND BODY[X (a)]'), 'which is not for other commands');
  t.equal(formatted('1 FLAGS', 'fetch'), 'FETCH 1 (FLAGS)');
  t.end();
});

const wrongItems = [
  ...[
    'X-GM-MSGID',
    'XAPPLE',
    'SNIPPET',
    'CONVERT[1]',
    'BODY.PEEK',
    'BINARY',
    'BINARY.SIZE',
    'BODYSTRUCTURE[]',
    'FLAGS[]',
  ],
  ...[
    'RFC822[]',
    'RFC822.PEEK',
    'UID[1]',
    'ALL FLAGS',
    'BODY []',
    'BODY[] <0.5>',
    '"FLAGS"',
    '(FLAGS)',
    '{5+}\r\nFLAGS',
  ],
  ...[
    'BODY[0]',
    'BODY[01]',
    'BODY[1.]',
    'BODY[.1]',
    'BODY[1..2]',
    'BODY[-1]',
    'BODY[4294967296]',
    'BODY[1.99999999999]',
  ],
  ...[
    'BODY[MIME]',
    'BODY[HEADERS]',
    'BODY[TEXT.1]',
    'BODY[HEADER.1]',
    'BODY[HEADER.FIELDS]',
    'BODY[HEADER (a)]',
    'BODY[ ]',
  ],
  ...[
    'BODY[TEXT ]',
    'BODY[HEADER.FIELDS ()]',
    'BODY[HEADER.FIELDS a]',
    'BODY[HEADER.FIELDS (a) ]',
    'BODY[HEADER.FIELDS (a]',
  ],
  ...[
    'BODY[HEADER.FIELDS (a(b))]',
    'BODY[HEADER.FIELDS ("a"b)]',
    'BODY[HEADER.FIELDS ({1+}\r\n\n)]',
    'BODY[',
    'BODY[]]',
  ],
  ...['BODY[HEADER.FIELDS ({1+}\r\n\xe4)]', 'BODY[HEADER.FIELDS ("a\\b")]', 'BODY[HEADER.FIELDS (a%b)]'],
  ...[
    'BODY[]<>',
    'BODY[]<01>',
    'BODY[]<01.5>',
    'BODY[]<0.05>',
    'BODY[]<.5>',
    'BODY[]<-1.5>',
    'BODY[]<0.5.>',
    'BODY[]<0.5>x',
  ],
  ...['BODY[]<0.9007199254740993>', 'BODY[]<9007199254740991.1>', 'BODY[]<0.18446744073709551616>', 'BODY[]<0.5'],
  ...[
    'BINARY[MIME]',
    'BINARY[1.TEXTS]',
    'BINARY.SIZE[1]<0.5>',
    'BINARY.SIZE[1]<0>',
    'PREVIEW (FUZZY)',
    'PREVIEW (LAZY=FUZZY)',
  ],
  ...['PREVIEW (LAZY LAZY)', 'PREVIEW ()', 'FLAGS (LAZY)', 'BODY[] (LAZY)', 'B\xd6DY', `BODY[1${'.1'.repeat(300)}]`],
  Array.from({ length: limits.imap.fetchItemsMax + 1 }, () => 'UID').join(' '),
  `BODY[HEADER.FIELDS (${'a '.repeat(limits.imap.sectionFieldsMax + 1)})]`,
];

const wrongRequests = [
  ...[
    '',
    '1',
    '1 ()',
    '0 FLAGS',
    '1, FLAGS',
    ',1 FLAGS',
    '1:2:3 FLAGS',
    '01 FLAGS',
    '4294967296 FLAGS',
    '1:$ FLAGS',
    '1,$ FLAGS',
  ],
  ...[
    '"1" FLAGS',
    '(1) FLAGS',
    '-1 FLAGS',
    '1:-1 FLAGS',
    '** FLAGS',
    '1 "FLAGS"',
    '1 (ALL)',
    '1 (FLAGS) x',
    '1 (FLAGS) (PARTIAL 1:5)',
  ],
  ...[
    '1 FLAGS UID',
    '1 FLAGS ()',
    '1 FLAGS (VANISHED)',
    '1 FLAGS (CHANGEDSINCE)',
    '1 FLAGS (CHANGEDSINCE x)',
    '1 FLAGS (CHANGEDSINCE -5)',
  ],
  ...[
    '1 FLAGS (CHANGEDSINCE 05)',
    '1 FLAGS (CHANGEDSINCE "5")',
    '1 FLAGS (CHANGEDSINCE 5 CHANGEDSINCE 6)',
    '1 FLAGS (CHANGEDSINCE 5) (VANISHED)',
  ],
  ...['1 FLAGS (CHANGEDSINCE 99999999999999999999)', '1 FLAGS (CHANGEDSINCE 5 x)', '1 ALL (LAZY)', '1 PREVIEW (FUZZY)'],
];

t.test('a FETCH request that is not known in all its parts is refused', (t) => {
  for (const item of wrongItems) t.equal(typeof requestOf(`1 (${item})`), 'string', item.slice(0, 60));
  for (const request of wrongRequests) t.equal(typeof requestOf(request), 'string', request);
  t.equal(requestOf('1 FLAGS (CHANGEDSINCE 5 VANISHED)', 'FETCH'), 'VANISHED needs UID FETCH');
  t.equal(requestOf('1 X-GM-MSGID'), 'Unknown item X-GM-MSGID', 'the item is named');
  t.equal(String(requestOf(`1 ${'X'.repeat(500)}`)).length < 100, true, 'but not at any length');
  t.end();
});

const field = fc.array(fc.constantFrom('From', ' ', '"', '\\', ')', ']', '<0.5>', '%', '*', '{3}', 'x-y'), {
  minLength: 1,
  maxLength: 4,
});
const plainRecord = { noNullPrototype: true };
const sampleSection: fc.Arbitrary<Section> = fc.oneof(
  fc.record(
    {
      part: fc.array(fc.integer({ min: 1, max: 0xffffffff }), { maxLength: 3 }),
      text: fc.constantFrom(undefined, 'HEADER', 'TEXT'),
      fields: fc.constant([]),
    },
    plainRecord,
  ),
  fc.record(
    {
      part: fc.array(fc.integer({ min: 1, max: 0xffffffff }), { minLength: 1, maxLength: 3 }),
      text: fc.constant('MIME'),
      fields: fc.constant([]),
    },
    plainRecord,
  ),
  fc.record(
    {
      part: fc.array(fc.integer({ min: 1, max: 0xffffffff }), { maxLength: 3 }),
      text: fc.constantFrom('HEADER.FIELDS', 'HEADER.FIELDS.NOT'),
      fields: fc.array(
        field.map((parts) => parts.join('')),
        { minLength: 1, maxLength: 3 },
      ),
    },
    plainRecord,
  ),
);

t.test('a request is read as it was written, and its answer is known as its answer', (t) => {
  const partial = fc.option(
    fc.record({ offset: fc.nat(), count: fc.integer({ min: 1, max: 0xffffffff }) }, plainRecord),
    {
      nil: undefined,
    },
  );
  fc.assert(
    fc.property(sampleSection, partial, fc.boolean(), fc.boolean(), (section, range, peek, literals) => {
      const item: FetchItem = { name: peek ? 'BODY.PEEK[]' : 'BODY[]', section, partial: range, lazy: false };
      const text = formatItem(item);
      const request = requestOf(`1:5 (UID ${text})`, 'FETCH');
      if (typeof request === 'string') throw new Error(`${request}: ${text}`);
      if (!isDeepStrictEqual(request.items[1], item)) throw new Error(JSON.stringify(request.items));

      // A server repeats the names as it likes.
      const names = section.fields.map((name) =>
        literals ? `{${name.length}}\r\n${name.toUpperCase()}` : `"${name.replace(/["\\]/g, '\\$&')}"`,
      );
      const words = formatSection({ ...section, fields: [] });
      const inside = names.length === 0 ? words : `${words} (${names.reverse().join(' ')})`;
      const answer = readResponses([
        octets(`* 1 FETCH (BODY[${inside}]${range === undefined ? '' : `<${range.offset}>`} NIL)\r\n`),
      ]);
      const event = new ResponseReader();
      event.push(octets(answer.told[0]?.raw ?? ''));
      const fetched = event.next();
      const told = fetched?.kind === 'fetch' ? fetched.items[0] : undefined;
      if (told === undefined || !matches(item, told)) throw new Error(`${inside} does not answer ${text}`);
      if (responseClass(told) !== itemClass(item)) throw new Error(`${inside} is ${responseClass(told)}`);
      const others = [
        { ...item, name: 'BINARY[]' },
        { ...item, partial: { offset: (range?.offset ?? 0) + 1, count: 5 } },
      ];
      const elsewhere = { ...item, section: { ...section, part: [...section.part, 7] } };
      if ([...others, elsewhere].some((other) => matches(other, told))) throw new Error(`${inside} answers others`);
    }),
    { numRuns: 2000 },
  );
  t.pass('2,000 requests');
  t.end();
});

t.test('every item has a class, and so has every answer', (t) => {
  const asked = (text: string) => {
    const request = requestOf(`1 ${text}`);
    return typeof request === 'string' ? request : request.items.map(itemClass).join();
  };
  const answered = (text: string) => {
    const reader = new ResponseReader();
    reader.push(octets(fetch(text)));
    const event = reader.next();
    return event?.kind === 'fetch' ? event.items.map(responseClass).join() : event?.kind;
  };
  for (const item of ['UID', 'FLAGS', 'INTERNALDATE', 'MODSEQ', 'SAVEDATE', 'THREADID']) {
    t.same([asked(item), answered(`${item} 5`)], ['free', 'free'], item);
  }
  for (const item of [
    'RFC822.SIZE',
    'RFC822.HEADER',
    'ENVELOPE',
    'BODY',
    'BODYSTRUCTURE',
    'EMAILID',
    'BODY[HEADER]',
    'BINARY.SIZE[1]',
    'BODY[HEADER.FIELDS (A)]',
    'BODY[HEADER.FIELDS.NOT (A)]',
    'body[header]',
  ]) {
    t.same([asked(item), answered(`${item} (5)`)], ['metadata', 'metadata'], item);
  }
  for (const item of [
    'PREVIEW',
    'RFC822',
    'RFC822.TEXT',
    'BODY[]',
    'BODY[TEXT]',
    'BODY[1]',
    'BODY[1.MIME]',
    'BODY[1.HEADER]',
    'BODY[1.HEADER.FIELDS (A)]',
    'BINARY[]',
    'BINARY[1]',
    'BINARY[HEADER]',
    'BINARY[HEADER.FIELDS (A)]',
    'BINARY[1.MIME]',
  ]) {
    t.same([asked(item), answered(`${item} {1}\r\nx`)], ['content', 'content'], item);
  }
  for (const item of [
    'X-NEW',
    'BODY[HEADERS]',
    'BODY[HEADER.FIELDS]',
    'BODY[HEADER (A)]',
    'BODY.PEEK[HEADER]',
    'X[HEADER]',
    'BODY[1.2.HEADER]',
    'UID[]',
    'FLAGS[1]',
    'RFC822.SIZE[]',
  ]) {
    t.equal(answered(`${item} (x)`), 'content', `${item}, which nobody asked for`);
  }
  t.end();
});

t.test('sets of numbers', (t) => {
  t.same(parseSet('5,9:7,*,3:*'), [
    ...[
      { first: 5, last: 5 },
      { first: 7, last: 9 },
      { first: lastOne, last: lastOne },
      { first: 3, last: lastOne },
    ],
  ]);
  for (const wrong of [
    '',
    ',',
    '1,',
    ',1',
    '0',
    '1:',
    ':1',
    '1:2:3',
    '1-2',
    'a',
    '1 2',
    '+1',
    '01',
    '4294967296',
    '1:0',
    '$',
    '1,,2',
    '１',
  ]) {
    t.equal(parseSet(wrong), undefined, JSON.stringify(wrong));
  }
  t.equal(parseSet(Array.from({ length: limits.imap.setRangesMax + 1 }, () => '1').join()), undefined, 'bounded');
  const numbers = fc.uniqueArray(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 0xffffffff })), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(numbers, fc.integer({ min: 21, max: 60 }), (drawn, bytes) => {
      const sorted = [...drawn].sort((a, b) => a - b);
      const ranges = parseSet(formatSet(sorted)) ?? [];
      if (sorted.length > 0 && countSet(ranges) !== sorted.length) throw new Error(formatSet(sorted));
      for (let number = 1; number <= 41; number += 1) {
        if (setContains(ranges, number) !== drawn.includes(number))
          throw new Error(`${number} in ${formatSet(sorted)}`);
      }
      if (!sorted.every((number) => setContains(ranges, number))) throw new Error(formatSet(sorted));
      const sets = formatSets(sorted, bytes);
      if (sets.join() !== formatSet(sorted) || sets.some((set) => set.length > bytes)) throw new Error(sets.join(' '));
    }),
    { numRuns: 1000 },
  );
  const open = parseSet('9:*') ?? [];
  t.same(
    [4, 5, 6, 9].map((number) => setContains(open, number, 5)),
    [false, true, true, true],
    'RFC 9051: 9:* with 5 as the last is 5:9',
  );
  t.same(
    [4, 9, 12, 13].map((number) => setContains(open, number, 12)),
    [false, true, true, false],
  );
  t.same(
    [11, 12].map((number) => setContains(parseSet('*') ?? [], number, 12)),
    [false, true],
  );
  t.equal(setContains(open, 3), true, 'anything may be the last');
  t.end();
});

t.test('COPYUID names pairs, or nothing', (t) => {
  t.same(parseCopyUid('38505 304,319:320 3956:3958'), {
    uidValidity: 38505,
    pairs: [
      [304, 3956],
      [319, 3957],
      [320, 3958],
    ],
  });
  t.same(parseCopyUid('1 3:2 9,8'), {
    uidValidity: 1,
    pairs: [
      [2, 9],
      [3, 8],
    ],
  });
  for (const wrong of [
    '',
    '1',
    '1 2',
    '1 2 3 4',
    '0 1 1',
    '* 1 1',
    '1 * *',
    '1 1:* 1:*',
    '1 1 1:2',
    '1 1:3 1:2',
    '1  1 1',
    '1 1:4294967295 1:4294967295',
    'x 1 1',
  ]) {
    t.equal(parseCopyUid(wrong), undefined, JSON.stringify(wrong));
  }
  t.end();
});

t.test('INBOX has one name in every spelling', (t) => {
  t.equal(mailboxName({ kind: 'atom', bytes: octets('iNbOx') }), 'INBOX');
  t.equal(mailboxName({ kind: 'string', bytes: octets('INBOX/a'), form: 'quoted' }), 'INBOX/a');
  t.equal(mailboxName({ kind: 'string', bytes: octets('\xefnbox'), form: 'literal' }), '\xefnbox');
  t.equal(mailboxName({ kind: 'list', items: [] }), undefined);
  t.equal(mailboxName(undefined), undefined);
  t.end();
});

/** Lines that look like commands and responses, with octets thrown in that may or may not belong there. */
const garbage = fc
  .array(
    fc.tuple(
      fc.constantFrom(
        'A NOOP ',
        'A FETCH 1 (',
        'a uid fetch 1:* ',
        'A X ',
        '* 1 FETCH (',
        '* LIST ',
        'A OK ',
        '* OK [X] ',
        '',
      ),
      fc.array(
        fc.oneof(
          {
            weight: 20,
            arbitrary: fc.constantFrom(
              'BODY[',
              ']',
              '<0.5>',
              '"',
              '(',
              ')',
              ' ',
              ' ',
              '7',
              'NIL',
              'UID',
              'HEADER.FIELDS (',
            ),
          },
          {
            weight: 10,
            arbitrary: fc.constantFrom(
              '{3}\r\n',
              '{3+}\r\n',
              '~{0}\r\n',
              '{40000}\r\n',
              '{',
              '}',
              '\\',
              '[',
              '+',
              '*',
              '~',
            ),
          },
          {
            weight: 1,
            arbitrary: fc.constantFrom(
              '\r',
              '\n',
              '\0',
              '\xff',
              '\t',
              '{4294967295}\r\n',
              '{99999999999999999999}\r\n',
            ),
          },
        ),
        { maxLength: 8 },
      ),
      fc.constantFrom('\r\n', ')\r\n', ''),
    ),
    { maxLength: 12 },
  )
  .map((lines) => octets(lines.map(([begin, parts, end]) => `${begin}${parts.join('')}${end}`).join('')));

/** What a command that is never in memory as a whole is held to. */
function passesLineByLine(pieces: readonly CommandPiece[]): boolean {
  const check = new ArgumentCheck(isFetch(pieces));
  const [first] = pieces;
  if (first?.kind !== 'line' || firstWords(first.bytes) === undefined) return false;
  return pieces.every((piece) => piece.kind !== 'line' || check.line(piece.bytes, piece.literal));
}

/** Only there have arguments brackets with lists in them, of which not all is looked at line by line. */
function isFetch([first]: readonly CommandPiece[]): boolean {
  return first?.kind === 'line' && firstWords(first.bytes)?.verb.endsWith('FETCH') === true;
}

t.test('no octets make a reader throw, and cutting them changes nothing', (t) => {
  let commandsRead = 0;
  let responsesRead = 0;
  fc.assert(
    fc.property(garbage, cutPoints, (wire, cuts) => {
      const whole = readResponses([wire]);
      const cut = readResponses(piecesOf(wire, cuts));
      // A literal that is not wholly there may have been passed on in one of them.
      const complete = ({ told, fault }: ResponseTeller) => [told.filter((one) => one.raw.endsWith('\r\n')), fault];
      const open = [whole, cut].some(({ streamed }) => streamed > 0);
      if (!open && !isDeepStrictEqual(complete(whole), complete(cut))) {
        throw new Error(`${JSON.stringify(complete(whole))}\nis not\n${JSON.stringify(complete(cut))}`);
      }
      responsesRead += whole.told.length;
      const commands = wholeCommands(readCommandPieces([wire])).map(parseCommand);
      const again = wholeCommands(readCommandPieces(piecesOf(wire, cuts))).map(parseCommand);
      if (!isDeepStrictEqual(commands, again))
        throw new Error(`${JSON.stringify(commands)}\nis not\n${JSON.stringify(again)}`);
      for (const [index, command] of commands.entries()) {
        const pieces = wholeCommands(readCommandPieces([wire]))[index] ?? [];
        const [passes, good] = [passesLineByLine(pieces), !('fault' in command)];
        // What is in a literal is the server's to judge, as with mail that holds NUL.
        const looser = isFetch(pieces) || pieces.some((piece) => piece.kind === 'data' && piece.bytes.includes(0));
        if (looser ? good && !passes : good !== passes) {
          throw new Error(`line by line it is ${passes}: ${JSON.stringify(command)}`);
        }
        if ('fault' in command) continue;
        commandsRead += 1;
        if (command.verb.endsWith('FETCH')) parseFetch(command);
        serialise(command.verb, command.args);
        command.args.forEach(mailboxName);
      }
    }),
    { numRuns: 5000 },
  );
  t.ok(commandsRead > 50 && responsesRead > 50, `${commandsRead} commands and ${responsesRead} responses in it`);
  t.end();
});

/** What is copied and searched while `work` runs, octets: time would tell the same, but not on a busy machine. */
function octetsTouched(work: () => void): number {
  let touched = 0;
  const allocate = Buffer.allocUnsafeSlow;
  const search = Buffer.prototype.indexOf;
  Buffer.allocUnsafeSlow = (size: number) => {
    touched += size;
    return allocate(size);
  };
  Buffer.prototype.indexOf = function (this: Buffer, ...given: Parameters<typeof search>) {
    const found = search.apply(this, given);
    touched += (found === -1 ? this.length : found + 1) - Number(given[1] ?? 0);
    return found;
  } as typeof search;
  try {
    work();
  } finally {
    Buffer.allocUnsafeSlow = allocate;
    Buffer.prototype.indexOf = search;
  }
  return touched;
}

t.test('work grows with what is read, also when it comes octet by octet', (t) => {
  const list = `(${'("a" NIL {2}\r\n)( "b") '.repeat(5000).trim()})`;
  const shapes: readonly (readonly [string, string])[] = [
    ['a long line', `* OK ${'x'.repeat(200_000)}\r\n`],
    ['a long string', `* 1 FETCH (X "${'x'.repeat(200_000)}")\r\n`],
    ['a list of many lines', `* 1 FETCH (ENVELOPE ${list})\r\n`],
    ['data of many lines', `* LIST ${list}\r\n`],
    ['a section of many lines', `* 1 FETCH (BODY[HEADER.FIELDS (${'{1}\r\na '.repeat(20_000).trim()})] NIL)\r\n`],
    ['a streamed literal', `* 1 FETCH (BODY[] {200000}\r\n${'x'.repeat(200_000)})\r\n`],
    ['many short responses', '* 1 FETCH (UID 1 FLAGS ())\r\n'.repeat(8000)],
    ['many braces', `* 1 FETCH (X (${'{1'.repeat(100_000)}))\r\n`],
  ];
  for (const [name, wire] of shapes) {
    const bytes = octets(wire);
    const pieces = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
    let events = 0;
    const touched = octetsTouched(() => {
      const reader = new ResponseReader();
      for (const piece of pieces) {
        reader.push(piece);
        for (let event = reader.next(); event !== undefined; event = reader.next()) {
          if (event.kind === 'fault') throw new Error(event.fault);
          events += 1;
        }
      }
      if (reader.buffered > 0) throw new Error(`${reader.buffered} are left`);
    });
    t.ok(events > 0);
    t.ok(touched < 8 * bytes.length, `${name}: ${touched} octets touched for ${bytes.length}`);
  }
  const command = octets(
    `A X ${'{1+}\r\na '.repeat(20_000).trim()}\r\nB X "${'x'.repeat(60_000)}"\r\nC X {99999+}\r\n${'x'.repeat(99_999)}\r\n`,
  );
  const touched = octetsTouched(() => {
    const pieces = readCommandPieces(Array.from(command, (_, index) => command.subarray(index, index + 1)));
    if (wholeCommands(pieces).length !== 3) throw new Error(JSON.stringify(pieces.at(-1)));
  });
  t.ok(touched < 8 * command.length, `commands: ${touched} octets touched for ${command.length}`);
  t.end();
});

t.test('what is kept is bounded, whatever a peer sends', (t) => {
  const { responseBytes, inlineResponseBytes, commandLineBytes } = limits.imap;
  const most = (
    chunk: string,
    first: string,
    reader: { push(piece: Buffer): void; next(): unknown; buffered: number },
  ) => {
    let buffered = 0;
    reader.push(octets(first));
    const piece = octets(chunk);
    for (let sent = 0; sent < responseBytes * 1.5; sent += piece.length) {
      reader.push(piece);
      for (let event = reader.next(); event !== undefined; event = reader.next()) {
        if (typeof event === 'object' && event !== null && 'fault' in event) return { buffered, fault: event.fault };
      }
      buffered = Math.max(buffered, reader.buffered);
    }
    return { buffered, fault: undefined };
  };
  const chunk = 'x'.repeat(65_536);
  const response = (first: string, again = chunk) => most(again, first, new ResponseReader());
  for (const first of ['* OK ', '* LIST "', 'A', '* 1 FETCH (X ', '* 1 FETCH (X (', '* 1 FETCH (BODY[']) {
    const { buffered, fault } = response(first);
    t.equal(fault, 'response-too-long', `${first} without an end`);
    t.ok(buffered <= responseBytes, `${buffered} octets were kept`);
  }
  t.equal(response('* 1 FETCH (X (', '{1}\r\na '.repeat(9000)).fault, 'response-too-long', 'a list without an end');
  const streamed = response('* 1 FETCH (BODY[] {4294967295}\r\n');
  t.same(streamed, { buffered: 0, fault: undefined }, 'nothing of a streamed literal');
  const parts = response('* 1 FETCH (X 1', ` BODY[1] {30000}\r\n${'x'.repeat(30_000)}`);
  t.equal(parts.fault, undefined);
  t.ok(parts.buffered <= inlineResponseBytes * 2, `${parts.buffered} octets of many short literals`);
  for (const first of ['A ', '', 'A X {3+}\r\nabc ']) {
    const { buffered, fault } = most('x'.repeat(1000), first, new CommandReader());
    t.equal(fault, 'line-too-long');
    t.ok(buffered <= commandLineBytes, `${buffered} octets of a command`);
  }
  t.same(most(chunk, 'A APPEND x {4294967295+}\r\n', new CommandReader()), { buffered: 0, fault: undefined });
  t.equal(most('x'.repeat(10), '', new CommandReader(100)).fault, 'line-too-long', 'a bound of the caller');
  t.end();
});

function itemValue(item: ResponseItem, raw: Buffer): ImapValue {
  const octetsOf = raw.subarray(item.valueStart, item.valueEnd);
  switch (item.form) {
    case 'literal':
    case 'literal8':
      return { kind: 'string', bytes: octetsOf, form: item.form };
    case 'quoted':
      return { kind: 'string', bytes: octets(octetsOf.toString('latin1').replace(/\\(.)/g, '$1')), form: 'quoted' };
    case 'list': {
      const line = Buffer.concat([octets(' '), octetsOf, octets('\r\n')]);
      const [list] = valuesOf({ raw: line, tag: '*', name: '', number: undefined, start: 0 });
      return list ?? { kind: 'list', items: [] };
    }
    default:
      return { kind: 'atom', text: octetsOf.toString('latin1') };
  }
}

function nameOf(item: ResponseItem): string {
  const origin = item.origin === undefined ? '' : `<${item.origin}>`;
  return `${item.name.replace(/\[\]$/, () => `[${item.section.toUpperCase().replaceAll('"', '')}]`)}${origin}`;
}

/**
 * What is wrong with our reading of one answer to `FETCH 1:* form`, against another reader written for tests.
 * @param whole the command succeeded; else the server may have left out what it could not decode
 */
function misreadings(form: string, raw: Buffer, whole: boolean): string[] {
  const reader = new ResponseReader();
  reader.push(raw);
  const event = reader.next();
  if (event?.kind !== 'fetch' || event.open || event.raw.length !== raw.length) return [`${form}: ${event?.kind}`];
  const request = requestOf(`1:* ${form}`);
  if (typeof request === 'string') return [`${form}: ${request}`];
  const asked = [...request.items, { name: 'UID', section: undefined, partial: undefined, lazy: false }];
  const problems = asked
    .filter((item) => whole && event.items.filter((answer) => matches(item, answer)).length !== 1)
    .map((item) => `${form}: no answer to ${formatItem(item)} in ${raw.toString('latin1', 0, 80)}`);
  const expected = fetchItemsOf(readResponse(raw));
  const names = event.items.map(nameOf);
  if (names.join() !== [...expected.keys()].join()) problems.push(`${form}: ${names} is not ${[...expected.keys()]}`);
  for (const item of event.items) {
    const [ours, theirs] = [plainValue(itemValue(item, event.raw)), plainValue(expected.get(nameOf(item)))];
    if (ours !== theirs) problems.push(`${form} ${item.name}: ${ours.slice(0, 200)} is not ${theirs.slice(0, 200)}`);
    if (item.form === 'number' && item.number !== Number(theirs)) problems.push(`${form} ${item.name}: ${item.number}`);
  }
  return problems;
}

t.test('what Dovecot says is read to the octet', { skip: skipWithout(...dovecotPrograms) }, async (t) => {
  const dovecot = await startDovecot(t);
  const user = dovecot.user('reader');
  const corpus = fileURLToPath(new URL('../../test/corpus/', import.meta.url));
  const mails = readdirSync(corpus)
    .filter((name) => name.endsWith('.eml'))
    .map((name) => readFileSync(`${corpus}${name}`));
  const long = octets(`Subject: a long one\r\n\r\n${'A line of a long mail, {5}\r\n'.repeat(8000)}`);
  dovecot.putMaildir(user, [...mails, long]);
  const client = await ImapClient.login(dovecot.port, user, dovecot.password);
  await client.ok('SELECT INBOX');
  let compared = 0;
  for (const form of fetchForms()) {
    const answer = await client.command(`UID FETCH 1:* ${form}`);
    const responses = answer.untagged.filter((response) => response.name === 'FETCH').map(({ raw }) => raw);
    const problems = responses.flatMap((raw) => misreadings(form, raw, answer.status === 'OK'));
    const all = Buffer.concat(responses);
    const whole = readResponses([all]);
    const cut = readResponses(
      piecesOf(
        all,
        Array.from({ length: all.length / 9000 }, (_, index) => index * 8999 + 13),
      ),
    );
    if (whole.fault !== undefined || whole.told.length !== responses.length) problems.push(`${form}: ${whole.fault}`);
    if (!isDeepStrictEqual(whole.told, cut.told)) problems.push(`${form}: cut it is read differently`);
    t.same(problems.slice(0, 5), [], form);
    compared += responses.length;
  }
  await client.logout();
  t.ok(compared > 100 * mails.length, `${compared} responses`);
});
