/** One scanned message as a page for a person: every part, problem, list hit and reason. Strangers' strings are cleaned. */
import type { PartFacts } from '../../inspect/report.js';
import { problemEffects } from '../../mime/problem.js';
import { cleanLine, levelText, sizeText } from '../../notice/clean.js';
import { reasonText } from '../../notice/reason-text.js';
import { partKey } from '../../policy/scope.js';
import type { Provenance } from '../../scoring/backend.js';
import type { ExplainedAnswer, ExplainedPart, PartState } from './explain.js';
import type { Scanned } from './scan-message.js';

type Explanations = ReadonlyMap<string, ExplainedPart>;

const shown = 200;
const labelWidth = 10;
const lineEndTexts: Readonly<Record<Scanned['lineEnds'], string>> = {
  crlf: 'CRLF, as mail has them',
  lf: 'LF; read as CRLF, as a mail server would send them',
  mixed: 'CRLF and bare LF mixed; read as they are',
  none: 'none',
};

export function pageOf(scanned: Scanned): string {
  const { file, verdict, report, hits, timings } = scanned;
  const explanations: Explanations = new Map(scanned.scores.map((part) => [partKey(part), part]));
  const threat = verdict.threat === '' ? '' : `, ${cleanLine(verdict.threat, shown)}`;
  const score = verdict.score === undefined ? '' : `, score ${verdict.score}`;
  const problems = report.problems.map(({ code, part, detail }) => {
    const place = part === '' ? 'message header' : `part ${part}`;
    const more = detail === undefined ? '' : `: ${cleanLine(detail, shown)}`;
    return `${code} (${problemEffects[code]}), ${place}${more}`;
  });
  const addresses = [`from ${people(report.addresses.sender)}`, `to ${people(report.addresses.receiver)}`];
  const lines = [
    cleanLine(file, 1000),
    ...field('verdict', [`${verdict.action}, level ${levelText(verdict.threatLevel)}${score}${threat}`]),
    ...field('because', verdict.reasons.map(reasonText)),
    ...field('message', [sizeText(report.bytes), cleanLine(report.subject ?? '(no subject)', shown), ...addresses]),
    ...field('lines end', [lineEndTexts[scanned.lineEnds]]),
    ...field('on the wire', scanned.forbiddenByte === undefined ? [] : [refusalText(scanned.forbiddenByte)]),
    ...field('list hits', [...hits.addresses.map(hitText), ...hits.hashes.map(hashText)], 'none'),
    ...field('problems', problems, 'none'),
    ...field('parts', report.parts.length === 0 ? ['none'] : partLines(report.parts, explanations)),
    ...field('time', [
      `read in ${timings.readMs} ms, inspected in ${timings.inspectMs} ms, judged in ${timings.judgeMs} ms`,
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

function field(label: string, values: readonly string[], none?: string): string[] {
  const texts = values.length === 0 && none !== undefined ? [none] : values;
  return texts.map((text, index) => `  ${(index === 0 ? label : '').padEnd(labelWidth)}  ${text}`);
}

function people(addresses: readonly string[]): string {
  if (addresses.length === 0) return 'nobody';
  const first = addresses.slice(0, 5).map((address) => cleanLine(address, shown));
  return `${first.join(', ')}${addresses.length > 5 ? ` and ${addresses.length - 5} more` : ''}`;
}

function refusalText(byte: string): string {
  return `the gate refuses it before any verdict with 554 5.6.0: ${byte.replace('-', ' ')} (RFC 5321 §2.3.8)`;
}

function hitText({ list, field: place, address, entry, source }: Scanned['hits']['addresses'][number]): string {
  return `${list}: ${place} ${cleanLine(address, shown)} matches ${cleanLine(entry, shown)} (${source})`;
}

function hashText({ list, part, sha256 }: Scanned['hits']['hashes'][number]): string {
  return `${list}: part ${part} has the listed digest ${sha256}`;
}

/** Each part with its members below it, indented by their depth. */
function partLines(parts: readonly PartFacts[], explained: Explanations, depth = 0): string[] {
  return parts.flatMap((part) => {
    const [name = '(no name)', ...others] = part.names.map((text) => `"${cleanLine(text, shown)}"`);
    const also = others.length === 0 ? '' : ` (also ${others.join(', ')})`;
    const kind = depth > 0 ? 'member' : part.attachment ? 'attachment' : 'body text';
    const facts = `${kind}, ${sizeText(part.bytes)}, ${part.encoding}`;
    const flags = part.flags.length === 0 ? '' : `, ${part.flags.join(', ')}`;
    const about = explained.get(partKey(part));
    const content = part.detectedType === undefined ? '' : `, by content ${part.detectedType}`;
    const category = about?.category === undefined ? '' : `, category ${about.category}`;
    const declared = part.declaredType === '' ? 'no type declared' : `declared ${cleanLine(part.declaredType, shown)}`;
    const details = [
      `${declared}${content}${category}`,
      ...(part.view === '' ? [] : [`in the reading: ${cleanLine(part.view, shown)}`]),
      `sha256 ${part.sha256}`,
      ...(about === undefined ? [] : reasonLines(about)),
    ];
    const indent = '   '.repeat(depth);
    return [
      `${indent}${part.path}  ${name}${also}: ${facts}${flags}`,
      ...details.map((line) => `${indent}   ${line}`),
      ...partLines(part.members, explained, depth + 1),
    ];
  });
}

const states: Readonly<Record<PartState, string>> = {
  asked: '',
  'not-asked': 'not scored: the message was decided without it',
  body: '',
  allowed: 'not scored: an allowed file, or inside of one',
  skipped: 'not scored: its category, or that of a file around it, is skipped',
};

/** What was thought of a part: its profile where that is unusual, every answer, every rule. */
function reasonLines({ state, mode, oversize, answers, rules, category }: ExplainedPart): string[] {
  const lines = states[state] === '' ? [] : [states[state]];
  if (mode === 'hash-only') lines.push(`policy.profile.${category} is hash-only: it was not sent anywhere`);
  if (oversize) lines.push(`larger than policy.profile.${category}.maxBytes: it was not sent anywhere`);
  lines.push(...answers.map(answerText));
  lines.push(...rules.map(({ id, score, reason }) => `rule ${id} (${score}): ${reason}`));
  return lines;
}

const sources: Readonly<Record<Provenance['source'], string>> = {
  facts: '',
  memory: ', remembered',
  store: ', from the store',
  container: '',
  backend: '',
};

function answerText({ answer, source, ms }: ExplainedAnswer): string {
  const when = source === 'backend' ? `, in ${ms} ms` : sources[source];
  switch (answer.kind) {
    case 'score': {
      const name = answer.name === '' ? '' : ` ${cleanLine(answer.name, shown)}`;
      return `${answer.backend}: score ${answer.score}${name}${when} (${cleanLine(answer.engine, shown)})`;
    }
    case 'none':
      return `${answer.backend}: no answer, ${answer.cause}: ${cleanLine(answer.detail, shown)}${when}`;
    case 'covered':
      return `${answer.backend}: looked at as a part of ${answer.by}`;
    default:
      return answer satisfies never;
  }
}
