/** The commands on the quarantine, run as a user runs them: arguments in, output and exit code out. */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { Command, CommanderError } from 'commander';
import { simpleParser } from 'mailparser';
import t from 'tap';
import { registerIncidents } from '../src/cli/incidents.js';
import { registerKeygen } from '../src/cli/keygen.js';
import { registerPreview } from '../src/cli/preview.js';
import { registerQuarantine } from '../src/cli/quarantine.js';
import { jsonText, type StoreContext } from '../src/cli/store-context.js';
import type { Deliver } from '../src/quarantine/deliver.js';
import { GateError } from '../src/runtime/errors.js';
import { holdRequest, report } from './support/held-message.js';
import { holdWithLinks } from './support/lifecycle-stage.js';
import { eicarMail } from './support/mail.js';
import { accepted, contentOf, refused } from './support/postman.js';
import { openVault, policy, testDirectory } from './support/test-vault.js';

class Sink extends Writable {
  readonly isTTY: boolean;
  bytes = Buffer.alloc(0) as Buffer;

  constructor(isTTY = false) {
    super();
    this.isTTY = isTTY;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    done();
  }
}

interface Result {
  readonly code: number;
  readonly out: string;
  readonly bytes: Buffer;
  readonly err: string;
}

interface Setting {
  readonly directory: string;
  readonly deliver?: Deliver;
  readonly tty?: boolean;
  readonly publicUrl?: string;
}

const unused: Deliver = () => Promise.reject(new Error('connection refused'));

async function sluice(setting: Setting, ...args: string[]): Promise<Result> {
  const stdout = new Sink(setting.tty);
  const stderr = new Sink();
  let code = -1;
  const context: StoreContext = {
    async load(file) {
      if (file !== 'sluice.yaml') throw new GateError('config-invalid', `${file}: no such file`);
      return {
        dataDirectory: setting.directory,
        recipients: [],
        identityFile: undefined,
        policy: { ...policy, publicUrl: setting.publicUrl },
        routes: () => ({ host: '127.0.0.1', port: 1, tls: 'none', verify: true, reentry: false }),
        deliver: setting.deliver ?? unused,
      };
    },
    stdout,
    stderr,
    exit: (value) => {
      code = value;
    },
    now: () => Date.UTC(2026, 2, 1),
  };
  const program = new Command('sluice');
  program.exitOverride().configureOutput({ writeErr: (text) => void stderr.write(text) });
  for (const register of [registerQuarantine, registerIncidents, registerPreview, registerKeygen])
    register(program, context);
  const inherit = (command: Command) => {
    for (const child of command.commands) inherit(child.copyInheritedSettings(command));
  };
  inherit(program);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    code = 2;
  }
  return { code, out: stdout.bytes.toString(), bytes: stdout.bytes, err: stderr.bytes.toString() };
}

const message = Buffer.from('Subject: x\r\n\r\nbody \xff\r\n', 'latin1');
const config = ['-c', 'sluice.yaml'];

t.test('list and show tell what is held, without obeying what strangers wrote', async (t) => {
  const test = await openVault(t);
  const hostile = 'evil\u001b]0;owned\u0007\r\nfake line \u202egpj.exe \u009b31m';
  const request = holdRequest(message, { report: report({ subject: hostile, from: hostile }) });
  const { id } = await test.vault.hold(request);
  const setting = { directory: test.directory };
  const list = await sluice(setting, 'quarantine', 'list', ...config);
  t.match(list, { code: 0 });
  t.match(list.out, id);
  t.match(list.out, 'anna@example.org +1');
  t.equal(list.out.trimEnd().split('\n').length, 2);
  const show = await sluice(setting, 'quarantine', 'show', id, ...config);
  t.match(show, { code: 0, err: '' });
  for (const text of [
    'EICAR-Test-File',
    'invoice.zip',
    'anna@example.org pending',
    'notice to carl@example.org queued',
    'gate held',
  ]) {
    t.match(show.out, text);
  }
  const json = await sluice(setting, 'quarantine', 'show', id, '--json', ...config);
  t.equal(JSON.parse(json.out).item.subject, hostile);
  for (const { out } of [list, show, json]) t.notMatch(out, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  t.equal(jsonText('\u{e0041}'), '"\\udb40\\udc41"');

  t.match(await sluice(setting, 'quarantine', 'list', '--state', 'released', ...config), {
    code: 0,
    out: 'nothing in quarantine\n',
  });
  t.match(await sluice(setting, 'quarantine', 'list', '--state', 'gone', ...config), {
    code: 2,
    err: /Allowed choices/,
  });
  t.match(await sluice(setting, 'quarantine', 'list'), { code: 2, err: /--config/ });
  t.match(await sluice(setting, 'quarantine', 'list', '-c', 'other'), { code: 1, err: /other: no such file/ });
  t.match(await sluice(setting, 'quarantine', 'show', 'nothing', ...config), { code: 1, err: /quarantine list/ });
});

t.test('a request is listed, shown, denied once, and answered by a release or a deletion', async (t) => {
  const test = await openVault(t, { policy: { publicUrl: 'https://q.example.org' } });
  const { id, first } = await holdWithLinks(test.vault, message);
  await holdWithLinks(test.vault, Buffer.from('nobody asks for this one'));
  const setting = { directory: test.directory };
  const early = await sluice(setting, 'quarantine', 'deny', id, ...config);
  t.match(early, { code: 1, out: '', err: /nobody asked for its release/ });
  await test.vault.requestRelease(first);
  const list = await sluice(setting, 'quarantine', 'list', '--state', 'release-requested', '--json', ...config);
  t.match(JSON.parse(list.out), [{ id }]);
  t.equal(JSON.parse(list.out).length, 1);
  const asked = await sluice(setting, 'quarantine', 'show', id, ...config);
  t.match(asked.out, /Asked for by:\n {2}anna@example\.org at 2026-03-01 00:00 UTC\n/);
  t.notMatch(asked.out, 'Decision:');
  const reason = 'Not for work\u001b[31m\u202e';
  const denied = await sluice(setting, 'quarantine', 'deny', id, '--reason', reason, ...config);
  t.match(denied, { code: 0, out: `denied ${id}\n`, err: '' });
  t.match(await sluice(setting, 'quarantine', 'deny', id, ...config), { code: 0, out: `${id} was denied before\n` });
  const show = await sluice(setting, 'quarantine', 'show', id, ...config);
  t.match(show.out, /Decision:\n {2}request-denied at 2026-03-01 00:00 UTC by cli:\w+: Not for work \[31m\n/);
  t.notMatch(show.out, /\u001b|\u202e/);
  const json = JSON.parse((await sluice(setting, 'quarantine', 'show', id, '--json', ...config)).out);
  t.match(json, { requests: [{ recipient: 'anna@example.org' }], decision: { reason } });
  t.match(await sluice(setting, 'quarantine', 'deny', 'a'.repeat(26), ...config), { code: 1, err: /no item/ });
  t.match(await sluice(setting, 'quarantine', 'deny', ...config), { code: 2 });
  await sluice(setting, 'quarantine', 'delete', id, ...config);
  t.match(await sluice(setting, 'quarantine', 'deny', id, ...config), { code: 1, err: /it is deleted/ });
});

t.test('the form of a release is chosen on the command line', async (t) => {
  const test = await openVault(t);
  const { id } = await test.vault.hold(holdRequest(eicarMail()));
  let sent = '';
  const deliver: Deliver = async (request) => {
    sent = contentOf(request).toString('latin1');
    return request.recipients.map(({ address }) => accepted(address));
  };
  const setting = { directory: test.directory, deliver };
  t.match(await sluice(setting, 'quarantine', 'release', id, '--as', 'tar', ...config), {
    code: 2,
    err: /original, zip/,
  });
  t.match(await sluice(setting, 'quarantine', 'release', id, '--as', 'zip', ...config), { code: 0 });
  t.match(sent, 'filename=attachments.zip');
  t.match((await sluice(setting, 'quarantine', 'show', id, ...config)).out, 'release as zip sent');
});

t.test('export writes the original or the sealed file, and overwrites nothing', async (t) => {
  const test = await openVault(t);
  const { id } = await test.vault.hold(holdRequest(message));
  const setting = { directory: test.directory };
  const file = join(test.directory, 'out.eml');
  t.match(await sluice(setting, 'quarantine', 'export', id, '--out', file, ...config), { code: 0 });
  t.ok(readFileSync(file).equals(message));
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.match(await sluice(setting, 'quarantine', 'export', id, '--out', file, ...config), { code: 1, err: /exists/ });
  t.ok((await sluice(setting, 'quarantine', 'export', id, '--out', '-', ...config)).bytes.equals(message));
  const sealed = await sluice(setting, 'quarantine', 'export', id, '--sealed', '--out', '-', ...config);
  t.ok(sealed.bytes.equals(readFileSync(test.vault.blobs.fileOf(id))));
  t.match(await sluice({ ...setting, tty: true }, 'quarantine', 'export', id, '--out', '-', ...config), {
    code: 2,
    bytes: Buffer.alloc(0),
  });
  const actions = (await test.vault.detail(id)).audit.map((row) => row.action);
  t.same(actions, ['held', 'exported', 'exported', 'exported-sealed']);
  rmSync(join(test.directory, 'identity.txt'));
  t.match(await sluice(setting, 'quarantine', 'export', id, ...config), { code: 1, err: /identityFile/ });
});

t.test('release waits for the answer, prints it, and its exit code says whether everybody has the mail', async (t) => {
  const test = await openVault(t);
  const { id } = await test.vault.hold(holdRequest(message));
  let code = 550;
  const deliver: Deliver = async (request) =>
    request.recipients.map(({ address }) => ({
      address,
      stage: 'end',
      code,
      reply: `${code} said the server`,
      delivered: code < 300,
      permanent: code >= 500,
    }));
  const setting = { directory: test.directory, deliver };
  const refused = await sluice(setting, 'quarantine', 'release', id, ...config);
  t.match(refused, { code: 1, out: /anna@example.org failed: 550 said the server/, err: /not released/ });
  code = 450;
  t.match(await sluice(setting, 'quarantine', 'release', id, ...config), { code: 1, err: /tries again/ });
  t.match(
    (await sluice(setting, 'quarantine', 'show', id, ...config)).out,
    'carl@example.org pending: 450 said the server',
  );
  code = 250;
  t.match(await sluice(setting, 'quarantine', 'release', id, ...config), {
    code: 0,
    out: /carl@example.org delivered: 250/,
  });
  t.match(await sluice(setting, 'quarantine', 'release', id, ...config), { code: 0, out: /released/ }, 'again');
  t.match(await sluice(setting, 'quarantine', 'delete', id, ...config), { code: 0 });
  t.match(await sluice(setting, 'quarantine', 'release', id, ...config), { code: 1, err: /is deleted/ });
  t.notOk(existsSync(test.vault.blobs.fileOf(id)));
});

t.test('a message that some of its recipients have is listed as one', async (t) => {
  const test = await openVault(t);
  const { id } = await test.vault.hold(holdRequest(message));
  const { id: other } = await test.vault.hold(holdRequest(Buffer.from('Subject: other\r\n\r\nx')));
  let refusing = true;
  const deliver: Deliver = async (request) =>
    request.recipients.map(({ address }) =>
      refusing && address.startsWith('carl') ? refused(address, 550) : accepted(address),
    );
  const setting = { directory: test.directory, deliver };
  const lines = async (...words: string[]) =>
    (await sluice(setting, 'quarantine', 'list', ...words, ...config)).out.trimEnd().split('\n');
  t.same(await lines('--state', 'partly-released'), ['nothing in quarantine']);
  t.notMatch(await lines(), /have got it/);
  t.match(await sluice(setting, 'quarantine', 'release', id, ...config), { code: 1 });
  const part = await lines('--state', 'partly-released');
  t.equal(part.length, 2);
  t.match(part[1], new RegExp(`^${id} +held, 1 of 2 recipients have got it `));
  t.match(
    (await lines()).find((line) => line.startsWith(other)),
    / held {2}/,
  );
  t.equal((await lines('--state', 'held')).length, 3, 'it is held, too');
  t.match((await sluice(setting, 'quarantine', 'show', id, ...config)).out, 'held, 1 of 2 recipients have got it');
  const [line] = JSON.parse(
    (await sluice(setting, 'quarantine', 'list', '--state', 'partly-released', '--json', ...config)).out,
  );
  t.match(line, { id, state: 'held', partRelease: { has: 1, of: 2 } });
  await test.vault.delete(id, 'cli:test');
  t.match((await lines('--state', 'partly-released'))[1], 'deleted, 1 of 2 recipients have got it');
  refusing = false;
  t.match(await sluice(setting, 'quarantine', 'release', other, ...config), { code: 0 });
  t.equal((await lines('--state', 'partly-released')).length, 2, 'one that all have is released');
});

t.test('incidents are listed, commented and closed', async (t) => {
  const test = await openVault(t);
  const { id } = await test.vault.hold(holdRequest(message));
  const setting = { directory: test.directory };
  t.match(
    (await sluice(setting, 'incidents', ...config)).out,
    /new .*smtp .*block .*10 .*EICAR-Test-File .*bob@example.net .*anna@example.org \+1/,
  );
  const set = ['incidents', 'set', id, '--status', 'complete', '--comment', 'was a \u001b[1mtest'];
  t.match(await sluice(setting, ...set, ...config), { code: 0, out: `${id} complete\n` });
  t.match((await sluice(setting, 'incidents', ...config)).out, 'cli:');
  t.match((await sluice(setting, 'incidents', ...config)).out, 'was a  [1mtest');
  t.match(JSON.parse((await sluice(setting, 'incidents', '--json', ...config)).out), [{ status: 'complete' }]);
  t.match(await sluice(setting, 'incidents', 'set', id, '--status', 'odd', ...config), { code: 2 });
  t.match(await sluice(setting, 'incidents', 'set', id, ...config), { code: 2 });
  t.match(await sluice(setting, 'incidents'), { code: 2 });
});

t.test('a data directory without a quarantine is reported and not created', async (t) => {
  const directory = join(testDirectory(t), 'none');
  t.match(await sluice({ directory }, 'quarantine', 'list', ...config), { code: 1, err: /holds no quarantine/ });
  t.notOk(existsSync(directory));
  mkdirSync(directory);
});

t.test('preview writes the notice as a mail and as a page that show the same', async (t) => {
  const directory = testDirectory(t);
  const out = join(directory, 'preview');
  t.match(await sluice({ directory, publicUrl: 'https://q.example.org' }, 'preview', '--out', out, ...config), {
    code: 0,
  });
  const page = readFileSync(join(out, 'notice.html'), 'utf8');
  const mail = await simpleParser(readFileSync(join(out, 'notice.eml')));
  t.equal(String(mail.html).trim(), page.trim());
  t.match(page, 'https://q.example.org/q/');
});

t.test('keygen makes a private identity and overwrites none', async (t) => {
  const directory = testDirectory(t);
  const file = join(directory, 'key.txt');
  const made = await sluice({ directory }, 'keygen', '--out', file);
  t.match(made, { code: 0, out: /^age1[a-z0-9]{58}\n$/ });
  const text = readFileSync(file, 'utf8');
  t.match(text, `# public key: ${made.out.trim()}\nAGE-SECRET-KEY-1`);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.match(await sluice({ directory }, 'keygen', '--out', file), { code: 1, err: /exists/ });
  t.equal(readFileSync(file, 'utf8'), text);
  t.match((await sluice({ directory }, 'keygen')).out, /^AGE-SECRET-KEY-1/m);
});
