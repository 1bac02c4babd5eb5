/**
 * A private Dovecot: own configuration, mail and log in a folder of its own, on free ports, every user with the same
 * password. Runs as nobody where the tests run as root, else as whoever runs them.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { atExit } from './at-exit.js';
import { programPath } from './missing.js';
import { freePort, waitFor, waitForPort } from './ports.js';
import { makeCertificates, type TestCertificates } from './tls.js';

/** for `skipWithout` */
export const dovecotPrograms = ['dovecot', '/usr/lib/dovecot/imap'] as const;

export interface DovecotOptions {
  /** STARTTLS on `port` and TLS from the start on `tlsPort`; with certificates of its own, or these */
  readonly tls?: boolean | TestCertificates;
  /** LMTP on `lmtpPort`; needs /usr/lib/dovecot/lmtp */
  readonly lmtp?: boolean;
  /** further lines of dovecot.conf, which come last */
  readonly settings?: string;
  /** how mail is kept: see `mail_location`; `putMaildir` needs the default */
  readonly format?: 'maildir' | 'mdbox' | 'sdbox';
}

interface Owner {
  readonly name: string;
  readonly group: string;
  readonly uid: number;
  readonly gid: number;
}

function ownerOfMail(): Owner {
  const id = (...parameters: string[]) => execFileSync('id', parameters, { encoding: 'latin1' }).trim();
  const of = process.getuid?.() === 0 ? ['nobody'] : [];
  return {
    name: id('-un', ...of),
    group: id('-gn', ...of),
    uid: Number(id('-u', ...of)),
    gid: Number(id('-g', ...of)),
  };
}

/** 0 for what is not wanted */
interface Ports {
  readonly imap: number;
  readonly imaps: number;
  readonly lmtp: number;
}

const password = 'a-test-password';

function tlsSettings(folder: string, port: number): string {
  if (port === 0) return 'ssl = no\nservice imap-login {\n  inet_listener imaps {\n    port = 0\n  }\n}\n';
  return `ssl = yes
ssl_cert = <${folder}/server.crt
ssl_key = <${folder}/server.key
ssl_dh =
service imap-login {
  inet_listener imaps {
    port = ${port}
    ssl = yes
  }
}
`;
}

function lmtpSettings(port: number): string {
  return `service lmtp {
  inet_listener lmtp {
    port = ${port}
  }
}
`;
}

/** Dovecot starts as an ordinary user when every process may stay that user and nothing asks for chroot. */
function configurationOf(folder: string, owner: Owner, ports: Ports, options: DovecotOptions): string {
  return `base_dir = ${folder}/run
state_dir = ${folder}/run
log_path = ${folder}/dovecot.log
protocols = imap${ports.lmtp === 0 ? '' : ' lmtp'}
listen = 127.0.0.1
instance_name = ${folder.slice(folder.lastIndexOf('/') + 1)}
default_internal_user = ${owner.name}
default_internal_group = ${owner.group}
default_login_user = ${owner.name}
default_vsz_limit = 1G
mail_location = ${options.format ?? 'maildir'}:${folder}/mail/%u
mail_uid = ${owner.uid}
mail_gid = ${owner.gid}
first_valid_uid = 1
first_valid_gid = 1
mail_fsync = never
mail_max_userip_connections = 0
auth_mechanisms = plain login
disable_plaintext_auth = no
auth_failure_delay = 0
passdb {
  driver = static
  args = password=${password}
}
userdb {
  driver = static
  args = uid=${owner.uid} gid=${owner.gid} home=${folder}/mail/%u
}
service imap-login {
  chroot =
  process_min_avail = 1
  service_count = 0
  client_limit = 2000
  inet_listener imap {
    port = ${ports.imap}
  }
}
service imap {
  process_limit = 2100
  service_count = 0
}
service anvil {
  chroot =
  client_limit = 5000
}
service auth {
  client_limit = 5000
}
service stats {
  chroot =
  client_limit = 5000
}
namespace inbox {
  inbox = yes
  separator = /
}
${tlsSettings(folder, ports.imaps)}${ports.lmtp === 0 ? '' : lmtpSettings(ports.lmtp)}${options.settings ?? ''}
`;
}

export class Dovecot {
  readonly port: number;
  /** 0 without TLS */
  readonly tlsPort: number;
  /** 0 without LMTP */
  readonly lmtpPort: number;
  /** of every user */
  readonly password = password;
  readonly certificates: TestCertificates | undefined;
  readonly #folder: string;
  readonly #owner: Owner;
  readonly #child: ChildProcess;
  readonly #disarm: () => void;
  /** mails put into each mailbox, by its folder */
  readonly #counts = new Map<string, number>();
  #ended = false;

  private constructor(folder: string, owner: Owner, ports: Ports, certificates: TestCertificates | undefined) {
    this.#folder = folder;
    this.#owner = owner;
    this.certificates = certificates;
    this.port = ports.imap;
    this.tlsPort = ports.imaps;
    this.lmtpPort = ports.lmtp;
    // A thousand idle connections want more descriptors than a shell usually allows.
    const command = 'ulimit -n "$(ulimit -H -n)" 2>/dev/null; exec "$0" -F -c "$1"';
    this.#child = spawn('/bin/sh', ['-c', command, programPath('dovecot'), join(folder, 'dovecot.conf')], {
      stdio: 'ignore',
      ...(process.getuid?.() === 0 ? { uid: owner.uid, gid: owner.gid } : {}),
    });
    this.#child.once('exit', () => {
      this.#ended = true;
    });
    // Its master ends the others when it is asked to, and they end by themselves when it is gone.
    this.#disarm = atExit(() => this.#child.kill('SIGTERM'));
  }

  static async start(options: DovecotOptions = {}): Promise<Dovecot> {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-dovecot-'));
    const owner = ownerOfMail();
    const give = (path: string) => chownSync(path, owner.uid, owner.gid);
    give(folder);
    for (const name of ['run', 'mail']) {
      mkdirSync(join(folder, name));
      give(join(folder, name));
    }
    const certificates = options.tls === true ? makeCertificates(folder) : options.tls || undefined;
    if (certificates !== undefined) {
      // Its own user could not read the key of whoever runs the tests.
      writeFileSync(join(folder, 'server.crt'), certificates.certificate);
      writeFileSync(join(folder, 'server.key'), certificates.key, { mode: 0o600 });
      give(join(folder, 'server.key'));
    }
    const ports = {
      imap: await freePort(),
      imaps: certificates === undefined ? 0 : await freePort(),
      lmtp: options.lmtp === true ? await freePort() : 0,
    };
    writeFileSync(join(folder, 'dovecot.conf'), configurationOf(folder, owner, ports, options));
    const dovecot = new Dovecot(folder, owner, ports, certificates);
    const ready = async () => {
      await waitForPort(ports.imap, 15_000);
      if (ports.lmtp !== 0) await waitForPort(ports.lmtp, 15_000);
    };
    await ready().catch(async (error: Error) => {
      const log = dovecot.log;
      await dovecot.stop();
      throw new Error(`${error.message}\n${log}`);
    });
    return dovecot;
  }

  /** of the master process */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get log(): string {
    const file = join(this.#folder, 'dovecot.log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** Login name of a user who exists from now on, with an empty INBOX unless mail was put there. */
  user(name: string): string {
    const login = name.toLowerCase();
    const folder = join(this.#folder, 'mail', login);
    // The server makes it for a mail that arrives, maybe at this very moment.
    const made = mkdirSync(folder, { recursive: true });
    if (made !== undefined) chownSync(folder, this.#owner.uid, this.#owner.gid);
    return login;
  }

  /**
   * Appends mails as they are, in this order, to a Maildir, without a server's help; to the INBOX when no mailbox is
   * named. UIDs of a new mailbox count from 1, INTERNALDATE is a second later for each, the same in every mailbox. In
   * the name of a mailbox below another stands a dot. A session that has it selected sees the mail when it asks.
   * @param flags letters of Maildir: S seen, R answered, F flagged, T deleted, D draft
   */
  putMaildir(user: string, mails: readonly Buffer[], mailbox?: string, flags = ''): void {
    const root = join(this.#folder, 'mail', this.user(user));
    const folder = mailbox === undefined ? root : join(root, `.${mailbox}`);
    for (const path of [folder, ...['cur', 'new', 'tmp'].map((name) => join(folder, name))]) {
      if (!existsSync(path)) {
        mkdirSync(path);
        chownSync(path, this.#owner.uid, this.#owner.gid);
      }
    }
    for (const mail of mails) {
      const count = (this.#counts.get(folder) ?? 0) + 1;
      this.#counts.set(folder, count);
      const seconds = 1_700_000_000 + count;
      const unfinished = join(folder, 'tmp', `${seconds}.M1P1.test`);
      writeFileSync(unfinished, mail);
      chownSync(unfinished, this.#owner.uid, this.#owner.gid);
      utimesSync(unfinished, seconds, seconds);
      renameSync(unfinished, join(folder, 'cur', `${seconds}.M1P1.test:2,${flags}`));
    }
  }

  /** Stops the master, and with it every process of this instance. Allowed twice. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await waitFor('end of Dovecot', 10_000, () => this.#ended || undefined).catch(() => this.#child.kill('SIGKILL'));
    this.#disarm();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Ended with the test. */
export async function startDovecot(t: Test, options: DovecotOptions = {}): Promise<Dovecot> {
  const dovecot = await Dovecot.start(options);
  t.teardown(() => dovecot.stop());
  return dovecot;
}
