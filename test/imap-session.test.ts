/** The IMAP session without sockets: conversations in every segmentation, and readers that are slow. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { createFetchExchange } from '../src/imap/fetch/fetch-exchange.js';
import { ClientOutlet } from '../src/imap/session/outlet.js';
import { ImapSession } from '../src/imap/session/session.js';
import type { Greeting } from '../src/imap/upstream-greeting.js';
import { ResponseReader } from '../src/imap/wire/response-reader.js';
import { saslUser } from '../src/imap/wire/sasl-user.js';
import { limits } from '../src/runtime/limits.js';
import { SpoolPool } from '../src/runtime/spool.js';
import { FakeOutlet } from './support/fake-session-io.js';
import { expandImap, FakeImapIo, ImapDialogueRun, imapSettings } from './support/imap-dialogue.js';
import { octetCut, parseDialogues, randomCut, wholeCut } from './support/smtp-dialogue-file.js';
import { TrustingJudge } from './support/trusting-judge.js';

/** compiled, this file lies in dist/test */
const dialogueFolder = new URL('../../test/dialogues-imap/', import.meta.url).pathname;
const randomCuts = 4;

/** mulberry32: numbers that are the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

t.test('conversations go the same way however they are cut', async (t) => {
  const only = process.env.SLUICE_DIALOGUE ?? '';
  const spools = t.testdir();
  let count = 0;
  for (const file of readdirSync(dialogueFolder).filter((name) => name.endsWith('.txt'))) {
    for (const dialogue of parseDialogues(file, readFileSync(join(dialogueFolder, file), 'utf8'), expandImap)) {
      if (!dialogue.title.includes(only)) continue;
      count += 1;
      const cuts = [wholeCut, octetCut, ...Array.from({ length: randomCuts }, (_, seed) => randomCut(seeded(seed)))];
      const problems: string[] = [];
      for (const [index, cut] of cuts.entries()) {
        const found = await new ImapDialogueRun(dialogue, cut, spools).run();
        problems.push(...found.map((problem) => `[cut ${index}] ${problem}`));
        if (found.length > 0) break;
      }
      t.equal(problems.join('\n'), '', `${file}: ${dialogue.title}`);
    }
  }
  t.ok(count > 0, 'conversations were found');
});

/** A session that is logged in, its outside in our hands. */
function openSession(spools: string, inspected: boolean) {
  const io = new FakeImapIo();
  const judge = new TrustingJudge(new SpoolPool(spools));
  judge.inspected = inspected;
  const clock = { now: 0 };
  const reasons: string[] = [];
  const session = new ImapSession(
    io,
    imapSettings(new Map()),
    {
      handler: judge,
      fetchExchange: createFetchExchange,
      beforeSelect: undefined,
      now: () => clock.now,
      unexpected: (error) => reasons.push(String(error)),
      event: () => undefined,
      ended: ({ reason }) => reasons.push(reason),
    },
    { address: '192.0.2.7', port: 40_000, tls: false, servername: undefined },
  );
  const client = (text: string) => session.clientData(Buffer.from(text, 'latin1'));
  const server = (text: string) => session.upstreamData(Buffer.from(text, 'latin1'));
  const reader = new ResponseReader();
  reader.push(Buffer.from('* OK [CAPABILITY IMAP4rev1 LITERAL+] hello\r\n'));
  session.begin({ greeting: reader.next() as Greeting, capabilities: undefined, rest: Buffer.alloc(0) });
  client('a LOGIN bob secret\r\n');
  server('S1 OK in\r\n');
  io.client.take();
  io.upstream.take();
  return { io, judge, clock, reasons, session, client, server };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

t.test('a server that ends the connection while a message of its own is judged', async (t) => {
  const { io, judge, client, server, session } = openSession(t.testdir(), true);
  client('b SELECT box\r\n');
  server('* OK [UIDVALIDITY 7] valid\r\n* 1 EXISTS\r\nS2 OK done\r\n');
  await turn();
  client('c UID FETCH 1 BODY.PEEK[]\r\n');
  io.client.take();
  judge.slow = true;
  server('* 1 FETCH (UID 1 BODY[] {4}\r\nmail)\r\n* BYE gone\r\n');
  t.equal(io.client.take(), '', 'nothing is said before the judgement');
  session.upstreamClosed();
  t.match(io.client.take(), /^\* BYE [^\r]*\r\n$/, 'the client has a last word, and one');
  t.ok(session.ended);
  judge.release();
  await turn();
  t.equal(io.client.take(), '');
});

t.test('a client that reads slowly', async (t) => {
  t.test('makes the server wait, in bounded memory, and loses nothing', async (t) => {
    const { io, client, server, session } = openSession(t.testdir(), false);
    client('b SELECT box\r\n');
    server('S2 OK done\r\n');
    client('c FETCH 1 BODY[]\r\n');
    io.client.take();
    io.client.stalled = true;
    const total = 8_000_000;
    let sent = 0;
    server(`* 1 FETCH (BODY[] {${total}}\r\n`);
    while (!io.upstreamPaused && sent < total) {
      server('x'.repeat(10_000));
      sent += 10_000;
    }
    t.ok(io.upstreamPaused, 'the server is not read any more');
    t.ok(sent < limits.imapSession.clientBacklogBytes + 100_000, `after ${sent} octets`);
    let got = 0;
    for (let round = 0; got < total && round < 10_000; round += 1) {
      got += io.client.take().length;
      io.client.drain();
      await turn();
      if (!io.upstreamPaused && sent < total) {
        io.client.stalled = true;
        server('x'.repeat(10_000));
        sent += 10_000;
      }
    }
    server(')\r\nS3 OK done\r\n');
    got += io.client.take().length;
    const framing = `* 1 FETCH (BODY[] {${total}}\r\n`.length + ')\r\n'.length + 'c OK done\r\n'.length;
    t.equal(got, total + framing, 'every octet came');
    t.notOk(session.ended);
  });

  t.test('gets no more commands run while it takes nothing of their answers', async (t) => {
    const { io, client, server } = openSession(t.testdir(), false);
    io.client.stalled = true;
    let commands = 0;
    for (; commands < 20_000 && !io.clientPaused; commands += 1) {
      client('b NOOP\r\n');
      server(`S${commands + 2} OK ${'x'.repeat(500)}\r\n`);
      await turn();
    }
    t.ok(io.clientPaused, 'the client is not read any more');
    t.ok(commands < 2000, `after ${commands} commands`);
  });

  t.test('is given up when it takes nothing for too long, and only then', async (t) => {
    const { io, clock, client, server, reasons, session } = openSession(t.testdir(), false);
    const seconds = (count: number) => {
      for (let second = 0; second < count; second += 1) {
        clock.now += 1000;
        session.tick(clock.now);
      }
    };
    io.client.stalled = true;
    client('b NOOP\r\n');
    server(`S2 OK ${'x'.repeat(60_000)}\r\n`);
    seconds(300);
    t.notOk(session.ended, 'within its time');
    io.client.take();
    client('c NOOP\r\n');
    server('S3 OK done\r\n');
    seconds(1);
    t.notOk(session.ended, 'it took something');
    seconds(301);
    t.same(reasons, ['stalled']);
  });
});

t.test('a server that reads slowly makes the client wait', async (t) => {
  const { io, client, server } = openSession(t.testdir(), true);
  client('b APPEND box {9000000+}\r\n');
  server('+ go\r\n');
  io.upstream.stalled = true;
  let sent = 0;
  while (!io.clientPaused && sent < 9_000_000) {
    client('x'.repeat(10_000));
    sent += 10_000;
  }
  t.ok(io.clientPaused);
  t.ok(sent < limits.imapSession.upstreamBacklogBytes + 100_000, `after ${sent} octets`);
  io.upstream.take();
  io.upstream.drain();
  await turn();
  t.notOk(io.clientPaused, 'it goes on when the server has taken it');
});

/** An outlet, its socket in our hands. */
function openOutlet(spools: string) {
  const sink = new FakeOutlet();
  const state = { midResponse: false, woken: 0, unreadable: '' };
  const outlet = new ClientOutlet(sink, {
    get midResponse() {
      return state.midResponse;
    },
    wake: () => {
      state.woken += 1;
    },
    unreadable: (reason) => {
      state.unreadable = reason;
    },
  });
  return { sink, state, outlet, pool: new SpoolPool(spools) };
}
const octets = (text: string) => Buffer.from(text);

t.test('the way to the client: keeps the order, whatever is known first', async (t) => {
  const { sink, outlet } = openOutlet(t.testdir());
  const sent: string[] = [];
  outlet.write(octets('1'));
  const first = outlet.reserve();
  outlet.write(octets('3'));
  const second = outlet.reserve();
  outlet.writePieces([octets('5'), octets('6')], () => sent.push('56'));
  second.fill([octets('4')], () => sent.push('4'));
  outlet.flush();
  t.equal(sink.take(), '1');
  t.same(sent, []);
  first.fill([octets('2')], () => sent.push('2'));
  outlet.flush();
  t.equal(sink.take(), '23456');
  t.same(sent, ['2', '4', '56']);
  t.equal(outlet.backlog, 0);
});

t.test('the way to the client: writes between responses only', async (t) => {
  const { sink, outlet, state } = openOutlet(t.testdir());
  t.ok(outlet.interject(octets('* OK a\r\n')), 'nothing waits');
  state.midResponse = true;
  t.notOk(outlet.interject(octets('* OK b\r\n')), 'in the middle of a response');
  const place = outlet.reserve();
  outlet.write(octets('after\r\n'));
  t.ok(outlet.interject(octets('* OK c\r\n')), 'before a reserved place');
  place.fill([octets('place\r\n')]);
  outlet.flush();
  t.equal(sink.take(), '* OK a\r\n* OK c\r\nplace\r\nafter\r\n');
});

t.test('the way to the client: one write for slices that follow each other, and for small ones', async (t) => {
  const { sink, outlet } = openOutlet(t.testdir());
  const writes: Buffer[] = [];
  sink.write = (data) => {
    if (Buffer.isBuffer(data)) writes.push(data);
    return true;
  };
  const buffer = Buffer.from(new ArrayBuffer(20_000));
  buffer.write('abcdefghi');
  outlet.write(buffer.subarray(0, 3));
  outlet.write(buffer.subarray(3, 6));
  outlet.write(buffer.subarray(7, 9));
  outlet.flush();
  outlet.write(buffer.subarray(0, 5000));
  outlet.write(buffer.subarray(5000, 10_000));
  outlet.write(buffer.subarray(10_001));
  outlet.flush();
  const [small, first, second] = writes;
  t.equal(writes.length, 3);
  t.equal(small?.toString('latin1'), 'abcdefhi');
  t.ok(first?.equals(buffer.subarray(0, 10_000)));
  t.equal(first?.buffer, buffer.buffer, 'what is large is not copied');
  t.equal(second?.buffer, buffer.buffer);
});

t.test('the way to the client: more may wait for a judgement than for the client', async (t) => {
  const { sink, outlet } = openOutlet(t.testdir());
  const { clientBacklogBytes, judgedBacklogBytes } = limits.imapSession;
  const place = outlet.reserve(clientBacklogBytes);
  const last = outlet.reserve(judgedBacklogBytes - 2 * clientBacklogBytes);
  t.notOk(outlet.full, `${outlet.backlog} octets`);
  outlet.write(Buffer.alloc(clientBacklogBytes));
  t.ok(outlet.full);
  last.fill([]);
  t.notOk(outlet.full, 'nothing waits in the second place any more');
  place.fill([Buffer.alloc(10)]);
  outlet.flush();
  t.notOk(outlet.full);
  sink.stalled = true;
  outlet.write(Buffer.alloc(clientBacklogBytes + 1));
  outlet.flush();
  t.ok(outlet.full, 'a client that takes nothing');
});

t.test('a message of announced size is copied once', async (t) => {
  const { pool } = openOutlet(t.testdir());
  for (const announced of [100_000, 10_000_000]) {
    const spool = pool.create(announced);
    t.equal(pool.usedBytes, 0, 'nothing before the first octet');
    spool.append(Buffer.from('first'));
    t.equal(pool.usedBytes, limits.spool.messageMemoryBytes);
    const block = spool.memory?.buffer;
    spool.append(Buffer.alloc(99_995));
    t.equal(spool.memory?.buffer, block);
    t.equal(spool.length, 100_000);
    spool.release();
    t.equal(pool.usedBytes, 0);
  }
});

t.test(
  'the way to the client: spooled messages are read back as fast as they are taken, also from a file',
  async (t) => {
    const { sink, outlet, pool } = openOutlet(t.testdir());
    const spool = pool.create();
    const line = `${'y'.repeat(998)}\r\n`;
    for (let count = 0; count < 3000; count += 1) spool.append(Buffer.from(line));
    t.equal(pool.openFiles, 1);
    let done = false;
    sink.stalled = true;
    outlet.writePieces([octets('<'), { spool, start: 1000, end: 2_999_000 }, octets('>')], () => {
      done = true;
    });
    outlet.write(octets('!'));
    let got = '';
    let most = 0;
    for (const deadline = Date.now() + 20_000; !got.endsWith('!') && Date.now() < deadline; ) {
      await new Promise((resolve) => {
        setTimeout(resolve, 2);
      });
      outlet.flush();
      most = Math.max(most, sink.backlog);
      got += sink.take();
      sink.drain();
      sink.stalled = true;
    }
    sink.drain();
    t.equal(got, `<${line.repeat(2998)}>!`);
    t.ok(most <= limits.imapSession.clientBacklogBytes + limits.spool.readChunkBytes, `${most} octets at most`);
    t.ok(done);
    spool.release();
  },
);

t.test('the way to the client: whoever waits for the end of a piece is told when the connection is over', async (t) => {
  const { outlet } = openOutlet(t.testdir());
  const told: string[] = [];
  const place = outlet.reserve();
  outlet.writePieces([octets('x')], () => told.push('piece'));
  outlet.close();
  place.fill([octets('y')], () => told.push('place'));
  outlet.writePieces([octets('z')], () => told.push('later'));
  outlet.write(octets('w'));
  t.same(told, ['piece', 'place', 'later']);
  t.equal(outlet.backlog, 0);
});

t.test('the way to the client: a spool that cannot be read is a failure of the session', async (t) => {
  const { outlet, state, pool } = openOutlet(t.testdir());
  const spool = pool.create();
  spool.append(octets('gone'));
  spool.release();
  outlet.writePieces([{ spool, start: 0, end: 4 }]);
  t.match(state.unreadable, /release/);
});

t.test('who logs in, as far as the mechanism tells it', async (t) => {
  const base64 = (text: string) => Buffer.from(Buffer.from(text, 'utf8').toString('base64'));
  const cases: readonly [string, string, string | undefined][] = [
    ['PLAIN', '\0bob\0secret', 'bob'],
    ['PLAIN', 'carol\0bob\0secret', 'carol'],
    ['PLAIN', '\0b\u00f6b\0secret', 'b\u00f6b'],
    ['PLAIN', '\0\0secret', undefined],
    ['PLAIN', 'bob', undefined],
    ['LOGIN', 'bob', 'bob'],
    ['CRAM-MD5', 'bob smith d41d8cd98f00b204e9800998ecf8427e', 'bob smith'],
    ['XOAUTH2', 'user=bob@example.org\x01auth=Bearer x\x01\x01', 'bob@example.org'],
    ['OAUTHBEARER', 'n,a=bob@example.org,\x01auth=Bearer x\x01\x01', 'bob@example.org'],
    ['OAUTHBEARER', 'n,,\x01auth=Bearer x\x01\x01', undefined],
    ['SCRAM-SHA-256', 'n,,n=b=2Cob=3D,r=abc', 'b,ob='],
    ['SCRAM-SHA-1', 'n,a=carol,n=bob,r=abc', 'carol'],
    ['NTLM', 'bob', undefined],
    ['constructor', 'bob', undefined],
  ];
  for (const [mechanism, response, user] of cases) t.equal(saslUser(mechanism, [base64(response)]), user, mechanism);
  t.equal(saslUser('LOGIN', [Buffer.from('not base64!')]), undefined);
  t.equal(saslUser('PLAIN', [Buffer.from('AP8A/w==')]), undefined, 'no UTF-8');
  t.equal(saslUser('PLAIN', []), undefined);
});

/** What clients say, well-behaved and not; `@` is the client's next tag. */
const clientLines = [
  '@ NOOP\r\n',
  '@ CAPABILITY\r\n',
  '@ LOGIN bob password\r\n',
  '@ LOGIN {3+}\r\nbob {8}\r\npassword\r\n',
  '@ AUTHENTICATE PLAIN\r\nAGJvYgBwYXNzd29yZA==\r\n',
  '@ SELECT box\r\n',
  '@ EXAMINE {3}\r\nbox\r\n',
  '@ IDLE\r\nDONE\r\n',
  '@ IDLE\r\n@ NOOP\r\n',
  '@ APPEND box {5}\r\nhello\r\n',
  '@ APPEND box {5+}\r\nhello {3+}\r\nyou\r\n',
  '@ APPEND box CATENATE (URL "x")\r\n',
  '@ STORE 1 +FLAGS (\\Seen)\r\n',
  '@ UID COPY 1:3 other\r\n',
  '@ DELETE box\r\n',
  '@ COMPRESS DEFLATE\r\n',
  '@ NOTIFY SET (SELECTED (MessageNew (BODY[])))\r\n',
  '@ URLFETCH "x"\r\n',
  '@ UID REPLACE 1 box {2+}\r\nhi\r\n',
  '@ CLOSE\r\n',
  '@ ENABLE QRESYNC UIDONLY\r\n',
  '@ STARTTLS\r\n',
  'DONE\r\n',
  '@ LOGOUT\r\n',
];

/** What servers say, well-behaved and not; `@` is the tag of the command that was sent last. */
const serverLines = [
  '@ OK done\r\n',
  '@ OK done\r\n',
  '@ OK done\r\n',
  '@ OK [CAPABILITY IMAP4rev1 LITERAL+ COMPRESS=DEFLATE NOTIFY] done\r\n',
  '@ OK [REFERRAL imap://evil/] done\r\n',
  '@ NO refused\r\n',
  '+ go on\r\n',
  '+ go on\r\n',
  '* OK [UIDVALIDITY 7] x\r\n',
  '* OK [UIDVALIDITY 7] x\r\n',
  '* OK [COPYUID 7 1:3 4:6] x\r\n',
  '* CAPABILITY IMAP4rev1 LITERAL+ NOTIFY URLAUTH\r\n',
  '* 3 EXISTS\r\n',
  '* 1 FETCH (FLAGS (\\Seen) BODY[TEXT] "secret")\r\n',
  '* 1 FETCH (UID 3 BODY[] {6}\r\nsecret FLAGS ())\r\n',
  `* 1 FETCH (UID 3 BODY[] {40000}\r\n${'secret'.repeat(6667).slice(0, 40_000)} FLAGS ())\r\n`,
  '* 1 FETCH (ENVELOPE ("secret" NIL NIL NIL NIL NIL NIL NIL NIL NIL))\r\n',
  '* 1 FETCH (BODYSTRUCTURE ("text" "secret" NIL NIL NIL "7bit" 3 1))\r\n',
  '* URLFETCH "x" "secret"\r\n',
  '* 1 CONVERTED (TAG "x") (BINARY[1] "secret")\r\n',
];

t.test('whatever both sides say, nothing unasked and nothing refused passes', async (t) => {
  const spools = t.testdir();
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ client: fc.constantFrom(...clientLines) }) },
    { weight: 4, arbitrary: fc.record({ server: fc.constantFrom(...serverLines), lies: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ turn: fc.constant(true) }) },
  );
  let sentUp = 0;
  let ended = 0;
  const property = fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 40 }), async (steps) => {
    const { io, session, client, server, reasons } = openSession(spools, true);
    let tag = 0;
    let got = '';
    let up = '';
    const answered = new Set<string>();
    const octets = (text: string, send: (octet: string) => void) => {
      for (let at = 0; at < text.length; at += 3) send(text.slice(at, at + 3));
    };
    for (const one of steps) {
      if ('client' in one) {
        const text = one.client.replaceAll('@', () => {
          tag += 1;
          return `c${tag}`;
        });
        octets(text, client);
      } else if ('server' in one) {
        const last = [...up.matchAll(/^(S\d+) /gm)].at(-1)?.[1] ?? '';
        const asked = /(?:\{\d+\}|IDLE|AUTHENTICATE PLAIN)\r\n$/.test(up) && !answered.has(up);
        const due = one.server.startsWith('@') ? !answered.has(last) && last !== '' : one.server[0] !== '+' || asked;
        if (!due && one.lies > 0) continue;
        answered.add(one.server.startsWith('@') ? last : one.server.startsWith('+') ? up : '');
        octets(one.server.replace('@', last), server);
      } else await turn();
      up += io.upstream.take();
      got += io.client.take();
    }
    await turn();
    got += io.client.take();
    up += io.upstream.take();
    session.clientClosed();
    sentUp += up === '' ? 0 : 1;
    ended += reasons[0] === 'the client closed the connection' ? 0 : 1;
    if (reasons.length !== 1) throw new Error(`ended ${reasons.join(', ')}`);
    if (got.includes('secret')) throw new Error(`content: ${got.slice(0, 2000)}`);
    if (/REFERRAL|CAPABILITY [^\r\]]*(?:NOTIFY|COMPRESS|URLAUTH)/.test(got)) throw new Error(`announced: ${got}`);
    if (/CATENATE|COMPRESS|NOTIFY|URLFETCH|REPLACE|UIDONLY|STARTTLS/.test(up)) throw new Error(`passed: ${up}`);
    // A tag of ours that is in what the client got would be one that it never sent.
    if (/^S\d+ /m.test(got)) throw new Error(`our tag: ${got}`);
  });
  await fc.assert(property, { numRuns: 600, seed: 20 });
  t.ok(sentUp > 300, `${sentUp} of 600 sessions sent something to the server`);
  t.ok(ended > 50 && ended < 550, `${ended} of 600 ended on their own`);
});
