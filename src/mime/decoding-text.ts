/** Every reading of a body that is quoted-printable, or that has no transfer encoding at all. */
import type { DecodingCollector } from './decoding-collector.js';
import { countLineEnds, withCrlf, withLineFeeds, withoutFinalLineEnd, withoutStuffedDots } from './line-ends.js';
import type { ProblemCode } from './problem.js';
import { decodeQuotedPrintable, type QuotedPrintableHabits, withoutSoftBreaks } from './qp-loose.js';
import { QuotedPrintableDecoder } from './quoted-printable.js';

const usual: QuotedPrintableHabits = {
  blanksKept: false,
  badEscape: 'keep',
  lowerCase: true,
  doubled: false,
  softBreak: 'blanks',
  underscoreIsBlank: false,
  lineEnds: 'keep',
};

/** The line ends that clients of other systems store, and the text without those at its end. */
function addLineEnds(out: DecodingCollector, reading: string, content: Buffer): void {
  const ends = countLineEnds(content);
  const feeds = ends.crlf > 0 ? withLineFeeds(content, false) : content;
  if (ends.crlf > 0) out.add(`${reading}, lines end in LF`, feeds);
  if (ends.lf > 0 || ends.cr > 0) out.add(`${reading}, lines end in CRLF`, withCrlf(content, ends));
  if (ends.cr > 0) out.add(`${reading}, CR becomes LF`, withLineFeeds(content, true));
  out.add(`${reading}, without its last line end`, withoutFinalLineEnd(content, false));
  out.add(`${reading}, lines end in LF but the last`, withoutFinalLineEnd(feeds, false));
  out.add(`${reading}, without line ends at its end`, withoutFinalLineEnd(content, true));
}

export function addIdentity(out: DecodingCollector, body: Buffer): void {
  out.add('as it is', body);
  addLineEnds(out, 'as it is', body);
  if (body.indexOf('..') === 0 || body.includes('\n..')) out.add('dots unstuffed', withoutStuffedDots(body));
}

export function addQuotedPrintable(out: DecodingCollector, body: Buffer): void {
  const problems = new Set<ProblemCode>();
  const decoder = new QuotedPrintableDecoder(problems);
  const content = Buffer.concat([decoder.write(body), decoder.finish()]);
  out.add('quoted-printable', content);
  const single = deviations(problems, body);
  for (const habits of single) out.add(nameOf(habits), decodeQuotedPrintable(body, { ...usual, ...habits }));
  if (problems.has('qp-bad-escape')) {
    out.add('quoted-printable, lines joined first', decodeQuotedPrintable(withoutSoftBreaks(body), usual));
  }
  addLineEnds(out, 'quoted-printable', content);
  if (body.includes('\r\n')) {
    const lineEnds: Partial<QuotedPrintableHabits> = { lineEnds: 'lf' };
    out.add(nameOf(lineEnds), decodeQuotedPrintable(body, { ...usual, ...lineEnds }));
  }
  for (const habits of [...combinations(single), ...single]) {
    if (out.full && !out.complete) return;
    const other = decodeQuotedPrintable(body, { ...usual, ...habits });
    out.add(nameOf(habits), other);
    if (other.includes('\r\n')) out.add(`${nameOf(habits)}, lines end in LF`, withLineFeeds(other, false));
  }
  if (body.includes(0x5f)) {
    const underscores: Partial<QuotedPrintableHabits> = { underscoreIsBlank: true };
    out.add(nameOf(underscores), decodeQuotedPrintable(body, { ...usual, ...underscores }));
  }
}

/** The habits that make a difference to this body. */
function deviations(problems: ReadonlySet<ProblemCode>, body: Buffer): readonly Partial<QuotedPrintableHabits>[] {
  const found: Partial<QuotedPrintableHabits>[] = [];
  if (problems.has('qp-trailing-blanks')) found.push({ blanksKept: true });
  if (problems.has('qp-bad-escape')) {
    found.push({ badEscape: 'drop' }, { badEscape: 'drop-three' }, { badEscape: 'stop' });
  }
  if (problems.has('qp-lower-case')) found.push({ lowerCase: false });
  if (body.includes('==')) found.push({ doubled: true });
  if (/=(?:[ \t]|$)/.test(body.toString('latin1', Math.max(0, body.length - 2))) || hasAfterEquals(body, isBlankByte)) {
    found.push({ softBreak: 'exact' });
  }
  if (hasAfterEquals(body, (byte) => byte === 0x0d)) found.push({ softBreak: 'bare-cr' }, { softBreak: 'up-to-lf' });
  return found;
}

function isBlankByte(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09;
}

/** Whether some `=` is followed by such a byte that makes no ordinary soft break. */
function hasAfterEquals(body: Buffer, test: (byte: number | undefined) => boolean): boolean {
  for (let at = body.indexOf(0x3d); at >= 0; at = body.indexOf(0x3d, at + 1)) {
    if (test(body[at + 1]) && !(body[at + 1] === 0x0d && body[at + 2] === 0x0a)) return true;
  }
  return false;
}

/** Two habits at a time, then all that do not exclude each other. */
function combinations(single: readonly Partial<QuotedPrintableHabits>[]): Partial<QuotedPrintableHabits>[] {
  let all: Partial<QuotedPrintableHabits>[] = [{}];
  for (const habits of single) {
    const key = Object.keys(habits)[0] ?? '';
    all = [...all, ...all.filter((other) => !(key in other)).map((other) => ({ ...other, ...habits }))];
  }
  const size = (habits: Partial<QuotedPrintableHabits>) => Object.keys(habits).length;
  return all.filter((habits) => size(habits) > 1).sort((one, other) => size(one) - size(other));
}

function nameOf(habits: Partial<QuotedPrintableHabits>): string {
  const words: string[] = [];
  if (habits.blanksKept === true) words.push('blanks kept');
  if (habits.badEscape !== undefined) words.push(`${habits.badEscape} at a bad escape`);
  if (habits.lowerCase === false) words.push('lower case is no escape');
  if (habits.doubled === true) words.push('== is =');
  if (habits.softBreak !== undefined) words.push(`soft breaks ${habits.softBreak}`);
  if (habits.underscoreIsBlank === true) words.push('underscores are blanks');
  if (habits.lineEnds === 'lf') words.push('raw lines end in LF');
  return `quoted-printable, ${words.join(', ')}`;
}
