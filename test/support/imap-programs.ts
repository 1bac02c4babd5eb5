/**
 * Mail programs that fetch a whole mailbox, each as its manual has it: what every one of them has in its hands in the
 * end, as octets. They run against whatever listens on the port.
 */
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ImapFlow } from 'imapflow';
import { runProgram } from './program.js';

export interface Fetching {
  /** empty, and the program's alone */
  readonly folder: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** UIDs are 1 to this */
  readonly mails: number;
  /** with the certificate of `localhost`; not all programs below can be told */
  readonly tls?: { readonly mode: 'starttls' | 'implicit'; readonly caFile: string };
}

export interface MailProgram {
  readonly name: string;
  /** for `skipWithout` */
  readonly needs: readonly string[];
  /** heeds `tls` */
  readonly tls?: boolean;
  /** Everything that it fetched, in one order whatever its own. @throws Error with its words when it fails */
  readonly fetch: (what: Fetching) => Promise<Buffer[]>;
}

async function run(what: Fetching, name: string, ...parameters: readonly string[]): Promise<void> {
  // What the user of these tests has configured for himself is not read.
  const environment = ['-i', `HOME=${what.folder}`, `PATH=${process.env.PATH ?? ''}`, 'TERM=xterm', 'LC_ALL=C.UTF-8'];
  const { code, output } = await runProgram('env', [...environment, name, ...parameters], { timeoutMs: 240_000 });
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${output.slice(-1000)}`);
}

function write(what: Fetching, name: string, ...lines: readonly string[]): string {
  const path = join(what.folder, name);
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
  return path;
}

function filesUnder(folder: string): Buffer[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesUnder(path) : [readFileSync(path)];
  });
}

const sorted = (mails: readonly Buffer[]) => [...mails].sort(Buffer.compare);

/** A Maildir without mail. */
function maildir(what: Fetching, name: string): string {
  const folder = join(what.folder, name);
  for (const path of [folder, ...['new', 'cur', 'tmp'].map((part) => join(folder, part))]) mkdirSync(path);
  return folder;
}

async function mbsync(what: Fetching): Promise<Buffer[]> {
  mkdirSync(join(what.folder, 'mail'));
  const file = write(
    what,
    'mbsyncrc',
    'IMAPStore far',
    'Host localhost',
    `Port ${what.port}`,
    `User ${what.user}`,
    `Pass ${what.password}`,
    ...(what.tls === undefined
      ? ['SSLType None']
      : [`SSLType ${what.tls.mode === 'implicit' ? 'IMAPS' : 'STARTTLS'}`, `CertificateFile ${what.tls.caFile}`]),
    'AuthMechs LOGIN',
    '',
    'MaildirStore near',
    `Path ${what.folder}/mail/`,
    `Inbox ${what.folder}/mail/INBOX`,
    '',
    'Channel all',
    'Far :far:',
    'Near :near:',
    'Create Near',
    'Sync Pull',
    'SyncState *',
  );
  await run(what, 'mbsync', '-c', file, 'all');
  // It marks what it stores, to find it again after a crash.
  const unmarked = (mail: Buffer) => Buffer.from(mail.toString('latin1').replace(/^X-TUID: .*\n/m, ''), 'latin1');
  return sorted(['new', 'cur'].flatMap((part) => filesUnder(join(what.folder, 'mail/INBOX', part)).map(unmarked)));
}

async function offlineimap(what: Fetching): Promise<Buffer[]> {
  const file = write(
    what,
    'offlineimaprc',
    '[general]',
    'accounts = all',
    'ui = basic',
    `metadata = ${what.folder}/meta`,
    '[Account all]',
    'localrepository = near',
    'remoterepository = far',
    '[Repository near]',
    'type = Maildir',
    `localfolders = ${what.folder}/mail`,
    '[Repository far]',
    'type = IMAP',
    'readonly = True',
    'remotehost = 127.0.0.1',
    `remoteport = ${what.port}`,
    `remoteuser = ${what.user}`,
    `remotepass = ${what.password}`,
    'ssl = no',
    'starttls = no',
  );
  await run(what, 'offlineimap', '-c', file, '-o', '-u', 'basic');
  return sorted(['new', 'cur'].flatMap((part) => filesUnder(join(what.folder, 'mail/INBOX', part))));
}

async function getmail(what: Fetching): Promise<Buffer[]> {
  const target = maildir(what, 'mail');
  write(
    what,
    'getmailrc',
    '[retriever]',
    'type = SimpleIMAPRetriever',
    'server = 127.0.0.1',
    `port = ${what.port}`,
    `username = ${what.user}`,
    `password = ${what.password}`,
    '[destination]',
    'type = Maildir',
    `path = ${target}/`,
    '[options]',
    'read_all = true',
    'delete = false',
    'received = false',
    'delivered_to = false',
  );
  const command = ['getmail', `--getmaildir=${what.folder}`];
  if (process.getuid?.() === 0) {
    // It does not deliver as root, and where it changes its user for each message it may miss the end of that process.
    const nobody = 65_534;
    const paths = ['', 'getmailrc', 'mail', 'mail/new', 'mail/cur', 'mail/tmp'];
    for (const path of paths) chownSync(join(what.folder, path), nobody, nobody);
    command.unshift('setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups');
  }
  const [name = '', ...parameters] = command;
  await run(what, name, ...parameters);
  return sorted(filesUnder(join(target, 'new')));
}

async function fetchmail(what: Fetching): Promise<Buffer[]> {
  const target = join(what.folder, 'mail.mbox');
  const poll = `poll 127.0.0.1 service ${what.port} protocol IMAP user "${what.user}" password "${what.password}"`;
  const file = write(what, 'fetchmailrc', 'set invisible', `${poll} sslproto "" keep fetchall mda "cat >> ${target}"`);
  await run(what, 'fetchmail', '-f', file, '--pidfile', join(what.folder, 'pid'), '--nosyslog', '-a');
  // It gives a subject with the user's name to what has no header.
  return [Buffer.from(readFileSync(target, 'latin1').replaceAll(what.user, 'the reader'), 'latin1')];
}

async function neomutt(what: Fetching): Promise<Buffer[]> {
  const target = join(what.folder, 'mail.mbox');
  const file = write(
    what,
    'neomuttrc',
    `set imap_user="${what.user}" imap_pass="${what.password}" ssl_starttls=no ssl_force_tls=no`,
    `set header_cache="${what.folder}/headers" message_cachedir="${what.folder}/bodies"`,
    `set folder="${what.folder}" confirmappend=no confirmcreate=no quit=yes mbox_type=mbox mark_old=no`,
    'set mail_check=0 wait_key=no move=no delete=no sleep_time=0 sort=mailbox-order',
    `push "<tag-pattern>~A<enter><tag-prefix><copy-message><kill-line>${target}<enter><quit>"`,
  );
  const command = `neomutt -n -F ${file} -f imap://127.0.0.1:${what.port}/INBOX`;
  await run(what, 'script', '-qec', command, '/dev/null');
  if (!existsSync(target)) throw new Error('neomutt copied nothing');
  // The first line of each message holds the time of the copy.
  const mbox = readFileSync(target, 'latin1').replace(/^From \S+ .*$/gm, 'From');
  return [Buffer.from(mbox, 'latin1')];
}

/** Each message three times: whole, only its text, and by sequence number. */
async function curl(what: Fetching): Promise<Buffer[]> {
  const url = `${what.tls?.mode === 'implicit' ? 'imaps' : 'imap'}://localhost:${what.port}/INBOX`;
  const secure = what.tls === undefined ? [] : ['--ssl-reqd', '--cacert', what.tls.caFile];
  const numbers = Array.from({ length: what.mails }, (_, index) => index + 1);
  const forms = ['UID=', 'SECTION=TEXT/;UID=', 'MAILINDEX='].flatMap((form) =>
    numbers.map((number) => `;${form}${number}`),
  );
  const targets = forms.map((form, index) => [
    '-o',
    join(what.folder, `mail-${index}`),
    `${url}${form.replace(/^;SECTION=TEXT\/;UID=(\d+)$/, ';UID=$1;SECTION=TEXT')}`,
  ]);
  await run(
    what,
    'curl',
    '-sS',
    '-4',
    '--fail-early',
    ...secure,
    '-u',
    `${what.user}:${what.password}`,
    ...targets.flat(),
  );
  return forms.map((_, index) => readFileSync(join(what.folder, `mail-${index}`)));
}

function imaplibConnection({ port, tls }: Fetching): string[] {
  if (tls === undefined) return [`client = imaplib.IMAP4("127.0.0.1", ${port})`];
  const context = `context = ssl.create_default_context(cafile=${JSON.stringify(tls.caFile)})`;
  return tls.mode === 'implicit'
    ? [context, `client = imaplib.IMAP4_SSL("localhost", ${port}, ssl_context=context)`]
    : [context, `client = imaplib.IMAP4("localhost", ${port})`, 'client.starttls(context)'];
}

/** What Python's own library makes of everything that is usually asked. */
async function imaplib(what: Fetching): Promise<Buffer[]> {
  const script = write(
    what,
    'fetch.py',
    'import imaplib, re, ssl, sys',
    ...imaplibConnection(what),
    `client.login(${JSON.stringify(what.user)}, ${JSON.stringify(what.password)})`,
    'client.select("INBOX", readonly=True)',
    'out = open(sys.argv[1], "wb")',
    'for items in ("(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)", "(UID BODY.PEEK[])", "(BODY.PEEK[1])",',
    '              "(BODY.PEEK[HEADER] BODY.PEEK[TEXT])", "(RFC822)", "(BODY.PEEK[]<0.500> BODY.PEEK[]<500.100000>)"):',
    '    kind, data = client.uid("FETCH", "1:*", items)',
    '    assert kind == "OK"',
    '    # Servers may tell of messages in any order.',
    '    told = {}',
    '    for piece in data:',
    '        line = piece[0] if isinstance(piece, tuple) else piece or b""',
    '        begun = re.match(rb"(\\d+) \\(", line)',
    '        if begun: number = int(begun[1])',
    '        told.setdefault(number, []).append(b"\\n".join(piece) if isinstance(piece, tuple) else line)',
    '    for number in sorted(told):',
    '        out.write(b"\\n".join(told[number]) + b"\\n")',
    'client.logout()',
  );
  const target = join(what.folder, 'fetched');
  await run(what, 'python3', script, target);
  return [readFileSync(target)];
}

/** As a web mailer reads: the list, the structure, then each part that it shows, decoded. */
async function imapflow(what: Fetching): Promise<Buffer[]> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: what.port,
    secure: false,
    doSTARTTLS: false,
    auth: { user: what.user, pass: what.password },
    logger: false,
  });
  const fetched: Buffer[] = [];
  await client.connect();
  try {
    await client.mailboxOpen('INBOX', { readOnly: true });
    const all = {
      uid: true,
      flags: true,
      envelope: true,
      bodyStructure: true,
      size: true,
      source: true,
      headers: true,
    };
    const structures: (readonly [number, string])[] = [];
    for await (const message of client.fetch('1:*', all)) {
      const { uid, flags, envelope, bodyStructure, size, source, headers } = message;
      const told = { uid, flags: [...(flags ?? [])].sort(), envelope, bodyStructure, size };
      fetched.push(Buffer.from(JSON.stringify(told)), source ?? Buffer.alloc(0), headers ?? Buffer.alloc(0));
      const parts = bodyStructure?.childNodes?.map(({ part }) => part) ?? ['1'];
      structures.push(...parts.map((part) => [uid, part ?? '1'] as const));
    }
    for (const [uid, part] of structures) {
      const { content } = await client.download(String(uid), part, { uid: true });
      if (content === undefined) continue;
      const chunks: Buffer[] = [];
      for await (const chunk of content) chunks.push(chunk as Buffer);
      fetched.push(Buffer.concat(chunks));
    }
  } finally {
    client.close();
  }
  return fetched;
}

export const mailPrograms: readonly MailProgram[] = [
  { name: 'mbsync', needs: ['mbsync'], tls: true, fetch: mbsync },
  { name: 'offlineimap', needs: ['offlineimap'], fetch: offlineimap },
  { name: 'getmail', needs: ['getmail'], fetch: getmail },
  { name: 'fetchmail', needs: ['fetchmail'], fetch: fetchmail },
  { name: 'neomutt', needs: ['neomutt', 'script'], fetch: neomutt },
  { name: 'curl', needs: ['curl'], tls: true, fetch: curl },
  { name: 'imaplib', needs: ['python3'], tls: true, fetch: imaplib },
  { name: 'imapflow', needs: [], fetch: imapflow },
];
