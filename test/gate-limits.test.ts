/**
 * The bounds that an administrator sets, each reached from outside; what the gate answers then, and that the next one
 * is served. And the monitoring port, which tells of it.
 */
import { connect } from 'node:net';
import { hostname } from 'node:os';
import t, { type Test } from 'tap';
import { Client } from './support/client.js';
import type { Gate, Settings } from './support/gate.js';
import { buildMail, dotMail, dotStuff, eicarMail } from './support/mail.js';
import { skipWithout } from './support/missing.js';
import { freePort, waitFor } from './support/ports.js';
import { runProgram } from './support/program.js';
import { metricsOf, sendMail, startGate, startSink } from './support/running.js';
import type { Sink, SinkOptions } from './support/sink.js';

t.setTimeout(120_000);

const alice = 'alice@client.example';
const bob = 'bob@example.org';

interface Bounded {
  readonly gate: { readonly port: number; readonly statusPort: number };
  readonly sink: Sink;
  readonly process: Gate;
}

/** A gate with these `smtp.limits` or `smtp.timeouts`, on its usual port. */
async function boundedGate(t: Test, smtp: Settings, options: SinkOptions = {}): Promise<Bounded> {
  const sink = await startSink(t, options);
  const port = await freePort();
  const upstream = { host: '127.0.0.1', port: sink.port };
  const listener = { listen: `127.0.0.1:${port}`, upstream, localDomains: ['example.org'] };
  const process = await startGate(t, { config: { smtp: { listeners: [listener], ...smtp } } });
  return { gate: { port, statusPort: process.statusPort }, sink, process };
}

t.test('connections in all and of one address', async (t) => {
  const { gate, process } = await boundedGate(t, { limits: { connections: 4, connectionsPerPeer: 2 } });
  const clients = [await Client.greet(gate.port), await Client.greet(gate.port)];
  const refused = await Client.open(gate.port);
  t.match((await refused.reply()).raw, /^421 4\.7\.0 Too many connections/, 'the third of one address');
  await refused.ended();
  clients.push(
    await Client.greet(gate.port, { from: '127.0.0.2' }),
    await Client.greet(gate.port, { from: '127.0.0.3' }),
  );
  const fifth = await Client.open(gate.port, { from: '127.0.0.4' });
  t.match((await fifth.reply()).raw, /^421 4\.7\.0 /, 'the fifth of all');
  await clients[0]?.quit();
  await waitFor('the end of the first', 10_000, async () =>
    /^sluice_smtp_connections\{[^}]*\} 3$/m.test(await metricsOf(process)),
  );
  const next = await Client.greet(gate.port);
  t.equal((await next.mail(alice, [bob], dotMail())).code, 250, 'one that left makes room');
  for (const client of [...clients, next]) client.destroy();
});

/** A client on the port named second; IP_LOCAL_PORT_RANGE (Linux 6.3) lets the kernel share it, as it does by chance. */
const sharingClient = `
import socket, struct, sys
client = socket.socket()
port = int(sys.argv[2])
try:
    client.setsockopt(socket.IPPROTO_IP, 51, struct.pack('I', port | port << 16))
except OSError:
    sys.exit('this kernel cannot')
client.connect(('127.0.0.1', int(sys.argv[1])))
print(client.recv(200).decode())
`;

t.test('a client port that a connection of ours has too is no loop', { skip: skipWithout('python3') }, async (t) => {
  const { gate, sink } = await boundedGate(t, {});
  const first = await Client.greet(gate.port);
  const parameters = ['-c', sharingClient, String(gate.port), String(sink.clientPorts[0])];
  const { output } = await runProgram('python3', parameters);
  t.match(output, /^220 |^this kernel cannot/);
  first.destroy();
});

t.test('a gate that is its own next hop by a name that hides it says so', async (t) => {
  const port = await freePort();
  const upstream = { host: hostname(), port };
  const listener = { listen: `0.0.0.0:${port}`, upstream, localDomains: ['example.org'] };
  const process = await startGate(t, { config: { smtp: { listeners: [listener] } } });
  const client = await Client.open(port);
  t.match(
    (await client.reply()).raw,
    /^421 4\.4\.[16] /,
    'a loop, or unreachable where no name is known for this machine',
  );
  const accepted = /^sluice_smtp_connections_total\{\S*result="accepted"\} (\d+)$/m.exec(await metricsOf(process));
  t.ok(Number(accepted?.[1]) < 10, `after ${accepted?.[1]} connections, not when there is no more room`);
  client.destroy();
});

t.test('recipients: the one too many is refused, the others get the mail', async (t) => {
  const { gate, sink } = await boundedGate(t, { limits: { recipients: 3 } });
  const client = await Client.greet(gate.port);
  await client.command(`MAIL FROM:<${alice}>`, 250);
  for (const name of ['a', 'b', 'c']) await client.command(`RCPT TO:<${name}@example.org>`, 250);
  t.match((await client.command('RCPT TO:<d@example.org>')).raw, /^452 4\.5\.3 /);
  await client.command('DATA', 354);
  await client.send(dotStuff(dotMail()));
  await client.expect(250);
  t.equal(sink.messages[0]?.recipients.length, 3);
  t.equal((await client.mail(alice, [bob], dotMail())).code, 250);
  client.destroy();
});

t.test('messageBytes: announced, checked with SIZE and again at the end, and the session goes on', async (t) => {
  const { gate, sink } = await boundedGate(t, { limits: { messageBytes: 50_000 } });
  const client = await Client.open(gate.port);
  await client.expect(220);
  const { raw } = await client.command('EHLO client.example');
  t.match(raw, /^250[- ]SIZE 50000\r$/m);
  t.match((await client.command(`MAIL FROM:<${alice}> SIZE=50001`)).raw, /^552 5\.3\.4 /);
  const whole = buildMail({ text: `${'x'.repeat(70)}\r\n` });
  const fill = (bytes: number) =>
    Buffer.concat([whole, Buffer.alloc(bytes - whole.length - 2, 'y'), Buffer.from('\r\n')]);
  t.equal((await client.mail(alice, [bob], fill(50_000))).code, 250, 'just as much');
  t.match((await client.mail(alice, [bob], fill(50_001))).raw, /^552 5\.3\.4 /, 'one octet more');
  const sneaky = Buffer.concat([fill(5_000_000), Buffer.from('..\r\nRSET\r\nMAIL FROM:<x@y.example>\r\n')]);
  t.match((await client.mail(alice, [bob], sneaky)).raw, /^552 5\.3\.4 /, 'read to its true end');
  t.equal((await client.mail(alice, [bob], dotMail())).code, 250, 'none of it was taken for commands');
  t.equal(client.unread, '');
  t.equal(sink.messages.length, 2);
  t.notOk(sink.commands.some(({ line }) => line.includes('x@y.example')));
  client.destroy();
});

t.test('silence ends a connection, in commands and in a message; errors do when there are too many', async (t) => {
  const { gate, sink } = await boundedGate(t, {
    timeouts: { commandSeconds: 1, dataSeconds: 1 },
    limits: { errors: 3 },
  });
  const idle = await Client.greet(gate.port);
  const busy = await Client.greet(gate.port);
  await busy.command(`MAIL FROM:<${alice}>`, 250);
  await busy.command(`RCPT TO:<${bob}>`, 250);
  await busy.command('DATA', 354);
  await busy.send('Subject: half\r\n');
  t.match((await idle.reply()).raw, /^421 4\.4\.2 /);
  t.match((await busy.reply()).raw, /^421 4\.4\.2 /);
  await Promise.all([idle.ended(), busy.ended()]);
  t.equal(sink.messages.length, 0, 'half a message is none');
  const wrong = await Client.greet(gate.port);
  await wrong.send('NONSENSE\r\n'.repeat(10));
  const codes: number[] = [];
  while (codes.at(-1) !== 421) codes.push((await wrong.reply()).code);
  t.ok(codes.length <= 4 && codes.slice(0, -1).every((code) => code === 500), codes.join());
  await wrong.ended();
});

t.test('a next hop that does not answer in time is a 421, not a hang', async (t) => {
  const stall = ({ verb }: { readonly verb: string }) =>
    verb === 'RCPT' ? { text: '250 late\r\n', delayMs: 4000 } : undefined;
  const { gate } = await boundedGate(t, { timeouts: { upstreamReplySeconds: 1 } }, { script: stall });
  const client = await Client.greet(gate.port);
  await client.command(`MAIL FROM:<${alice}>`, 250);
  t.match((await client.command(`RCPT TO:<${bob}>`)).raw, /^4[25]1 /);
  client.destroy();
});

/** The status line and body of a request written by hand. */
async function rawRequest(port: number, text: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(text);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += String(chunk);
  });
  // A request that is refused half read ends with a reset.
  socket.on('error', () => socket.destroy());
  await new Promise((resolve) => {
    socket.once('close', resolve);
  });
  return answer;
}

t.test('the monitoring port tells what is, and serves nothing else', async (t) => {
  const { gate, sink, process } = await boundedGate(t, { timeouts: { shutdownSeconds: 5 } });
  const url = `http://127.0.0.1:${gate.statusPort}`;
  t.equal(await (await fetch(`${url}/healthz`)).text(), 'ok\n');
  const ready = await fetch(`${url}/readyz`);
  t.equal(ready.status, 200);
  t.match(await ready.json(), { ready: true, checks: { 'backend embedded': 'ok' } });
  await sendMail(gate, dotMail());
  await sendMail(gate, eicarMail());
  const metrics = await metricsOf(process);
  t.match(metrics, /^sluice_messages_total\{[^}]*action="permit"[^}]*\} 1$/m);
  t.match(metrics, /^sluice_messages_total\{[^}]*action="block"[^}]*\} 1$/m);
  const help = metrics.match(/^# HELP (\S+) \S+/gm) ?? [];
  t.equal(help.length, (metrics.match(/^# TYPE /gm) ?? []).length, 'each metric has a sentence');
  t.notMatch(metrics, /@|EICAR/i, 'no mail data');

  for (const path of [
    '/',
    '/metrics/',
    '//metrics',
    '/../metrics',
    '/..%2fmetrics',
    '/metrics%00',
    '/q/x',
    '/.env',
    '/METRICS',
  ]) {
    t.match(await rawRequest(gate.statusPort, `GET ${path} HTTP/1.0\r\n\r\n`), /^HTTP\/1\.1 404 /, path);
  }
  t.match(await rawRequest(gate.statusPort, 'GET /healthz?x=/../ HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
    t.match(await rawRequest(gate.statusPort, `${method} /metrics HTTP/1.0\r\n\r\n`), /^HTTP\/1\.1 405 /, method);
  }
  t.match(await rawRequest(gate.statusPort, 'HEAD /metrics HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 [\s\S]*\r\n\r\n$/);
  t.match(
    await rawRequest(gate.statusPort, `GET /${'a'.repeat(100_000)} HTTP/1.0\r\n\r\n`),
    /^HTTP\/1\.1 (?:404|414|431) /,
  );
  t.match(await rawRequest(gate.statusPort, 'EHLO x\r\n\r\n'), /^HTTP\/1\.1 400 /);

  const client = await Client.greet(gate.port);
  await client.command(`MAIL FROM:<${alice}>`, 250);
  await client.command(`RCPT TO:<${bob}>`, 250);
  await client.command('DATA', 354);
  process.signal('SIGTERM');
  const stopping = await waitFor('that it stops', 10_000, async () => {
    const answer = await fetch(`${url}/readyz`);
    return answer.status === 503 ? answer.text() : undefined;
  });
  t.match(stopping, 'stopping');
  t.equal((await fetch(`${url}/healthz`)).status, 200, 'it still lives');
  const before = sink.messages.length;
  await client.send(dotStuff(dotMail()));
  await client.expect(250);
  t.equal(sink.messages.length, before + 1);
  await waitFor('the end', 10_000, () => !process.running || undefined);
});
