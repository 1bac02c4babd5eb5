/** One scanned message as a page for a person: every part, problem, list hit and reason. Strangers' strings are cleaned. */
import type { PartFacts } from '../../inspect/report.js';
import { problemEffects } from '../../mime/problem.js';
import { cleanLine, levelText, sizeText } from '../../notice/clean.js';
import { reasonText } from '../reason-text.js';
import type { Scanned } from './scan-message.js';

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
    ...field('parts', report.parts.length === 0 ? ['none'] : partLines(report.parts)),
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

function partLines(parts: readonly PartFacts[]): string[] {
  return parts.flatMap((part) => {
    const [name = '(no name)', ...others] = part.names.map((text) => `"${cleanLine(text, shown)}"`);
    const also = others.length === 0 ? '' : ` (also ${others.join(', ')})`;
    const content = part.detectedType === undefined ? '' : `, by content ${part.detectedType}`;
    const facts = `${part.attachment ? 'attachment' : 'body text'}, ${sizeText(part.bytes)}, ${part.encoding}`;
    const flags = part.flags.length === 0 ? '' : `, ${part.flags.join(', ')}`;
    return [
      `${part.path}  ${name}${also}: ${facts}${flags}`,
      `   declared ${cleanLine(part.declaredType, shown)}${content}`,
      `   sha256 ${part.sha256}`,
      ...partLines(part.members),
    ];
  });
}
