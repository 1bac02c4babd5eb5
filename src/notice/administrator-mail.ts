/**
 * What administrators are told: one event in full, or a list of what happened since the last mail. Plain text, for
 * people who read it in a terminal or a ticket system.
 */
import { limits } from '../runtime/limits.js';
import { levelText, sizeText, timeText } from './clean.js';
import { composeMail, stableMessageId } from './compose.js';
import { shown } from './content.js';
import type { Finding } from './findings.js';
import type { EventName } from './settings.js';

export interface ToldEvent {
  readonly id: number;
  readonly event: EventName;
  /** ms since 1970 */
  readonly at: number;
  /** who did it, as in the audit table: `gate` for a blocked message, `recipient:` and an address, `cli:` and a name */
  readonly actor: string;
  readonly item: string;
  readonly mailFrom: string;
  readonly recipients: readonly string[];
  readonly subject: string | undefined;
  readonly threat: string;
  readonly threatLevel: number;
  readonly findings: readonly Finding[];
}

export interface AdministratorFacts {
  readonly administrator: string;
  /** From field, as in notices */
  readonly from: string;
  /** never empty, oldest first */
  readonly events: readonly ToldEvent[];
  /** events beyond those given */
  readonly omitted: number;
  /** page of an item without its identifier, which is put at the end; undefined when there are no pages */
  readonly itemPages: string | undefined;
}

const titles = {
  blocked: 'Message blocked',
  released: 'Message released',
  'release-requested': 'Release requested',
  deleted: 'Message deleted',
} as const satisfies Record<EventName, string>;

function recipientsText(recipients: readonly string[]): string {
  const named = recipients.slice(0, limits.notice.recipientsShown).map(shown).join(', ');
  const more = recipients.length - limits.notice.recipientsShown;
  return more > 0 ? `${named} and ${more} more` : named;
}

/** A link that readers of a mailbox share names none of them. */
function actorText(actor: string): string {
  if (actor === 'recipient:imap') return 'a reader of its mailbox';
  return shown(actor.replace(/^recipient:/, 'recipient '));
}

function eventText(event: ToldEvent, itemPages: string | undefined): string {
  const findings = event.findings.slice(0, limits.notice.findingsShown);
  const lines = [
    `${titles[event.event]} at ${timeText(event.at)}${event.event === 'blocked' ? '' : ` by ${actorText(event.actor)}`}`,
    `  Item:         ${event.item}`,
    `  Sender:       ${shown(event.mailFrom) || '(null sender)'}`,
    `  Recipients:   ${recipientsText(event.recipients)}`,
    `  Subject:      ${shown(event.subject ?? '') || '(none)'}`,
    `  Threat:       ${shown(event.threat) || 'refused by policy'}`,
    `  Threat level: ${levelText(event.threatLevel)}`,
    ...findings.map(
      (finding) =>
        `  Attachment:   ${shown(finding.name) || '(no name)'}, ${sizeText(finding.bytes)}, sha256 ${finding.sha256}`,
    ),
  ];
  if (event.findings.length > findings.length)
    lines.push(`  and ${event.findings.length - findings.length} more attachments`);
  if (itemPages !== undefined) lines.push(`  Page:         ${itemPages}${event.item}`);
  return lines.join('\n');
}

function subjectOf(facts: AdministratorFacts): string {
  const total = facts.events.length + facts.omitted;
  const [first] = facts.events;
  if (total > 1 || first === undefined) return `Mail gate: ${total} events`;
  return `Mail gate: ${titles[first.event]}: ${shown(first.threat) || 'refused by policy'}`;
}

/** Where somebody waits for an answer, the commands that give one. */
function commandsText(events: readonly ToldEvent[]): string {
  const request = events.find(({ event }) => event === 'release-requested');
  const example = request?.item ?? events[0]?.item ?? 'ID';
  const lines = ['show', 'release', ...(request === undefined ? [] : ['deny', 'delete'])];
  const what = request === undefined ? 'To look at an item or release it' : 'To look at a requested item and decide';
  return `${what}:\n${lines.map((command) => `  sluice quarantine ${command} ${example}`).join('\n')}\n`;
}

/** The mail and its Message-ID, which is that of the events it tells. */
export async function renderAdministratorMail(
  facts: AdministratorFacts,
): Promise<{ readonly eml: Buffer; readonly messageId: string }> {
  const blocks = facts.events.map((event) => eventText(event, facts.itemPages));
  if (facts.omitted > 0) blocks.push(`and ${facts.omitted} more events: sluice quarantine list`);
  blocks.push(commandsText(facts.events));
  const ids = facts.events.map((event) => String(event.id));
  const messageId = stableMessageId(facts.from, 'administrator', facts.administrator, ...ids, String(facts.omitted));
  const eml = await composeMail({
    from: facts.from,
    to: facts.administrator,
    subject: subjectOf(facts),
    date: facts.events.at(-1)?.at ?? 0,
    messageId,
    text: blocks.join('\n\n'),
  });
  return { eml, messageId };
}
