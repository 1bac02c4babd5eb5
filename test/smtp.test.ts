/** The SMTP engine without sockets: conversations in every segmentation, and its parts against obvious references. */
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { limits } from '../src/runtime/limits.js';
import { SocketOutlet } from '../src/runtime/socket-outlet.js';
import { type Spool, SpoolPool } from '../src/runtime/spool.js';
import { readSource } from '../src/runtime/spool-source.js';
import { deliver } from '../src/smtp/deliver.js';
import type { Judgement } from '../src/smtp/handler.js';
import { dotStuff } from './support/mail.js';
import { portOf } from './support/ports.js';
import { randomSession } from './support/random-session.js';
import { SessionFixture, until } from './support/session-fixture.js';
import { Sink } from './support/sink.js';
import { DialogueRun } from './support/smtp-dialogue.js';
import { octetCut, parseDialogues, randomCut, wholeCut } from './support/smtp-dialogue-file.js';

/** compiled, this file lies in dist/test */
const dialogueFolder = new URL('../../test/dialogues/', import.meta.url).pathname;
const randomCuts = 6;

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
  const files = readdirSync(dialogueFolder).filter((name) => name.endsWith('.txt'));
  const only = process.env.SLUICE_DIALOGUE ?? '';
  let count = 0;
  for (const file of files) {
    for (const dialogue of parseDialogues(file, readFileSync(join(dialogueFolder, file), 'utf8'))) {
      if (!dialogue.title.includes(only)) continue;
      count += 1;
      const cuts = [wholeCut, octetCut, ...Array.from({ length: randomCuts }, (_, seed) => randomCut(seeded(seed)))];
      const problems: string[] = [];
      for (const [index, cut] of cuts.entries()) {
        const found = await new DialogueRun(dialogue, cut, t.testdir()).run();
        problems.push(...found.map((problem) => `[cut ${index}] ${problem}`));
        if (found.length > 0) break;
      }
      t.equal(problems.join('\n'), '', `${file}: ${dialogue.title}`);
    }
  }
  t.ok(count > 0, 'conversations were found');
});

/** Larger than what a message may keep in memory, so that it lies in a file. */
const largeContent = Buffer.concat(
  Array.from({ length: 40_000 }, (_, line) => Buffer.from(`${line % 7 === 0 ? '.' : ''}line ${line}\r\n`)),
);

t.test('content in a file', async (t) => {
  t.test('goes to the next hop byte for byte, dots doubled again', async (t) => {
    const fixture = new SessionFixture(t.testdir());
    fixture.envelope();
    const wire = dotStuff(largeContent);
    fixture.client(Buffer.concat([Buffer.from('DATA\r\n'), wire]));
    await until('DATA', () => fixture.io.upstream.sent === 'DATA\r\n');
    fixture.io.takeUpstream();
    fixture.upstream('354 go\r\n');
    await until('the end', () => fixture.io.upstream.sent.endsWith('\r\n.\r\n'));
    t.ok(Buffer.from(fixture.io.takeUpstream(), 'latin1').equals(wire), 'the same bytes');
    fixture.upstream('250 ok\r\n');
    t.match(fixture.outcomes, [{ kind: 'replied', code: 250 }]);
    t.equal(fixture.pool.openFiles, 0);
  });

  t.test('is not sent further once the next hop has refused it, and the refusal is what counts', async (t) => {
    const fixture = new SessionFixture(t.testdir());
    fixture.envelope();
    fixture.client(Buffer.concat([Buffer.from('DATA\r\n'), dotStuff(largeContent)]));
    await until('DATA', () => fixture.io.upstream.sent === 'DATA\r\n');
    fixture.io.takeClient();
    fixture.io.upstream.stalled = true;
    fixture.upstream('354 go\r\n');
    await until('some content', () => fixture.io.upstream.sent.length > 10);
    fixture.upstream('552 5.3.4 too much\r\n');
    t.equal(fixture.io.takeClient(), '552 5.3.4 too much\r\n');
    t.match(fixture.outcomes, [{ kind: 'replied', code: 552 }], 'the record knows the reply');
    t.ok(fixture.io.ended && fixture.io.upstreamDestroyed, 'what follows would be content to the next hop');
    const sent = fixture.io.upstream.sent.length;
    fixture.io.upstream.drain();
    await until('the file is closed', () => fixture.pool.openFiles === 0);
    t.equal(fixture.io.upstream.sent.length, sent);
    t.same(fixture.errors, []);
  });

  t.test('is not accepted before it has left', async (t) => {
    const fixture = new SessionFixture(t.testdir());
    fixture.envelope();
    fixture.client(Buffer.concat([Buffer.from('DATA\r\n'), dotStuff(largeContent)]));
    await until('DATA', () => fixture.io.upstream.sent === 'DATA\r\n');
    fixture.io.takeClient();
    fixture.io.upstream.stalled = true;
    fixture.upstream('354 go\r\n');
    await until('some content', () => fixture.io.upstream.sent.length > 10);
    fixture.upstream('250 2.0.0 queued\r\n');
    t.match(fixture.io.takeClient(), /^421 4\.5\.0 /);
    t.match(fixture.outcomes, [{ kind: 'lost' }]);
  });
});

t.test(
  'the memory of a message is kept until its bytes have left, even when the next hop answers earlier',
  async (t) => {
    const fixture = new SessionFixture(t.testdir());
    fixture.envelope();
    fixture.client('DATA\r\nx\r\n.\r\n');
    fixture.io.takeClient();
    fixture.io.upstream.stalled = true;
    fixture.upstream('354 go\r\n');
    fixture.upstream('550 5.7.1 no\r\n');
    t.equal(fixture.io.takeClient(), '550 5.7.1 no\r\n');
    t.not(fixture.pool.usedBytes, 0);
    fixture.io.upstream.drain();
    t.equal(fixture.pool.usedBytes, 0);
  },
);

t.test('a spool that asked for a pause does not stop the client for good when RSET drops its message', async (t) => {
  const fixture = new SessionFixture(t.testdir());
  fixture.envelope();
  const chunk = Buffer.alloc(4_000_000, 'a line of thirty octets, all in\n'.replace('\n', 'x'));
  fixture.client(Buffer.concat([Buffer.from(`BDAT ${chunk.length}\r\n`), chunk, Buffer.from('RSET\r\n')]));
  t.ok(fixture.io.paused, 'the disk is behind');
  fixture.upstream('250 reset\r\n');
  t.notOk(fixture.io.paused, 'the client is read again');
  await until('the file is closed', () => fixture.pool.openFiles === 0);
});

t.test('an error while content is being sent ends both connections: a RSET now would be content', async (t) => {
  const judge = (spool: Spool): Promise<Judgement> =>
    Promise.resolve({ kind: 'relay', pieces: [{ start: 0, end: spool.length }], settled: () => undefined });
  const fixture = new SessionFixture(t.testdir(), judge);
  fixture.envelope();
  const write = fixture.io.upstream.write.bind(fixture.io.upstream);
  fixture.io.upstream.write = (data) => {
    if (Buffer.isBuffer(data)) throw new Error('broken outlet');
    return write(data);
  };
  fixture.client('BDAT 3 LAST\r\nx\r\n');
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(fixture.io.takeUpstream(), 'BDAT 3 LAST\r\n', 'nothing behind it');
  t.match(fixture.io.takeClient(), /^421 /);
  t.ok(fixture.io.ended && fixture.io.upstreamDestroyed);
  t.equal(fixture.errors.length, 1);
  t.equal(fixture.pool.usedBytes, 0);
});

t.test('a client that never reads its replies gets no more of them than fit', async (t) => {
  const fixture = new SessionFixture(t.testdir());
  fixture.envelope();
  fixture.io.client.stalled = true;
  const help = `214-${'x'.repeat(2000)}\r\n214 end\r\n`;
  let answered = 0;
  fixture.client('HELP\r\n'.repeat(10_000));
  for (let asked = fixture.io.takeUpstream(); asked !== ''; asked = fixture.io.takeUpstream()) {
    const count = asked.split('HELP').length - 1;
    answered += count;
    fixture.upstream(help.repeat(count));
  }
  t.ok(answered < 600, `${answered} of 10,000 commands ran`);
  fixture.client('HELP\r\n'.repeat(2000));
  t.ok(fixture.io.paused, 'and no more is read from it');
  t.equal(fixture.io.takeUpstream(), '');
  fixture.io.client.drain();
  fixture.io.client.take();
  fixture.session.clientDrained();
  t.match(fixture.io.takeUpstream(), /^HELP/, 'it goes on once the client has read');
});

t.test('a release that does not end with a line end goes by BDAT, or not at all', async (t) => {
  const content = Buffer.from('Subject: x\r\n\r\nno line end');
  const source = { kind: 'memory', bytes: new SharedArrayBuffer(0), length: 0 } as const;
  const recipients = [{ address: 'bob@example.org', parameters: [] }];
  const delivery = { mailFrom: '', mailParameters: [], recipients, pieces: [content], source };
  for (const extensions of [['PIPELINING'], ['PIPELINING', 'CHUNKING']]) {
    const sink = await Sink.start({ extensions });
    t.teardown(() => sink.stop());
    const options = {
      host: '127.0.0.1',
      port: sink.port,
      tls: 'none',
      verify: true,
      servername: undefined,
      ca: undefined,
      clientIdentity: 'none',
      hostname: 'gate.example.org',
      connectTimeoutMs: 5000,
    } as const;
    const [reply] = await deliver(delivery, options, AbortSignal.timeout(5000));
    const chunking = extensions.includes('CHUNKING');
    t.match(reply, { delivered: chunking, permanent: !chunking, code: chunking ? 250 : 554 });
    t.same(
      sink.messages.map(({ bytes }) => bytes.toString()),
      chunking ? [content.toString()] : [],
    );
  }
});

t.test('what waits in a socket that was ended has not left yet', async (t) => {
  const peers: Socket[] = [];
  const server = createServer((socket) => peers.push(socket.pause()));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => server.close());
  const socket = connect(portOf(server), '127.0.0.1');
  const outlet = new SocketOutlet(socket);
  await new Promise((resolve) => {
    socket.once('connect', resolve);
  });
  outlet.write(Buffer.alloc(16_000_000));
  outlet.flush();
  socket.end();
  let left = false;
  outlet.afterWritten(() => {
    left = true;
  });
  await new Promise((resolve) => {
    setTimeout(resolve, 50);
  });
  t.notOk(left, 'the memory is still needed');
  peers[0]?.resume();
  await until('all has left', () => left);
  t.equal(outlet.backlog, 0);
  socket.destroy();
});

async function wholeOf(spool: Spool): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let at = 0; at < spool.length; at += chunks.at(-1)?.length ?? 0) {
    chunks.push(await spool.readChunk(at, spool.length));
  }
  return Buffer.concat(chunks);
}

t.test('the spool', async (t) => {
  t.test('gives back what it was given, from memory and from a file', async (t) => {
    const pool = new SpoolPool(t.testdir());
    const random = seeded(7);
    for (let round = 0; round < 40; round += 1) {
      const chunks = Array.from({ length: 1 + Math.floor(random() * 30) }, () =>
        Buffer.alloc(Math.floor(random() ** 3 * 60_000), Math.floor(random() * 256)),
      );
      const spool = pool.create();
      for (const chunk of chunks) spool.append(chunk);
      await spool.flush(spool.length);
      const wanted = Buffer.concat(chunks);
      const source = spool.source();
      if (!readSource(source, 0, source.length).equals(wanted)) t.fail(`round ${round}: source`);
      if (!(await wholeOf(spool)).equals(wanted)) t.fail(`round ${round}: chunks`);
      spool.release();
      t.throws(() => spool.readChunk(0, 1), { code: 'spool-failed' });
    }
    t.same([pool.usedBytes, pool.openFiles], [0, 0]);
  });

  t.test('never holds more than its bound in memory', async (t) => {
    const pool = new SpoolPool(t.testdir());
    const chunk = Buffer.alloc(limits.spool.messageMemoryBytes, 'x');
    const count = limits.spool.totalMemoryBytes / chunk.length;
    const spools = Array.from({ length: count + 5 }, () => pool.create());
    for (const spool of spools) spool.append(chunk);
    t.equal(pool.usedBytes, limits.spool.totalMemoryBytes);
    t.equal(pool.openFiles, 5, 'the rest lies in files');
    for (const spool of spools) await spool.flush(spool.length);
    t.ok((await wholeOf(spools.at(-1) ?? pool.create())).equals(chunk));
    for (const spool of spools) spool.release();
    await until('the files are closed', () => pool.openFiles === 0);
    t.equal(pool.usedBytes, 0);
  });

  t.test('fails once and for all when there is no file to be had', async (t) => {
    const pool = new SpoolPool(join(t.testdir(), 'missing'));
    const spool = pool.create();
    spool.append(Buffer.alloc(limits.spool.messageMemoryBytes));
    t.equal(spool.failure, undefined);
    spool.append(Buffer.from('x'));
    t.match(spool.failure, { code: 'spool-failed' });
    await t.rejects(Promise.resolve(spool.flush(spool.length)), { code: 'spool-failed' });
    spool.release();
    t.same([pool.usedBytes, pool.openFiles], [0, 0]);
  });

  t.test('closes a file that is released while it is written', async (t) => {
    const pool = new SpoolPool(t.testdir());
    const spool = pool.create();
    spool.append(Buffer.alloc(3_000_000));
    spool.release();
    await until('the file is closed', () => pool.openFiles === 0);
    t.equal(pool.usedBytes, 0);
  });
});

t.test('in sessions that go at random, each answer and each verdict is for its own command and mail', async (t) => {
  const sessions = Number(process.env.SLUICE_SESSIONS ?? 40);
  for (let seed = 1; seed <= sessions; seed += 1) {
    const problems = await randomSession(seeded(seed), t.testdir(), 15);
    t.equal(problems.join('\n'), '', `seed ${seed}`);
  }
});
