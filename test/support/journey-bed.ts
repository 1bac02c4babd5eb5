/**
 * A small company's mail: Postfix that delivers by LMTP to Dovecot's mailboxes, the gate before both, and its pages.
 * What journeys need of it: to send, to read what arrived, to end the gate like a power cut and to start it again.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { simpleParser } from 'mailparser';
import type { Test } from 'tap';
import { Client } from './client.js';
import { administratorsIn } from './console-client.js';
import { type Dovecot, dovecotPrograms, startDovecot } from './dovecot.js';
import { Gate, type GateOptions, type Settings } from './gate.js';
import { ImapClient } from './imap-client.js';
import { messagesIn } from './imap-matrix.js';
import { bytesOf, numberIn } from './imap-values.js';
import { freePort, waitFor } from './ports.js';
import { Postfix } from './postfix.js';
import { folderOf } from './running.js';

/** of Postfix's log, for who misses a mail */
const logCharacters = 3000;
/** the gate tries again half a minute after a mail server had no time for a mail of its own */
const arrivalMs = 90_000;

/** for `skipWithout` */
export const journeyPrograms = [...dovecotPrograms, '/usr/lib/dovecot/lmtp', 'postfix', 'root'] as const;

export interface AuditLine {
  readonly actor: string;
  readonly action: string;
  readonly item: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface ArrivedMail {
  readonly uid: number;
  /** as it lies in the mailbox */
  readonly bytes: Buffer;
  readonly subject: string;
  readonly text: string;
  /** the address in it that leads to the pages; empty where there is none */
  readonly link: string;
}

export interface JourneyOptions {
  /** sections merged over those of the bed */
  readonly config?: Settings;
  /** names of those who may sign in to the pages */
  readonly administrators?: readonly string[];
}

async function asArrived(uid: number, bytes: Buffer): Promise<ArrivedMail> {
  const { subject = '', text = '' } = await simpleParser(bytes, { skipHtmlToText: true });
  return { uid, bytes, subject, text, link: /https?:\/\/\S+\/(?:q|admin)\/\S+/.exec(text)?.[0] ?? '' };
}

export class JourneyBed {
  readonly dovecot: Dovecot;
  readonly postfix: Postfix;
  readonly origin: string;
  readonly folder: string;
  readonly #options: GateOptions;
  gate: Gate;

  private constructor(dovecot: Dovecot, postfix: Postfix, origin: string, options: GateOptions, gate: Gate) {
    this.dovecot = dovecot;
    this.postfix = postfix;
    this.origin = origin;
    this.folder = gate.folder;
    this.#options = options;
    this.gate = gate;
  }

  /** Ended with the test. */
  static async start(t: Test, options: JourneyOptions = {}): Promise<JourneyBed> {
    const dovecot = await startDovecot(t, { lmtp: true });
    // Dovecot defers a mail for a mailbox that a reader makes in the same moment, and nobody here waits five minutes.
    const settings = { minimal_backoff_time: '1s', maximal_backoff_time: '5s', queue_run_delay: '1s' };
    const postfix = await Postfix.start({ lmtpPort: dovecot.lmtpPort, settings });
    t.teardown(() => postfix.stop());
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    const folder = folderOf(t);
    const administrators = await administratorsIn(folder, ...(options.administrators ?? []));
    const portal = { listen: `127.0.0.1:${port}`, publicUrl: origin, administrators };
    const gateOptions: GateOptions = {
      folder,
      upstreamPort: postfix.port,
      imapUpstreamPort: dovecot.port,
      config: { ...options.config, portal },
    };
    const gate = await Gate.start(gateOptions);
    const bed = new JourneyBed(dovecot, postfix, origin, gateOptions, gate);
    t.teardown(async () => {
      if (bed.gate.running) await bed.gate.stop();
    });
    return bed;
  }

  /** The same gate again, with the configuration it had; its ports for mail are new, its pages stay where they were. */
  async restart(): Promise<void> {
    const config = this.gate.readConfig();
    if (this.gate.running) await this.gate.kill();
    const { smtp: _smtp, imap: _imap, status: _status, dataDirectory: _data, ...kept } = config;
    this.gate = await Gate.start({ ...this.#options, config: { ...this.#options.config, ...kept } });
  }

  /** One message through the gate. @returns the code and text of the answer to it */
  async send(message: Buffer, to: readonly string[], from = 'eve@client.example'): Promise<string> {
    const client = await Client.greet(this.gate.port);
    try {
      return (await client.mail(from, to, message)).raw;
    } finally {
      client.destroy();
    }
  }

  async #read(port: number, address: string, command: 'SELECT' | 'EXAMINE'): Promise<ArrivedMail[]> {
    const user = this.dovecot.user(address);
    const client = await ImapClient.login(port, `"${user}"`, this.dovecot.password);
    try {
      const { untagged } = await client.ok(`${command} INBOX`);
      if (untagged.some(({ raw }) => raw.toString('latin1').startsWith('* 0 EXISTS'))) return [];
      const messages = messagesIn(await client.ok('UID FETCH 1:* (UID BODY.PEEK[])'));
      const mails: ArrivedMail[] = [];
      for (const items of messages.values()) {
        const uid = numberIn(items.get('UID'));
        mails.push(await asArrived(uid, bytesOf(items.get('BODY[]')) ?? Buffer.from('nothing came')));
      }
      return mails;
    } finally {
      await client.logout();
    }
  }

  /** What lies in a mailbox, asked past the gate. */
  mailbox(address: string): Promise<ArrivedMail[]> {
    return this.#read(this.dovecot.port, address, 'EXAMINE');
  }

  /** What its reader sees through the gate, who selects it as mail programs do. */
  readThrough(address: string): Promise<ArrivedMail[]> {
    return this.#read(this.gate.imapPort, address, 'SELECT');
  }

  /** The mailbox, as soon as `count` mails of those that `wanted` accepts are in it. */
  async arrived(
    address: string,
    wanted: (mail: ArrivedMail) => boolean,
    count = 1,
    timeoutMs = arrivalMs,
  ): Promise<ArrivedMail[]> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const mails = await this.mailbox(address);
      const found = mails.filter(wanted);
      if (found.length >= count) return found;
      if (Date.now() > deadline) {
        const there = mails.map(({ subject }) => subject).join(', ');
        const log = this.postfix.log.slice(-logCharacters);
        throw new Error(`${found.length} of ${count} mails for ${address} in ${timeoutMs} ms; there: ${there}\n${log}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Rows of the audit table in their order. */
  audit(item?: string): AuditLine[] {
    const file = join(this.folder, 'var', 'sluice.db');
    if (!existsSync(file)) return [];
    const database = new Sqlite(file, { readonly: true });
    try {
      const rows = database.prepare('SELECT actor, action, item, detail FROM audit ORDER BY seq').all() as (Omit<
        AuditLine,
        'detail'
      > & { readonly detail: string })[];
      return rows
        .filter((row) => item === undefined || row.item === item)
        .map((row) => ({ ...row, detail: JSON.parse(row.detail) as AuditLine['detail'] }));
    } finally {
      database.close();
    }
  }

  /** The item of the last message that was withheld. */
  get lastItem(): string {
    return this.audit().findLast(({ action }) => action === 'held')?.item ?? 'no item';
  }

  waitForAudit(action: string, item?: string): Promise<AuditLine> {
    return waitFor(`audit row ${action}`, 20_000, () => this.audit(item).find((row) => row.action === action));
  }
}

/** Whether an arrived mail ends with exactly this one, with nothing but trace fields of mail servers before it. */
export function holdsOriginal(mail: ArrivedMail, original: Buffer): boolean {
  const top = mail.bytes.subarray(0, mail.bytes.length - original.length);
  if (!mail.bytes.subarray(top.length).equals(original)) return false;
  const names = top.toString('latin1').match(/^[!-9;-~]+(?=:)/gm) ?? [];
  return names.every((name) =>
    ['received', 'return-path', 'delivered-to', 'x-original-to'].includes(name.toLowerCase()),
  );
}

/** The mail that stands in for a message. */
export function isNotice({ subject }: ArrivedMail): boolean {
  return subject === 'Malware Detected';
}
