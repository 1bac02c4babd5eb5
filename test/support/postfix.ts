/**
 * A private Postfix: own configuration, queue, data and log in a folder of its own, on a free port, delivering one
 * domain by LMTP to a sink and discarding the rest. Needs root, because Postfix's master does.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { atExit } from './at-exit.js';
import { programPath } from './missing.js';
import { freePort, waitFor, waitForPort } from './ports.js';
import type { TestCertificates } from './tls.js';

const run = promisify(execFile);

export interface PostfixOptions {
  /** LMTP server that `domain` is delivered to */
  readonly lmtpPort: number;
  readonly domain?: string;
  /** known mailboxes of the domain; everyone when absent */
  readonly mailboxes?: readonly string[];
  readonly mynetworks?: string;
  /** peers whose XCLIENT is obeyed */
  readonly xclientFrom?: string;
  /** expects a PROXY header on every connection */
  readonly proxyProtocol?: boolean;
  readonly certificates?: TestCertificates;
  /** further main.cf settings */
  readonly settings?: Readonly<Record<string, string>>;
}

function mainSettings(options: PostfixOptions, folder: string): Record<string, string> {
  const domain = options.domain ?? 'example.org';
  const settings: Record<string, string> = {
    compatibility_level: '3.6',
    queue_directory: `${folder}/queue`,
    data_directory: `${folder}/data`,
    command_directory: '/usr/sbin',
    daemon_directory: '/usr/lib/postfix/sbin',
    mail_owner: 'postfix',
    setgid_group: 'postdrop',
    maillog_file: `${folder}/postfix.log`,
    maillog_file_prefixes: folder,
    myhostname: 'mx.example.org',
    mydestination: '',
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    mynetworks: options.mynetworks ?? '127.0.0.0/8',
    alias_maps: '',
    alias_database: '',
    local_transport: 'error:no local delivery',
    local_recipient_maps: '',
    virtual_mailbox_domains: domain,
    virtual_transport: `lmtp:inet:127.0.0.1:${options.lmtpPort}`,
    default_transport: 'discard:',
    smtp_dns_support_level: 'disabled',
    smtp_host_lookup: 'native',
    smtpd_peername_lookup: 'no',
    smtpd_recipient_restrictions: 'permit_mynetworks, reject_unauth_destination',
    smtpd_client_connection_count_limit: '0',
    smtpd_forbid_bare_newline: 'no',
    message_size_limit: '209715200',
    mailbox_size_limit: '0',
    virtual_mailbox_limit: '0',
    in_flow_delay: '0',
    lmtp_destination_recipient_limit: '100',
  };
  if (options.mailboxes !== undefined) {
    const known = options.mailboxes.map((name) => `{${name}@${domain}=${name}}`).join(', ');
    settings.virtual_mailbox_maps = `inline:{ ${known} }`;
  }
  if (options.xclientFrom !== undefined) settings.smtpd_authorized_xclient_hosts = options.xclientFrom;
  if (options.proxyProtocol === true) settings.smtpd_upstream_proxy_protocol = 'haproxy';
  return { ...settings, ...tlsSettings(options, folder), ...options.settings };
}

function tlsSettings(options: PostfixOptions, folder: string): Record<string, string> {
  if (options.certificates === undefined) return {};
  copyFileSync(options.certificates.certificateFile, `${folder}/server.crt`);
  copyFileSync(options.certificates.keyFile, `${folder}/server.key`);
  return {
    smtpd_tls_security_level: 'may',
    smtpd_tls_cert_file: `${folder}/server.crt`,
    smtpd_tls_key_file: `${folder}/server.key`,
  };
}

/** service, type, private, unpriv, chroot, wakeup, maxproc, command: master(5) */
const services = [
  'cleanup unix n - n - 0 cleanup',
  'pickup unix n - n 60 1 pickup',
  'qmgr unix n - n 300 1 qmgr',
  'tlsmgr unix - - n 1000? 1 tlsmgr',
  'rewrite unix - - n - - trivial-rewrite',
  'bounce unix - - n - 0 bounce',
  'defer unix - - n - 0 bounce',
  'trace unix - - n - 0 bounce',
  'verify unix - - n - 1 verify',
  'flush unix n - n 1000? 0 flush',
  'proxymap unix - - n - - proxymap',
  'smtp unix - - n - - smtp',
  'relay unix - - n - - smtp',
  'showq unix n - n - - showq',
  'error unix - - n - - error',
  'retry unix - - n - - error',
  'discard unix - - n - - discard',
  'lmtp unix - - n - - lmtp',
  'anvil unix - - n - 1 anvil',
  'scache unix - - n - 1 scache',
  'postlog unix-dgram n - n - 1 postlogd',
];

export class Postfix {
  readonly port: number;
  readonly #folder: string;
  readonly #disarm: () => void;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.port = port;
    this.#disarm = atExit(() => {
      spawnSync(programPath('postfix'), ['-c', join(folder, 'etc'), 'stop'], { stdio: 'ignore' });
    });
  }

  static async start(options: PostfixOptions): Promise<Postfix> {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-postfix-'));
    chmodSync(folder, 0o755);
    for (const name of ['etc', 'queue', 'data']) mkdirSync(join(folder, name));
    chownSync(join(folder, 'data'), Number(execFileSync('id', ['-u', 'postfix'])), -1);
    const port = await freePort();
    const main = Object.entries(mainSettings(options, folder)).map(([key, value]) => `${key} = ${value}\n`);
    writeFileSync(join(folder, 'etc/main.cf'), main.join(''));
    writeFileSync(join(folder, 'etc/master.cf'), `127.0.0.1:${port} inet n - n - - smtpd\n${services.join('\n')}\n`);
    const postfix = new Postfix(folder, port);
    await run(programPath('postfix'), ['-c', join(folder, 'etc'), 'start']).catch((error: Error) => {
      throw new Error(`${error.message}\n${postfix.log}`);
    });
    await waitForPort(port, 15_000).catch((error: Error) => {
      throw new Error(`${error.message}\n${postfix.log}`);
    });
    return postfix;
  }

  get log(): string {
    const file = join(this.#folder, 'postfix.log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  waitForLog(pattern: RegExp, timeoutMs = 10_000): Promise<RegExpExecArray> {
    return waitFor(`${pattern} in Postfix's log`, timeoutMs, () => pattern.exec(this.log) ?? undefined);
  }

  /** Stops the master process of this instance, and with it every worker, by the pid in its own queue folder. */
  async stop(): Promise<void> {
    await run(programPath('postfix'), ['-c', join(this.#folder, 'etc'), 'stop']);
    this.#disarm();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
