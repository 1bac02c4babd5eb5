/** IMAP connections of real sockets: the way to the server, TLS on both sides, limits, and servers that lie. */
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { readProxyHeader } from '../src/runtime/proxy-protocol.js';
import { type Dovecot, dovecotPrograms, startDovecot } from './support/dovecot.js';
import { ImapClient } from './support/imap-client.js';
import { startImapGate } from './support/imap-gate.js';
import { ScriptedImapServer, type ScriptStep } from './support/imap-upstream.js';
import { bytesOf, fetchItemsOf } from './support/imap-values.js';
import { skipWithout } from './support/missing.js';
import { freePort, waitFor } from './support/ports.js';
import { makeCertificates } from './support/tls.js';

const certificates = makeCertificates(t.testdir());
const caps = '* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n';

async function scripted(t: Test, script: readonly ScriptStep[]): Promise<ScriptedImapServer> {
  const server = await ScriptedImapServer.start(script);
  t.teardown(() => server.stop());
  return server;
}

/** What a client without TLS gets until the connection ends. */
async function heard(port: number, send = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    socket.setTimeout(10_000, () => reject(new Error(`nothing ends: ${text}`)));
    socket.write(send);
  });
}

const bye = (text: string) => `* BYE [UNAVAILABLE] ${text}\r\n`;
const unreachable = bye('The mail server cannot be reached, try again later');

t.test('a server that cannot be spoken to', async (t) => {
  const cases: readonly [string, readonly ScriptStep[]][] = [
    ['closes at once', [{ close: true }]],
    ['greets like a web server', [{ send: 'HTTP/1.1 400 Bad Request\r\n\r\n' }]],
    ['greets with a tag', [{ send: 'S1 OK hello\r\n' }]],
    ['greets with data', [{ send: '* 3 EXISTS\r\n' }]],
    ['greets with NO', [{ send: '* NO hello\r\n' }]],
    ['greets with a continuation request', [{ send: '+ hello\r\n' }]],
    ['greets without end', [{ send: `* OK ${'x'.repeat(200_000)}` }]],
    ['says nothing', []],
  ];
  for (const [title, script] of cases) {
    const server = await scripted(t, script);
    const gate = await startImapGate(t, { upstream: { port: server.port, connectTimeoutMs: 500 } });
    t.equal(await heard(gate.port, 'a LOGIN bob secret\r\n'), unreachable, title);
    t.notMatch(server.received, /secret/, `${title}: no password went there`);
    t.match(
      gate.log.map((line) => line.msg),
      ['no upstream', 'session ended'],
    );
    t.same(gate.errors, []);
  }
  const gate = await startImapGate(t, { upstream: { port: 1 } });
  t.equal(await heard(gate.port), unreachable, 'is not there');
});

t.test('STARTTLS with the server is done, or nothing is', async (t) => {
  const ask: ScriptStep = { expect: 'S0 STARTTLS\r\n' };
  const hello: ScriptStep = { send: '* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] hello\r\n' };
  const cases: readonly [string, readonly ScriptStep[]][] = [
    ['NO', [hello, ask, { send: 'S0 NO not today\r\n' }]],
    ['BAD', [hello, ask, { send: 'S0 BAD what\r\n' }]],
    ['a continuation request', [hello, ask, { send: '+ go\r\n' }]],
    ['another tag', [hello, ask, { send: 'S1 OK go\r\n' }]],
    ['PREAUTH', [{ send: '* PREAUTH hello\r\n' }]],
    ['BYE', [hello, ask, { send: '* BYE no\r\n' }, { close: true }]],
    ['responses ahead of the handshake', [hello, ask, { send: 'S0 OK go\r\n* 1 EXISTS\r\n' }]],
    ['half a response ahead of it', [hello, ask, { send: 'S0 OK go\r\n* 1' }]],
    ['no handshake', [hello, ask, { send: 'S0 OK go\r\n' }, { expect: '\x16' }, { send: '* OK what\r\n' }]],
  ];
  for (const [title, script] of cases) {
    const server = await scripted(t, script);
    const upstream = { port: server.port, tls: 'starttls' as const, ca: certificates.ca, servername: 'localhost' };
    const gate = await startImapGate(t, { upstream: { ...upstream, connectTimeoutMs: 1000 } });
    t.equal(await heard(gate.port, 'a LOGIN bob secret\r\n'), unreachable, title);
    t.notMatch(server.received, /secret/, `${title}: no password went there`);
    t.same(gate.errors, []);
  }

  const script: ScriptStep[] = [
    { send: '* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=EVIL] [ALERT] hello\r\n' },
    ask,
    { send: '* 5 EXISTS\r\nS0 OK go\r\n' },
    { tls: certificates },
    { expect: 'S0 CAPABILITY\r\n' },
    { send: `${caps}S0 OK done\r\n` },
    { expect: 'S1 NOOP\r\n' },
    { send: 'S1 OK done\r\n' },
  ];
  const server = await scripted(t, script);
  const upstream = { port: server.port, tls: 'starttls' as const, ca: certificates.ca, servername: 'localhost' };
  const good = await startImapGate(t, { upstream });
  const client = await ImapClient.open(good.port);
  t.equal((await client.next()).raw.toString('latin1'), '* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] Ready\r\n');
  t.equal((await client.command('NOOP')).status, 'OK');
  client.destroy();

  const other = await startImapGate(t, { upstream: { ...upstream, servername: 'other.example' } });
  t.equal(await heard(other.port), unreachable, 'a certificate of another name');
  const unknown = await startImapGate(t, { upstream: { ...upstream, ca: undefined } });
  t.equal(await heard(unknown.port), unreachable, 'a certificate of nobody we know');
});

t.test('TLS with the server from the start', async (t) => {
  const script: ScriptStep[] = [{ tls: certificates }, { send: '* OK hello\r\n' }];
  const server = await scripted(t, script);
  const upstream = { port: server.port, tls: 'implicit' as const, ca: certificates.ca, servername: 'localhost' };
  const gate = await startImapGate(t, { upstream });
  const client = await ImapClient.open(gate.port);
  t.equal((await client.next()).raw.toString('latin1'), '* OK hello\r\n');
  client.destroy();
});

t.test('TLS with the client', async (t) => {
  const script: ScriptStep[] = [
    { send: '* OK hello\r\n' },
    { expect: 'S1 LOGIN bob secret\r\n' },
    { send: 'S1 OK in\r\n' },
  ];
  const server = await scripted(t, script);
  const upstream = { port: server.port };
  const implicit = await startImapGate(t, { tls: 'implicit', certificates, upstream });
  const first = await ImapClient.open(implicit.port, { tlsCa: certificates.ca, host: 'localhost' });
  await first.next();
  await first.ok('LOGIN bob secret');
  t.same(implicit.judge.calls.slice(0, 1), ['inspects tls localhost'], 'the judge knows the name that was asked for');
  first.destroy();

  const starttls = await startImapGate(t, {
    tls: 'starttls',
    certificates,
    upstream,
    settings: { authWithoutTls: false },
  });
  const second = await ImapClient.open(starttls.port);
  await second.next();
  t.equal((await second.command('LOGIN bob secret')).status, 'NO');
  await second.startTls(certificates.ca);
  await second.ok('LOGIN bob secret');
  t.equal(starttls.judge.calls.at(-1), 'account bob');
  second.destroy();

  const injected = await heard(starttls.port, 'a STARTTLS\r\nb LOGIN bob secret\r\n');
  t.match(injected, /^\* OK hello\r\n\* BYE \[CLIENTBUG\] [^\n]*\n$/, 'what is sent ahead of the handshake ends it');
  t.notMatch(JSON.stringify([implicit.log, starttls.log]), /secret/, 'no password in the log');
});

t.test('a client that never finishes its handshake', async (t) => {
  const server = await scripted(t, [{ send: '* OK hello\r\n' }]);
  const options = { tls: 'implicit' as const, certificates, upstream: { port: server.port } };
  const gate = await startImapGate(t, { ...options, server: { tlsHandshakeMs: 200 } });
  t.equal(await heard(gate.port), '');
  t.equal(await heard(gate.port, 'GET / HTTP/1.0\r\n\r\n'), '', 'nor one that speaks something else');
  t.equal(server.connections, 0, 'the server is not troubled');
  t.equal(gate.server.connections, 0);
});

t.test('limits of connections', async (t) => {
  const server = await scripted(t, [{ send: '* OK hello\r\n' }]);
  const perPeer = await startImapGate(t, { upstream: { port: server.port }, server: { connectionsPerPeerMax: 2 } });
  const all = await startImapGate(t, { upstream: { port: server.port }, server: { connectionsMax: 2 } });
  for (const gate of [perPeer, all]) {
    const clients = [await ImapClient.open(gate.port), await ImapClient.open(gate.port)];
    for (const client of clients) await client.next();
    t.equal(await heard(gate.port), '* BYE [LIMIT] Too many connections, try again later\r\n');
    const other = await ImapClient.open(gate.port, { from: '127.0.0.2' });
    t.equal((await other.next()).name, gate === perPeer ? 'OK' : 'BYE');
    other.destroy();
    for (const client of clients) client.destroy();
    await waitFor('the connections to end', 5000, () => gate.server.connections === 0);
    const again = await ImapClient.open(gate.port);
    t.equal((await again.next()).name, 'OK', 'room again');
    again.destroy();
  }
});

t.test('PROXY headers, of the client and for the server', async (t) => {
  const server = await scripted(t, [{ send: '* OK hello\r\n' }]);
  const gate = await startImapGate(t, {
    upstream: { port: server.port, clientIdentity: 'proxy-v2' },
    server: { believesProxy: () => true, proxyHeaderMs: 300 },
  });
  const client = await ImapClient.open(gate.port);
  await client.send('PROXY TCP4 192.0.2.9 192.0.2.1 4711 143\r\n');
  t.equal((await client.next()).name, 'OK');
  const header = readProxyHeader(Buffer.from(server.received, 'latin1'));
  t.match(header, { kind: 'header', source: { address: '192.0.2.9', port: 4711 } });
  client.destroy();
  await waitFor('the session to end', 5000, () => gate.log.some((line) => line.msg === 'session ended'));
  t.match(
    gate.log.find((line) => line.msg === 'session ended'),
    { peer: '192.0.2.9' },
  );
  t.match(await heard(gate.port, 'a NOOP\r\n'.repeat(20)), /^\* BYE /, 'a peer without header');
  t.match(await heard(gate.port), /^\* BYE /, 'a peer that says nothing');
});

t.test('a gate that is its own server', async (t) => {
  const port = await freePort();
  const gate = await startImapGate(t, { upstream: { port }, server: { port } });
  t.equal(await heard(port), '* BYE This is the gate itself: its upstream leads back to it\r\n');
  await waitFor('the connections to end', 5000, () => gate.server.connections === 0);
  t.equal(gate.outbound.size, 0);
});

t.test('the gate stops: answers come first, within the time it has', async (t) => {
  const script: ScriptStep[] = [
    { send: '* PREAUTH hello\r\n' },
    { expect: 'S1 STATUS x (MESSAGES)\r\n' },
    { expect: 'never' },
  ];
  const server = await scripted(t, script);
  const gate = await startImapGate(t, { upstream: { port: server.port } });
  const idle = await ImapClient.open(gate.port);
  const busy = await ImapClient.open(gate.port);
  await idle.next();
  await busy.next();
  await busy.send('a STATUS x (MESSAGES)\r\n');
  await waitFor('the command', 5000, () => server.received.includes('STATUS'));
  const stopped = gate.server.stop(400);
  t.match((await idle.next()).raw.toString('latin1'), /^\* BYE \[UNAVAILABLE\] The gate is shutting down/);
  t.match((await busy.next()).raw.toString('latin1'), /^\* BYE \[UNAVAILABLE\] The gate is shutting down/);
  await busy.ended();
  await stopped;
  await waitFor('the last connection to end', 2000, () => gate.server.connections === 0);
  t.same(gate.errors, []);
});

t.test('a server that goes away', async (t) => {
  const script: ScriptStep[] = [{ send: '* OK hello\r\n' }, { expect: 'NOOP\r\n' }, { close: true }];
  const server = await scripted(t, script);
  const gate = await startImapGate(t, { upstream: { port: server.port } });
  const text = await heard(gate.port, 'a NOOP\r\n');
  t.equal(text, `* OK hello\r\n${bye('The mail server closed the connection')}`);
});

t.test('nobody can foresee the tags of a connection', async (t) => {
  const script: ScriptStep[] = [{ send: '* OK hello\r\n' }, { expect: 'NOOP\r\n' }, { close: true }];
  const tags = new Set<string>();
  for (let connection = 0; connection < 5; connection += 1) {
    const server = await scripted(t, script);
    const gate = await startImapGate(t, { upstream: { port: server.port }, ownTags: true });
    await heard(gate.port, 'a NOOP\r\n');
    t.match(server.received, /^S[0-9a-f]{8}x1 NOOP\r\n$/);
    tags.add(server.received);
  }
  t.equal(tags.size, 5);
});

const skip = skipWithout(...dovecotPrograms);
const mails = Array.from({ length: 8 }, (_, number) =>
  Buffer.from(`From: a@example.org\r\nSubject: mail ${number}\r\n\r\nbody ${number}\r\n`),
);
let dovecotStart: Promise<Dovecot> | undefined;

/** One Dovecot for all tests, started by the first. */
async function bed() {
  dovecotStart ??= startDovecot(t);
  const dovecot = await dovecotStart;
  return { dovecot, password: dovecot.password };
}

const everyday = [
  'CAPABILITY',
  'LIST "" *',
  'STATUS INBOX (MESSAGES UIDNEXT UNSEEN)',
  'ENABLE CONDSTORE',
  'SELECT INBOX',
  'FETCH 1:* (UID FLAGS RFC822.SIZE BODY.PEEK[])',
  'UID FETCH 2:3 (ENVELOPE BODY.PEEK[TEXT]<2.3>)',
  'STORE 2 +FLAGS (\\Flagged)',
  'SEARCH RETURN (ALL COUNT) ALL',
  'SEARCH RETURN (SAVE) FLAGGED',
  'FETCH $ (FLAGS)',
  'CREATE other',
  'UID COPY 1:2 other',
  'UID MOVE 3 other',
  'NOOP',
  'SORT (SUBJECT) UTF-8 ALL',
  'CLOSE',
  'SELECT other (CONDSTORE)',
  'EXAMINE nowhere',
  'RENAME other another',
  'DELETE another',
  'LOGOUT',
];

t.test('before Dovecot: the same commands are answered the same way, judged or not', { skip }, async (t) => {
  const { dovecot, password } = await bed();
  const transcript = async (port: number, user: string) => {
    dovecot.putMaildir(user, mails);
    const client = await ImapClient.login(port, user, password);
    const lines: string[] = [];
    for (const command of everyday) {
      const { untagged, tagged } = await client.command(command);
      lines.push(...[...untagged, tagged].map(({ raw }) => withoutTimes(raw.toString('latin1'))));
    }
    return lines;
  };
  const direct = await transcript(dovecot.port, 'direct');
  for (const inspected of [true, false]) {
    const gate = await startImapGate(t, { upstream: { port: dovecot.port }, inspected });
    const through = await transcript(gate.port, inspected ? 'judged' : 'not-judged');
    t.same(through.slice(1), direct.slice(1), inspected ? 'judged' : 'not judged');
    const [offered = '', behind = ''] = [direct[0], through[0]];
    for (const name of behind.trim().split(' ')) t.ok(offered.includes(name), `${name} is the server's`);
    t.same(gate.errors, []);
    t.same(
      gate.log.filter((line) => line.msg === 'protocol event'),
      [],
      'nothing was out of order',
    );
  }
});

t.test('before Dovecot: what a client wraps in commands that the server refuses is not run', { skip }, async (t) => {
  const { dovecot, password } = await bed();
  const wrapped = (command: string) => [
    `a GETQUOTA {${command.length + 2}+}\r\n${command}\r\n`,
    `a LIST ~{${command.length + 2}+}\r\n${command}\r\n`,
    `a LIST "" "x" (a {${command.length + 2}+}\r\n${command}\r\n)`,
    `a APPEND INBOX x "${command}`,
    `a GETQUOTA (${command}`,
  ];
  const user = dovecot.user('wrapper');
  const gate = await startImapGate(t, { upstream: { port: dovecot.port } });
  const behind = await ImapClient.login(gate.port, user, password);
  const direct = await ImapClient.login(dovecot.port, user, password);
  let reached = 0;
  for (const [number, text] of wrapped('x CREATE behind').entries()) {
    await behind.send(`${text}\r\nb NOOP\r\n`);
    await behind.until(({ tag }) => tag === 'b');
    t.same((await direct.ok('LIST "" behind')).untagged, [], `way ${number}`);
    await direct.send(`${wrapped(`x CREATE direct${number}`)[number]}\r\nb NOOP\r\n`);
    await direct.until(({ tag }) => tag === 'b');
    reached += (await direct.ok(`LIST "" direct${number}`)).untagged.length;
  }
  t.ok(reached >= 3, `${reached} of these ways do reach Dovecot itself`);
  behind.destroy();
  direct.destroy();
});

t.test('before Dovecot: commands that are sent together are all answered', { skip }, async (t) => {
  const { dovecot, password } = await bed();
  const gate = await startImapGate(t, { upstream: { port: dovecot.port } });
  const user = dovecot.user('pipeline');
  dovecot.putMaildir(user, mails);
  for (const segmentation of ['whole', 'octets', [7, 1, 30]] as const) {
    const client = await ImapClient.open(gate.port);
    const literal = 'From: a@example.org\r\n\r\nhello\r\n';
    const commands = [
      `a LOGIN ${user} {${password.length}+}\r\n${password}`,
      'b SELECT INBOX',
      'c FETCH 1:2 (UID BODY.PEEK[])',
      'd NOOP',
      'e UID FETCH 3 BODY.PEEK[HEADER]',
      `f APPEND INBOX {${literal.length}+}\r\n${literal}`,
      'g XYZZY',
      'h STATUS other (MESSAGES)',
      'i IDLE\r\nDONE',
      'j LOGOUT',
    ];
    await client.send(`${commands.join('\r\n')}\r\n`, segmentation);
    const tags: string[] = [];
    while (!tags.includes('j')) {
      const { tag } = await client.next();
      if (tag !== '*' && tag !== '+') tags.push(tag);
    }
    // Dovecot itself answers what comes behind an APPEND before it.
    t.same([...tags].sort(), [...'abcdefghij'], `each once, ${JSON.stringify(segmentation)}`);
    t.same([...tags.slice(0, 5), ...tags.slice(8)], [...'abcdeij'], 'those that others wait for in their order');
    client.destroy();
  }
});

t.test('before Dovecot: a large message goes up and comes down as it is', { skip }, async (t) => {
  const { dovecot, password } = await bed();
  const gate = await startImapGate(t, { upstream: { port: dovecot.port } });
  const user = dovecot.user('large');
  const mail = Buffer.concat([
    Buffer.from('From: a@example.org\r\nSubject: large\r\n\r\n'),
    ...Array.from({ length: 60_000 }, (_, line) => Buffer.from(`${line} ${'z'.repeat(line % 300)}\r\n`)),
  ]);
  const client = await ImapClient.login(gate.port, user, password);
  for (const eager of [true, false]) {
    await client.ok('APPEND INBOX ', { literal: mail, eager });
  }
  await client.ok('SELECT INBOX');
  const answer = await client.ok('FETCH 1:2 BODY.PEEK[]');
  for (const response of answer.untagged) {
    t.ok(bytesOf(fetchItemsOf(response).get('BODY[]'))?.equals(mail), 'octet by octet');
  }
  t.equal(answer.untagged.length, 2);
  await client.logout();
});

t.test('before Dovecot: a client that idles is told what others do', { skip }, async (t) => {
  const { dovecot, password } = await bed();
  const gate = await startImapGate(t, { upstream: { port: dovecot.port } });
  const user = dovecot.user('idler');
  const idler = await ImapClient.login(gate.port, user, password);
  const other = await ImapClient.login(gate.port, user, password);
  await idler.ok('SELECT INBOX');
  await idler.send('z IDLE\r\n');
  t.equal((await idler.next()).tag, '+');
  await other.ok('APPEND INBOX ', { literal: mails[0] ?? Buffer.alloc(0) });
  t.match((await idler.until(({ name }) => name === 'EXISTS')).at(-1)?.raw.toString('latin1'), /^\* 1 EXISTS/);
  await idler.send('DONE\r\n');
  t.equal((await idler.until(({ tag }) => tag === 'z')).at(-1)?.name, 'OK');
  await idler.logout();
  await other.logout();
});

t.test('before Dovecot: nothing of a password is logged', { skip }, async (t) => {
  const { dovecot, password } = await bed();
  const gate = await startImapGate(t, { upstream: { port: dovecot.port } });
  const user = dovecot.user('private');
  const plain = Buffer.from(`\0${user}\0${password}`).toString('base64');
  for (const command of [`LOGIN ${user} ${password}`, `LOGIN ${user} ${password}x`, `AUTHENTICATE PLAIN ${plain}`]) {
    const client = await ImapClient.open(gate.port);
    await client.next();
    await client.command(command);
    await client.command(`LOGIN ${user} ${password} ${password}`);
    await client.logout();
  }
  await waitFor('the sessions to end', 5000, () => gate.server.connections === 0);
  const log = JSON.stringify(gate.log);
  for (const secret of [password, plain]) t.notOk(log.includes(secret));
  t.ok(log.includes(user), 'who it was is');
});

/** What differs from one run of a server to the next. */
function withoutTimes(text: string): string {
  return text
    .replace(/ \(\d+\.\d+ \+ [^)]*\)/g, '')
    .replace(/^[a-z]\d+ /, '')
    .replace(/(UIDVALIDITY|COPYUID|HIGHESTMODSEQ|MODSEQ) \(?\d+/g, '$1')
    .replace(/(?:\\Recent ?)|( RECENT)/g, '$1');
}
