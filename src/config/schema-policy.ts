/** The `policy`, `lists` and `scoring` sections: every key with its type, default, range and a sentence. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { parsePattern, patternForms } from './address-pattern.js';
import { isHost } from './host-port.js';
import { filePath } from './schema-smtp.js';
import { formed } from './schema-walk.js';
import { parseServiceUrl } from './service-url.js';
import { parseSocketAddress } from './socket-address.js';

/** An address of a person. */
export const mailbox = formed(
  z
    .string()
    .max(254)
    .regex(/^[^\s@<>",;:]+@[^\s@<>",;:]+$/),
  'an address such as secops@example.org',
);

const fallbackAction = z.enum(['permit', 'block', 'defer']);

const pattern = formed(
  z.string().superRefine((text, context) => {
    const parsed = parsePattern(text);
    if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed });
  }),
  patternForms,
);

const causesSchema = z
  .strictObject({
    'backend-unavailable': fallbackAction
      .optional()
      .describe('A backend cannot be reached or failed. `default` when absent.'),
    'verdict-timeout': fallbackAction
      .optional()
      .describe('No answer within `scoring.deadlineMs`. `default` when absent.'),
    'out-of-resources': fallbackAction
      .optional()
      .describe('The gate itself is out of memory, disk or workers. `default` when absent.'),
    oversize: fallbackAction.default('block').describe('A part is larger than a backend takes.'),
    unscannable: fallbackAction
      .default('block')
      .describe('A message or part cannot be read in full, or a bound was reached.'),
    encrypted: fallbackAction.default('block').describe('A part is encrypted, so that nobody can look inside.'),
    'unknown-file': fallbackAction.default('permit').describe('Every backend looked and none knows the file.'),
  })
  .describe('One action per cause.');

const fallbackSchema = z
  .strictObject({
    default: fallbackAction
      .default('defer')
      .describe(
        'Action for a cause that is not set below. defer answers 451, so that the sender tries again, and over IMAP NO, so that the reader does.',
      ),
    log: z.boolean().default(true).describe('Whether a line at level warn is logged whenever a fallback decides.'),
    causes: causesSchema.prefault({}),
  })
  .describe('What happens to a message when no verdict can be had. Under `smtp.action: warn`, block means warn.');

const smtpPolicySchema = z
  .strictObject({
    action: z
      .enum(['block', 'warn', 'permit'])
      .default('block')
      .describe(
        'What happens to a malicious message: block withholds it, warn delivers it with the headers below, permit delivers it untouched and records the incident.',
      ),
    headers: z
      .strictObject({
        xDistribution: z
          .enum(['none', 'Bulk', 'Spam'])
          .default('Spam')
          .describe('Value of the X-Distribution header; none adds no header.'),
        xSpamFlag: z.boolean().default(true).describe('Whether `X-Spam-Flag: YES` is added.'),
        subjectPrefix: formed(
          z
            .string()
            .max(100)
            .regex(/^[^\x00-\x1f\x7f]*$/),
          'text on one line, at most 100 characters',
        )
          .default('[Possible Spam] ')
          .describe('Text put before the subject; empty leaves the subject alone.'),
      })
      .prefault({})
      .describe('What `action: warn` adds to a message.'),
  })
  .describe('What happens to malicious mail over SMTP.');

const serverName = formed(
  z.string().superRefine((text, context) => {
    if (isHost(text) && isIP(text) === 0) return;
    const message = isIP(text) === 0 ? 'this is none' : 'servers are listed by name, never by IP address';
    context.addIssue({ code: 'custom', message });
  }),
  'a host name such as imap.example.org',
);

const imapPolicySchema = z
  .strictObject({
    action: z
      .enum(['block', 'permit'])
      .default('block')
      .describe(
        'What happens to mail that is read over IMAP: block shows a notice in place of a malicious message, permit passes everything, and neither lists nor scores are asked.',
      ),
    servers: z
      .union([z.literal('all'), z.array(serverName).max(1000)])
      .default('all')
      .describe(
        'Real servers whose mail is judged: all, or a list of host names, never IP addresses. A server is known by `upstream.host`, `upstream.servername` or the name that its client asks for in TLS; whatever is behind the others passes unseen.',
      ),
    releaseRequestAddress: z
      .union([z.literal(''), mailbox])
      .default('')
      .describe(
        'Address that the reader of a notice can ask for a release; empty takes `notice.releaseRequestAddress`.',
      ),
  })
  .describe('What happens to malicious mail over IMAP.');

const categoryProfile = (sentence: string, maximum: number | 'none' = 33_554_432) =>
  z
    .strictObject({
      mode: z.enum(['scan', 'hash-only', 'skip']).default('scan').describe('How far such a file is looked at.'),
      maxBytes: z
        .union([z.literal('none'), z.int().min(0).max(1_099_511_627_776)])
        .default(maximum)
        .describe('A larger file is not sent to backends and meets the fallback `oversize`.'),
    })
    .prefault({})
    .describe(sentence);

/** The keys are the categories of src/inspect/file-category.ts, which lies above this folder; a test compares them. */
const profileSchema = z
  .strictObject({
    archive: categoryProfile(
      'ZIP, RAR, 7z, tar, gzip, CAB, disk images and the like; their members have categories of their own.',
    ),
    configuration: categoryProfile('INI, XML, JSON, YAML, registry files.'),
    document: categoryProfile('Office documents of all kinds, RTF, HTML, plain text; not PDF.'),
    elf: categoryProfile('Programs of Linux and its relatives.'),
    executable: categoryProfile('Programs of Windows and macOS, shortcuts and control panel items.'),
    java: categoryProfile('Java classes, archives and JNLP files.'),
    library: categoryProfile('Shared libraries.'),
    mobile: categoryProfile('Apps for Android, iOS and others.'),
    'os-package': categoryProfile('Packages that install software: MSI, deb, rpm, pkg.'),
    other: categoryProfile('Whatever is in none of the others: images, sound, unknown data.', 'none'),
    pdf: categoryProfile('PDF, and messages and mailboxes as files.'),
    'rich-application': categoryProfile('Flash, JavaFX, Silverlight, AIR.'),
    script: categoryProfile('Script source: JavaScript, VBScript, PowerShell, batch, shell, Python.'),
  })
  .describe(
    'By category of the content: scan; hash-only, which sends nothing, and what no list, feed or cache knows meets the fallback `unknown-file`; or skip, which passes the file and what is in it unless its hash is blocked. A file whose content is of two minds is always scanned.',
  );

export const policySchema = z
  .strictObject({
    verdictThreshold: z
      .union([z.literal('recommended'), z.int().min(1).max(10)])
      .default('recommended')
      .describe('A message is malicious when its threat level is this or higher; recommended is 7.'),
    smtp: smtpPolicySchema.prefault({}),
    imap: imapPolicySchema.prefault({}),
    profile: profileSchema.prefault({}),
    fallback: fallbackSchema.prefault({}),
    ambiguous: z
      .enum(['permit', 'warn', 'block'])
      .default('permit')
      .describe(
        'A message that mail programs may read in different ways, when every reading was looked at and is clean. Over IMAP nothing is added to a message, so warn permits it there.',
      ),
  })
  .describe('What is malicious and what happens then.');

export const listFields = ['envelope-from', 'envelope-to', 'body-sender', 'body-receiver'] as const;

export const listsSchema = z
  .strictObject({
    allow: z
      .array(pattern)
      .default([])
      .describe('Addresses whose mail passes unscanned: name@domain, *@domain, or *@*.domain for its subdomains.'),
    block: z.array(pattern).default([]).describe('Addresses whose mail counts as malicious, in the same forms.'),
    allowFiles: z
      .array(filePath)
      .default([])
      .describe('Text files of further `allow` entries, one a line; # starts a comment.'),
    blockFiles: z.array(filePath).default([]).describe('Text files of further `block` entries.'),
    allowHashes: z
      .array(filePath)
      .default([])
      .describe(
        'Text files of SHA-256 digests, one a line: such a file passes with all that it contains, its siblings do not.',
      ),
    blockHashes: z
      .array(filePath)
      .default([])
      .describe('Text files of SHA-256 digests of files that count as malicious.'),
    applyWithoutAttachment: z
      .boolean()
      .default(true)
      .describe('Whether the address lists are asked for mail without an attachment too.'),
    allowFields: z
      .array(z.enum(listFields))
      .default([...listFields])
      .describe(
        'Where an allowed address may stand. From is easily forged: leave out body-sender and body-receiver where that matters.',
      ),
    allowRecipients: z
      .enum(['any', 'all'])
      .default('any')
      .describe(
        'any: one allowed recipient lets the message pass to all. all: a recipient allows only when every recipient of the envelope is listed.',
      ),
  })
  .describe('Addresses and files known to be good or bad. Allow is asked before block.');

const embeddedSchema = z
  .strictObject({
    type: z
      .literal('embedded')
      .describe('Built in, needs no network: EICAR, hash feeds, static rules, and YARA rules if wanted.'),
    hashFeeds: z
      .array(filePath)
      .default([])
      .describe(
        'Text files of known bad files: an MD5, SHA-1 or SHA-256 a line, then if wanted a score from 0 to 1 (1 when absent) and a name, separated by spaces, tabs, commas or semicolons.',
      ),
    yaraRules: filePath
      .optional()
      .describe(
        'Folder of YARA rules, files *.yar and *.yara; read again on reload. Needs the package @litko/yara-x (npm install --no-save @litko/yara-x@0.3.0). A rule counts what its meta `score` says, 0.75 without one.',
      ),
  })
  .describe('The backend inside the gate.');

const clamdSchema = z
  .strictObject({
    type: z.literal('clamd').describe('A ClamAV daemon, asked by INSTREAM.'),
    address: formed(
      z.string().refine((text) => parseSocketAddress(text) !== undefined),
      'host:port, or unix: and the absolute path of a socket',
    )
      .default('127.0.0.1:3310')
      .describe('Where it listens: host:port, or unix:/run/clamav/clamd.ctl.'),
    connections: z
      .int()
      .min(1)
      .max(256)
      .default(8)
      .describe(
        'Scans at a time, each on a connection of its own; at most MaxThreads of clamd. Further files wait, then meet the fallback `out-of-resources`.',
      ),
    maxBytes: z
      .int()
      .min(1)
      .max(4_294_967_295)
      .default(26_214_400)
      .describe(
        'Larger files are not sent and meet the fallback `oversize`. At most StreamMaxLength of clamd, which Debian sets to 25M.',
      ),
    timeoutMs: z
      .int()
      .min(100)
      .max(600_000)
      .default(120_000)
      .describe('Time for one scan; clamd ends its own after MaxScanTime, 120 s by default.'),
    heuristicScore: z
      .number()
      .min(0)
      .max(1)
      .default(0.75)
      .describe(
        'Score of names that begin with Heuristics. or PUA.; every other name is 1. Heuristics.Encrypted is no score but the fallback `encrypted`, Heuristics.Limits.Exceeded the fallback `unscannable`.',
      ),
  })
  .describe('A ClamAV daemon.');

const httpSchema = z
  .strictObject({
    type: z.literal('http').describe('A scoring service that speaks the API of config/scoring-api.yaml.'),
    name: formed(z.string().regex(/^[a-z][a-z0-9-]{0,31}$/), 'small letters, digits and dashes, at most 32')
      .default('http')
      .describe('Name in logs, metrics and remembered answers; two services need two.'),
    url: formed(
      z.string().refine((text) => parseServiceUrl(text) !== undefined),
      'http:// or https://, host, port and path, without user or query',
    ).describe('Base address of the service; the paths of the API begin below it.'),
    tokenFile: filePath
      .optional()
      .describe('File with the bearer token, which only the gate may read; a changed file counts at once.'),
    caFile: filePath.optional().describe('PEM file of authorities for https; `tls.caFile` when absent.'),
    connections: z
      .int()
      .min(1)
      .max(256)
      .default(8)
      .describe('Questions at a time. Further ones wait, then meet the fallback `out-of-resources`.'),
    maxBytes: z
      .int()
      .min(1)
      .max(1_099_511_627_776)
      .default(104_857_600)
      .describe(
        'Larger files are not sent and meet the fallback `oversize`, as do those that the service finds too large.',
      ),
    timeoutMs: z
      .int()
      .min(100)
      .max(600_000)
      .default(60_000)
      .describe('Time for one question or upload, with its repetitions; then the fallback `verdict-timeout` decides.'),
    analysisMs: z
      .int()
      .min(100)
      .max(600_000)
      .default(600_000)
      .describe(
        'Time from an upload to its result, for services that answer later. A message waits no longer than `scoring.deadlineMs`; a result that comes after that is there for the next attempt.',
      ),
    sendNames: z
      .boolean()
      .default(false)
      .describe(
        'Whether names and declared types go along with files. Answers are not remembered then, as they may depend on those.',
      ),
  })
  .describe('A scoring service.');

const ttl = (initial: number, sentence: string) => z.int().min(0).max(2_592_000).default(initial).describe(sentence);

export const scoringSchema = z
  .strictObject({
    deadlineMs: z
      .int()
      .min(10)
      .max(600_000)
      .default(30_000)
      .describe('Time for all scores of a message; then the fallback `verdict-timeout` decides.'),
    levelMap: formed(
      z
        .array(z.tuple([z.number().min(0).max(1), z.number().min(0).max(10)]))
        .min(2)
        .max(100),
      'a list of 2 to 100 points [score from 0 to 1, level from 0 to 10]',
    )
      .default([
        [0, 0],
        [0.25, 2],
        [0.5, 4],
        [0.75, 7],
        [1, 10],
      ])
      .describe(
        'Points [score, threat level], straight lines between them; both must rise, from score 0 to 1. A level is rounded down, but any score above 0 is at least level 1.',
      ),
    backends: formed(
      z
        .array(z.discriminatedUnion('type', [embeddedSchema, clamdSchema, httpSchema]))
        .min(1)
        .max(16),
      'a list of 1 to 16 backends',
    )
      .default([{ type: 'embedded', hashFeeds: [] }])
      .describe('Who scores files; the highest score counts.'),
    cache: z
      .strictObject({
        ttlSeconds: z
          .strictObject({
            clean: ttl(3600, 'A file with score 0.'),
            flagged: ttl(86_400, 'A file with a higher score.'),
          })
          .prefault({})
          .describe('How long an answer is remembered; 0 forgets at once. Failures are never remembered.'),
      })
      .prefault({})
      .describe('Answers remembered by digest, so that a known file is not scanned again.'),
  })
  .describe('How files become scores and scores become threat levels.');

type BackendSettings = z.output<typeof scoringSchema>['backends'][number];

/** Files of known bad digests, of all backends that have some. */
export function hashFeedsOf(backends: readonly BackendSettings[]): string[] {
  return backends.flatMap((backend) => (backend.type === 'embedded' ? backend.hashFeeds : []));
}

/** Folders of YARA rules that embedded backends name, without repeats. */
export function yaraFoldersOf(backends: readonly BackendSettings[]): string[] {
  const folders = backends.map((backend) => (backend.type === 'embedded' ? backend.yaraRules : undefined));
  return [...new Set(folders)].filter((folder) => folder !== undefined);
}
