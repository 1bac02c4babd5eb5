/** `sluice quarantine …`: look at held mail, give it back, delete it. */
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { type Command, Option } from 'commander';
import { levelText, sizeText, timeText } from '../notice/clean.js';
import {
  type DeliveryRecord,
  type Item,
  type ListedItem,
  type ListedState,
  listedStates,
  type PartRelease,
  partRelease,
  partReleaseText,
} from '../quarantine/item.js';
import { loadReleaseKey } from '../quarantine/keys.js';
import { type ReleaseForm, releaseForms } from '../quarantine/outbox-table.js';
import { newOwner } from '../quarantine/process-owner.js';
import { releaseNow } from '../quarantine/release.js';
import { writeFully } from '../quarantine/seal.js';
import type { ItemDetail } from '../quarantine/store.js';
import type { Vault } from '../quarantine/vault.js';
import { GateError } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { type SpoolSource, sourceChunks } from '../runtime/spool-source.js';
import { takesConfig } from './configuration.js';
import {
  commandActor,
  type ExitCode,
  jsonText,
  runCommand,
  type StoreContext,
  tableText,
  terminalText,
  withVault,
} from './store-context.js';

interface Shared {
  readonly config: string;
  readonly json?: boolean;
}

/** Who has got a message that counts as held is out of its reach. */
function stateText({ state }: Item, part: PartRelease | undefined): string {
  return part === undefined ? state : `${state}, ${partReleaseText(part)}`;
}

function listText(items: readonly ListedItem[]): string {
  if (items.length === 0) return 'nothing in quarantine';
  const head = ['ID', 'STATE', 'RECEIVED', 'LEVEL', 'THREAT', 'FROM', 'TO', 'SUBJECT'];
  const rows = items.map((item) => {
    const [first, ...others] = item.envelope.recipients;
    const more = others.length > 0 ? ` +${others.length}` : '';
    return [
      item.id,
      stateText(item, item.partRelease),
      timeText(item.created),
      String(item.verdict.threatLevel),
      terminalText(item.verdict.threat, 30),
      terminalText(item.envelope.mailFrom, 40) || '<>',
      `${terminalText(first?.address ?? '', 40)}${more}`,
      terminalText(item.subject ?? '', 60),
    ];
  });
  return tableText([head, ...rows]);
}

function deliveryText(record: DeliveryRecord): string {
  const reply = record.reply === undefined ? '' : `: ${terminalText(record.reply, 500)}`;
  return `  ${terminalText(record.address)} ${record.status}${reply}`;
}

function requestText({ recipient, at }: ItemDetail['requests'][number]): string {
  return `  ${recipient === undefined ? 'a reader of the mailbox' : terminalText(recipient)} at ${timeText(at)}`;
}

function decisionText({ item, decision }: ItemDetail): string[] {
  if (decision === undefined) return [];
  const reason = decision.reason === undefined ? '' : `: ${terminalText(decision.reason, 500)}`;
  return [`Decision:`, `  ${item.state} at ${timeText(decision.at)} by ${terminalText(decision.actor)}${reason}`];
}

function detailText(detail: ItemDetail): string {
  const { item, deliveries, mails, audit, requests } = detail;
  const has = deliveries.filter(({ status }) => status === 'delivered').length;
  const rows = [
    ['Item', item.id],
    ['State', stateText(item, partRelease(item.state, has, deliveries.length))],
    [
      'Received',
      `${timeText(item.created)} by ${terminalText(item.listener)} from ${terminalText(item.clientAddress)}`,
    ],
    ['Kept until', timeText(item.expires)],
    ['Sender', terminalText(item.envelope.mailFrom) || '<>'],
    ['From', terminalText(item.from ?? '')],
    ['Subject', terminalText(item.subject ?? '')],
    [
      'Threat',
      `${terminalText(item.verdict.threat) || 'refused by policy'}, level ${levelText(item.verdict.threatLevel)}`,
    ],
    ['Message', `${sizeText(item.bytes)}, sha256 ${item.sha256}`],
  ];
  const findings = item.facts.findings.map((finding) => {
    const threat = finding.threat === '' ? '' : `, ${terminalText(finding.threat)}`;
    return `  ${terminalText(finding.name) || '(no name)'} ${sizeText(finding.bytes)} level ${finding.level}${threat}\n    sha256 ${finding.sha256}`;
  });
  if (item.facts.omitted > 0) findings.push(`  and ${item.facts.omitted} more`);
  const sent = mails.map((mail) => {
    const to = mail.recipient === '' ? '' : ` to ${terminalText(mail.recipient)}`;
    const reply = mail.lastReply === undefined ? '' : `: ${terminalText(mail.lastReply, 500)}`;
    const form = mail.kind === 'release' && mail.releaseAs !== 'original' ? ` as ${mail.releaseAs}` : '';
    return `  ${mail.kind}${form}${to} ${mail.state}${reply}`;
  });
  const acts = audit.map((row) => `  ${timeText(row.at)} ${terminalText(row.actor)} ${terminalText(row.action)}`);
  return [
    tableText(rows),
    ...['Attachments:', ...findings],
    ...(requests.length === 0 ? [] : ['Asked for by:', ...requests.map(requestText)]),
    ...decisionText(detail),
    ...['Recipients:', ...deliveries.map(deliveryText)],
    ...['Mail:', ...sent],
    ...['History:', ...acts],
  ].join('\n');
}

async function show(vault: Vault, id: string, json: boolean, context: StoreContext): Promise<ExitCode> {
  const detail = await vault.detail(id);
  context.stdout.write(`${json ? jsonText(detail) : detailText(detail)}\n`);
  const broken = await vault.store.call('firstBrokenAudit');
  if (broken === undefined) return 0;
  context.stderr.write(`sluice: the audit table was altered: row ${broken} does not follow from the one before it\n`);
  return 1;
}

/** A new private file; an existing one is never overwritten. */
function createFile(path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw exists ? new GateError('state-conflict', `${path} exists: choose another --out`) : error;
  }
}

async function copy(source: SpoolSource, out: string, stdout: Writable): Promise<void> {
  if (out === '-') {
    for (const chunk of sourceChunks(source, 0, source.length)) {
      if (!stdout.write(chunk)) await once(stdout, 'drain');
    }
    return;
  }
  const fd = createFile(out);
  try {
    for (const chunk of sourceChunks(source, 0, source.length)) writeFully(fd, chunk);
  } finally {
    closeSync(fd);
  }
}

async function exportItem(
  vault: Vault,
  id: string,
  options: { readonly out?: string; readonly sealed?: boolean },
  context: StoreContext,
): Promise<ExitCode> {
  const sealed = options.sealed === true;
  const out = options.out ?? `${id}.eml${sealed ? '.age' : ''}`;
  if (out === '-' && context.stdout.isTTY === true) {
    context.stderr.write(
      'sluice: a quarantined message is not written to a terminal: redirect it, or use --out FILE\n',
    );
    return 2;
  }
  const opened = sealed ? await vault.openSealed(id) : await vault.openItem(id);
  try {
    await copy(opened.source, out, context.stdout);
  } finally {
    opened.close();
  }
  const action = sealed ? 'exported-sealed' : 'exported';
  await vault.store.call('audit', { at: context.now(), actor: commandActor(), action, item: id, detail: {} });
  if (out !== '-') context.stdout.write(`wrote ${terminalText(out)}\n`);
  return 0;
}

async function release(
  vault: Vault,
  id: string,
  settings: Parameters<Parameters<typeof withVault>[2]>[1],
  context: StoreContext,
  as: ReleaseForm | undefined,
): Promise<ExitCode> {
  const tools = {
    vault,
    routes: settings.routes,
    deliver: settings.deliver,
    releaseKey: loadReleaseKey(settings.dataDirectory),
    clock: () => context.now(),
    log: () => {
      // The answers are printed below.
    },
  };
  const { protocol } = (await vault.detail(id)).item;
  const signal = AbortSignal.timeout(limits.quarantine.commandReleaseMs);
  const report = await releaseNow(id, commandActor(), newOwner(), tools, signal, { as });
  for (const delivery of report.deliveries) context.stdout.write(`${deliveryText(delivery)}\n`);
  const reason = report.reason === undefined ? '' : `: ${terminalText(report.reason, 500)}`;
  switch (report.outcome) {
    case 'released':
      context.stdout.write(`released ${id}\n`);
      if (protocol === 'imap') {
        context.stdout.write(
          'Its original lies in the mailbox, and is shown from the next time that this is opened.\n',
        );
      }
      return 0;
    case 'queued':
      context.stderr.write(
        `sluice: not everybody has it yet${reason}\nA running daemon tries again; or repeat this command.\n`,
      );
      return 1;
    case 'failed':
      context.stderr.write(
        `sluice: not released${reason}\nWhen the reason is gone, repeat this command: it tries only those who have not got it.\n`,
      );
      return 1;
  }
}

const examples = `
All of them work beside a running gate and without one.

Exit code: 0 done, 1 not done (the reason is printed), 2 wrong use.

Examples:
  sluice quarantine list --state held
  sluice quarantine list --state release-requested
  sluice quarantine list --state partly-released
  sluice quarantine show ID
  sluice quarantine deny ID --reason 'Not a message for work'
  sluice quarantine release ID      to all its recipients, with the mail server's answers
  sluice quarantine export ID --sealed && age -d -i identity.txt ID.eml.age`;

export function registerQuarantine(program: Command, context: StoreContext): void {
  const quarantine = program
    .command('quarantine')
    .description('Look at held mail, give it back, delete it')
    .addHelpText('afterAll', examples);
  const add = (name: string, description: string) => takesConfig(quarantine.command(name).description(description));

  add('list', 'List quarantined messages, newest first')
    .addOption(new Option('--state <state>', 'only those in this state').choices(listedStates))
    .option('--json', 'print JSON')
    .action((options: Shared & { readonly state?: ListedState }) =>
      runCommand(context, () =>
        withVault(context, options.config, async (vault) => {
          const items = await vault.store.call('list', options.state, limits.quarantine.listMax);
          context.stdout.write(`${options.json === true ? jsonText(items) : listText(items)}\n`);
          return 0;
        }),
      ),
    );
  add('show <id>', 'Show one message: envelope, findings, deliveries, history')
    .option('--json', 'print JSON')
    .action((id: string, options: Shared) =>
      runCommand(context, () =>
        withVault(context, options.config, (vault) => show(vault, id, options.json === true, context)),
      ),
    );
  add('export <id>', 'Write the original to a file')
    .option('--out <file>', 'where to write; - is the standard output (default: ID.eml)')
    .option('--sealed', 'write it encrypted, as it lies in quarantine; needs no identity')
    .action((id: string, options: Shared & { readonly out?: string; readonly sealed?: boolean }) =>
      runCommand(context, () => withVault(context, options.config, (vault) => exportItem(vault, id, options, context))),
    );
  add('release <id>', 'Deliver the original to all its recipients and print the answers')
    .addOption(
      new Option(
        '--as <form>',
        'original: as it came; zip: attachments in an encrypted archive (default: quarantine.releaseAs)',
      ).choices(releaseForms),
    )
    .action((id: string, options: Shared & { readonly as?: ReleaseForm }) =>
      runCommand(context, () =>
        withVault(context, options.config, (vault, settings) => release(vault, id, settings, context, options.as)),
      ),
    );
  add('deny <id>', 'Refuse a release that was asked for, and tell whoever asked')
    .option('--reason <text>', 'words for the recipients who asked')
    .action((id: string, options: Shared & { readonly reason?: string }) =>
      runCommand(context, () =>
        withVault(context, options.config, async (vault) => {
          const denied = await vault.deny(id, commandActor(), options.reason);
          context.stdout.write(denied ? `denied ${id}\n` : `${id} was denied before\n`);
          return 0;
        }),
      ),
    );
  add('delete <id>', 'Destroy the original for all its recipients').action((id: string, options: Shared) =>
    runCommand(context, () =>
      withVault(context, options.config, async (vault) => {
        await vault.delete(id, commandActor());
        context.stdout.write(`deleted ${id}\n`);
        return 0;
      }),
    ),
  );
}
