/**
 * The configuration's one schema: types, defaults, ranges and a sentence for every key. The reference file, the editor
 * schema, the loader and the type `Config` all come from here. A key exists from the day it works.
 */
import { z } from 'zod';
import type { HostPort } from './host-port.js';
import { type imapListenerSchema, imapSchema } from './schema-imap.js';
import { listsSchema, mailbox, policySchema, scoringSchema } from './schema-policy.js';
import {
  filePath,
  hostName,
  listenAddress,
  type listenerSchema,
  portNumber,
  smtpSchema,
  tlsModes,
  tlsSchema,
} from './schema-smtp.js';
import { syslogSchema } from './schema-syslog.js';
import { formed } from './schema-walk.js';

const oneLine = formed(
  z
    .string()
    .max(500)
    .regex(/^[^\x00-\x1f\x7f]*$/),
  'text on one line, at most 500 characters',
);
/** As a From field may have it: a display name that has to be in quotes is, so that no reader takes it for an address. */
const sender = formed(
  z
    .string()
    .max(500)
    .regex(
      /^(?:[^\s@<>"(),;:[\]\\]+@[^\s@<>"(),;:[\]\\]+|(?:[^\x00-\x1f\x7f@<>",;:[\]\\]*|"[^\x00-\x1f\x7f"\\]*" ?)<[^\s@<>"(),;:[\]\\]+@[^\s@<>"(),;:[\]\\]+>)$/,
    ),
  'an address such as postmaster@example.org, or Mail Security <postmaster@example.org>',
);
const webAddress = formed(z.string().max(2000).refine(isWebAddress), 'an http or https address, or nothing');
const baseAddress = formed(
  z
    .string()
    .max(2000)
    .refine((text) => isWebAddress(text) && !/[?#@]/.test(text)),
  'an http or https address without name, query and fragment, or nothing',
);
const publicKey = formed(
  z.string().regex(/^age1[02-9ac-hj-np-z]{58}$/),
  'a public key of the age tools, age1 and 58 characters',
);

const quarantineSchema = z
  .strictObject({
    recipients: z
      .array(publicKey)
      .default([])
      .describe(
        'Public keys that originals are sealed to. With none, a key pair is made in `dataDirectory` on first start.',
      ),
    identityFile: filePath
      .optional()
      .describe(
        'Private key file of the age tools, needed to preview and release. Default: the one made in `dataDirectory`.',
      ),
    retentionDays: z.int().min(1).max(3650).default(30).describe('Days until a held original is deleted.'),
    recordDays: z
      .int()
      .min(1)
      .max(3650)
      .optional()
      .describe(
        'Days that is kept what is known of a message, from the day it was withheld: its page, incidents, deliveries and links; also what was shown of a mailbox that nobody opens any more. The audit log is kept for good. Default: 365, or retentionDays where that is more.',
      ),
    recipientMay: z
      .enum(['request', 'release'])
      .default('request')
      .describe(
        'What a recipient may do with the link in his notice: ask for the release, or release and delete the message himself, in either case for all its recipients. Less holds at once for all links; more holds for notices sent from then on. The link in a notice that readers of a mailbox share only ever asks.',
      ),
    releaseAs: z
      .enum(['original', 'zip'])
      .default('original')
      .describe(
        'How a message is released: as it came, or as a new message with its text, its attachments in an encrypted ZIP archive, and the password in a text file beside it. A message withheld in a mailbox is always released as it came.',
      ),
    releaseRelay: z
      .strictObject({
        host: hostName.describe('Name or address of the server.'),
        port: portNumber.default(25).describe('Its port.'),
        tls: z.enum(tlsModes).default('none').describe('How the connection is protected.'),
        verify: z.boolean().default(true).describe('Whether its certificate must be valid for its name.'),
        passesGate: z
          .boolean()
          .default(false)
          .describe(
            'Whether mail sent there comes back through this gate, so that a released message must carry the mark that lets it pass.',
          ),
      })
      .optional()
      .describe(
        'Server that released originals and notices are sent to. Default: the upstream of the listener that a message came through.',
      ),
  })
  .describe('Where blocked originals wait.');

const noticeSchema = z
  .strictObject({
    from: sender.optional().describe('Sender shown in notices. Default: Mail Security <postmaster@ and `hostname`>.'),
    subject: oneLine.default('Malware Detected').describe('Subject of the message that stands in for a blocked one.'),
    message: formed(z.string().max(10_000), 'text of at most 10000 characters')
      .default('A message to you was withheld because malware was found in it. The original is kept in quarantine.')
      .describe('Text that tells the recipient what happened and what to do; empty leaves it out.'),
    linkText: oneLine.default('View the message in quarantine').describe('Text of the link to the quarantine.'),
    learnMoreUrl: webAddress.default('').describe('Address of a page about the rules; empty shows no link.'),
    releaseRequestAddress: z
      .union([z.literal(''), mailbox])
      .default('')
      .describe('Address that recipients can ask for a release; empty shows none.'),
    validDays: z.int().min(1).max(365).default(7).describe('Days that the link in a notice works.'),
  })
  .describe('The message that a recipient gets instead of a blocked one.');

const signInSchema = z.strictObject({
  name: formed(
    z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?$/),
    'a name of letters, digits and . _ - @ between them, at most 64',
  ).describe('Name to sign in with; it stands in the audit log.'),
  passwordFile: filePath.describe('File with the record that `sluice password --out FILE` writes.'),
});

const portalSchema = z
  .strictObject({
    listen: z
      .union([z.literal(''), listenAddress])
      .default('127.0.0.1:8080')
      .describe(
        'Address and port of the page. Empty: there is none, and notices have no link. If the port is taken, the gate says so and runs without the page.',
      ),
    publicUrl: baseAddress
      .default('http://127.0.0.1:8080')
      .describe(
        'Address under which recipients reach the page; it begins the link in notices. Empty: notices have no link.',
      ),
    administrators: formed(z.array(signInSchema).max(100), 'a list of at most 100 administrators')
      .default([])
      .describe("Who may sign in to the administrators' pages under /admin. Without any there are none."),
    adminListen: z
      .union([z.literal(''), listenAddress])
      .default('')
      .describe(
        "Address and port of the administrators' pages alone, so that they can stay on this machine while recipients come from elsewhere. Empty: that of `listen`.",
      ),
    adminUrl: baseAddress
      .default('')
      .describe(
        'Address under which administrators reach their pages. Empty: http and `adminListen` where that is set, else `publicUrl`.',
      ),
  })
  .describe('The pages: what was withheld from a recipient, and what administrators work with.');

const administratorSchema = z.strictObject({
  address: mailbox.describe('Address of the administrator.'),
  notify: z
    .array(z.enum(['blocked', 'released', 'release-requested']))
    .default(['blocked', 'released', 'release-requested'])
    .describe(
      'Events that this administrator gets mail about. `released` is also told when a recipient deletes a message.',
    ),
});

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

const logSchema = z
  .strictObject({
    level: z.enum(logLevels).default('info').describe('Least level that is written. One line a message is level info.'),
    addresses: z
      .enum(['full', 'hashed', 'none'])
      .default('full')
      .describe('How addresses and subjects appear in the log, and in what a log collector is told.'),
    file: filePath
      .optional()
      .describe(
        'File that the log is appended to; standard output when absent. SIGHUP, as after it was rotated, begins it anew.',
      ),
    syslog: syslogSchema.optional(),
  })
  .describe('The log: one JSON object a line.');

export const settingsSchema = z
  .strictObject({
    hostname: hostName
      .optional()
      .describe("Name of the gate in its own replies, notices and headers. Default: the machine's name."),
    dataDirectory: filePath
      .default('./var')
      .describe(
        'Folder for the quarantine, the database and messages that are too large for memory. Private to the gate.',
      ),
    smtp: smtpSchema.prefault({}),
    imap: imapSchema.prefault({}),
    tls: tlsSchema.prefault({}),
    policy: policySchema.prefault({}),
    lists: listsSchema.prefault({}),
    scoring: scoringSchema.prefault({}),
    quarantine: quarantineSchema.prefault({}),
    notice: noticeSchema.prefault({}),
    administrators: formed(z.array(administratorSchema).max(100), 'a list of at most 100 administrators')

      .default([])
      .describe('Who gets mail when a message is blocked or released, or a release is asked for.'),
    portal: portalSchema.prefault({}),
    status: z
      .strictObject({
        listen: listenAddress.default('127.0.0.1:9090').describe('Address and port of /metrics, /healthz and /readyz.'),
      })
      .optional()
      .describe('The port for monitoring; without this section there is none.'),
    log: logSchema.prefault({}),
  })
  .describe('Configuration of the Sluice mail gate.');

/** The file as written, with the schema's defaults filled in. */
export type Settings = z.output<typeof settingsSchema>;
type ListenerSettings = z.output<typeof listenerSchema>;
type ImapListenerSettings = z.output<typeof imapListenerSchema>;

export interface TlsFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** The two files as they may be written: both, one by mistake, or none. */
export interface WrittenTlsFiles {
  readonly certificateFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** A listener with everything settled that depends on other keys. */
export interface ListenerConfig extends Omit<ListenerSettings, 'name' | 'listen' | 'onBlock' | 'tlsFiles'> {
  readonly name: string;
  readonly listen: HostPort;
  readonly onBlock: 'replace' | 'reject';
  /** this listener's own files or the common ones; undefined with `tls: none` */
  readonly tlsFiles: TlsFiles | undefined;
}

/** The same for a listener of the IMAP proxy. */
export interface ImapListenerConfig extends Omit<ImapListenerSettings, 'name' | 'listen' | 'upstream' | 'tlsFiles'> {
  readonly name: string;
  readonly listen: HostPort;
  readonly upstream: ImapListenerSettings['upstream'] & HostPort;
  readonly tlsFiles: TlsFiles | undefined;
}

/** The configuration that the gate runs with: all file names absolute, all dependent defaults settled. */
export interface Config extends Omit<Settings, 'hostname' | 'smtp' | 'imap' | 'notice' | 'quarantine'> {
  /** absolute name of the file that it was read from */
  readonly file: string;
  readonly hostname: string;
  readonly smtp: Omit<Settings['smtp'], 'listeners'> & { readonly listeners: readonly ListenerConfig[] };
  readonly imap: Omit<Settings['imap'], 'listeners'> & { readonly listeners: readonly ImapListenerConfig[] };
  readonly notice: Omit<Settings['notice'], 'from'> & { readonly from: string };
  readonly quarantine: Settings['quarantine'] & { readonly recordDays: number };
}

function isWebAddress(text: string): boolean {
  if (text === '') return true;
  if (!URL.canParse(text)) return false;
  const { protocol } = new URL(text);
  return protocol === 'http:' || protocol === 'https:';
}
