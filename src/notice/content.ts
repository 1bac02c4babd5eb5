/**
 * What a notice says, before it is laid out: every string of it is cleaned and bounded here, so that text and HTML
 * show the same and neither has to think of strangers' characters again.
 */
import { limits } from '../runtime/limits.js';
import { cleanLine, defang, levelText, sizeText, timeText } from './clean.js';
import type { NoticeFacts, NoticeSettings } from './settings.js';

export interface AttachmentLine {
  readonly name: string;
  readonly size: string;
  readonly level: string;
  readonly threat: string;
}

export interface NoticeContent {
  readonly heading: string;
  readonly paragraphs: readonly string[];
  /** label and value, in order */
  readonly facts: readonly (readonly [string, string])[];
  readonly attachments: readonly AttachmentLine[];
  /** attachments beyond those listed */
  readonly more: number;
  readonly portal: { readonly url: string; readonly text: string } | undefined;
  readonly request: { readonly url: string; readonly address: string } | undefined;
  readonly learnMore: string | undefined;
  readonly reference: string;
}

/** A stranger's string as it may stand in a notice. */
export function shown(text: string): string {
  return defang(cleanLine(text, limits.notice.fieldCharacters));
}

/** Only what a browser opens as a page: no `javascript:`, no `data:`. */
function webAddress(url: string | undefined): string | undefined {
  if (url === undefined || url.trim() === '' || !URL.canParse(url.trim())) return undefined;
  const parsed = new URL(url.trim());
  return parsed.protocol === 'https:' || parsed.protocol === 'http:' ? parsed.href : undefined;
}

/** RFC 6068: everything outside the unreserved characters is percent-encoded; `@` may stay. */
function mailto(address: string, id: string): string {
  const encoded = encodeURIComponent(address).replace(/%40/g, '@');
  return `mailto:${encoded}?subject=${encodeURIComponent(`Release request ${id}`)}`;
}

function senderText(facts: NoticeFacts): string {
  const envelope = facts.mailFrom === '' ? 'no return address' : shown(facts.mailFrom);
  const from = facts.from === undefined ? '' : shown(facts.from);
  if (from === '') return envelope;
  if (facts.mailFrom === '') return `${from} (${envelope})`;
  return from.toLowerCase().includes(envelope.toLowerCase()) ? from : `${from} (sent by ${envelope})`;
}

function paragraphsOf(message: string): string[] {
  return message
    .slice(0, limits.notice.messageCharacters)
    .split(/\r?\n[ \t]*\r?\n/)
    .map((paragraph) => cleanLine(paragraph, limits.notice.messageCharacters))
    .filter((paragraph) => paragraph !== '');
}

export function noticeContent(settings: NoticeSettings, facts: NoticeFacts): NoticeContent {
  const listed = facts.findings.slice(0, limits.notice.findingsShown);
  const portal = webAddress(facts.link);
  const address = settings.releaseRequestAddress?.trim() ?? '';
  return {
    heading: cleanLine(settings.subject, limits.notice.fieldCharacters),
    paragraphs: paragraphsOf(settings.message),
    facts: [
      ['From', senderText(facts)],
      ['Subject', shown(facts.subject ?? '') || '(none)'],
      ['Received', timeText(facts.receivedAt)],
      ['Found', shown(facts.threat) || 'refused by policy'],
      ['Threat level', levelText(facts.threatLevel)],
    ],
    attachments: listed.map((finding) => ({
      name: shown(finding.name) || '(no name)',
      size: sizeText(finding.bytes),
      level: levelText(finding.level),
      threat: shown(finding.threat),
    })),
    more: facts.findings.length - listed.length + facts.omitted,
    portal: portal === undefined ? undefined : { url: portal, text: cleanLine(settings.linkText, 100) || portal },
    request: address === '' ? undefined : { url: mailto(address, facts.id), address },
    learnMore: webAddress(settings.learnMoreUrl),
    reference: facts.id,
  };
}
