/**
 * Which habits of base64 readers make a difference to a body: a survey of its bytes, and from it the readings in order
 * of plausibility, single deviations from the usual reading first.
 */
import type { AtJunk, AtPadding, Base64Habits } from './base64-loose.js';

/** What a body has in it that readers differ about. */
export interface Base64Survey {
  readonly junk: boolean;
  readonly urlSafe: boolean;
  readonly highBytes: boolean;
  readonly nul: boolean;
  /** blanks between characters of a line */
  readonly blanks: boolean;
  /** data behind padding */
  readonly innerPadding: boolean;
  /** a line that is no whole number of groups, and not the last one */
  readonly unevenLines: boolean;
  /** characters that are no whole group at the end, padding or not */
  readonly openGroup: boolean;
}

export interface Base64Reading extends Base64Habits {
  /** for a person */
  readonly name: string;
}

/** those of our own framer, and of most readers */
export const usualHabits: Base64Habits = {
  junk: 'skip',
  padding: 'go-on',
  urlSafe: true,
  sevenBits: false,
  lineByLine: false,
  wholeGroups: false,
  blankIsJunk: false,
  nulEnds: false,
};

export function surveyBase64(body: Buffer): Base64Survey {
  let junk = false;
  let urlSafe = false;
  let highBytes = false;
  let nul = false;
  let blanks = false;
  let innerPadding = false;
  let unevenLines = false;
  let padded = false;
  let blankSeen = false;
  let column = 0;
  let characters = 0;
  let uneven = false;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at] as number; // at < length
    if (byte === 0x0a || byte === 0x0d) {
      uneven ||= column % 4 !== 0;
      column = 0;
      blankSeen = false;
      continue;
    }
    if (byte === 0x20 || byte === 0x09) {
      blankSeen = column > 0;
      continue;
    }
    blanks ||= blankSeen;
    unevenLines ||= uneven;
    column += 1;
    if (byte === 0x3d) {
      padded = true;
      continue;
    }
    if (byte === 0x2d || byte === 0x5f) urlSafe = true;
    else if (byte >= 0x80) highBytes = true;
    else if (byte === 0) nul = true;
    else if (!isPlain(byte)) {
      junk = true;
      continue;
    }
    innerPadding ||= padded;
    characters += 1;
  }
  junk ||= highBytes || nul;
  return { junk, urlSafe, highBytes, nul, blanks, innerPadding, unevenLines, openGroup: characters % 4 !== 0 };
}

function isPlain(byte: number): boolean {
  const letter = byte | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || (byte >= 0x2f && byte <= 0x39) || byte === 0x2b;
}

/** What decoders do at padding, for each way in which they treat junk; nobody stops at one and guesses at the other. */
const paddingsAt: Readonly<Record<AtJunk, readonly AtPadding[]>> = {
  skip: ['go-on', 'stop', 'stop-if-complete', 'ignore', 'zero'],
  stop: ['go-on', 'stop', 'zero'],
  zero: ['go-on', 'stop', 'zero'],
  'drop-line': ['go-on', 'stop'],
  'end-group': ['go-on'],
  'drop-group': ['go-on'],
};
const junkOrder: readonly AtJunk[] = ['skip', 'stop', 'zero', 'drop-line', 'end-group', 'drop-group'];

/** All readings worth a decoding: those with one habit that is not the usual one come first. */
export function base64Readings(survey: Base64Survey): readonly Base64Reading[] {
  const alphabets: readonly Partial<Base64Habits>[] = survey.urlSafe ? [{}, { urlSafe: false }] : [{}];
  const junks = survey.junk || survey.urlSafe ? junkOrder : junkOrder.slice(0, 1);
  const single: Partial<Base64Habits>[] = [];
  const several: Partial<Base64Habits>[] = [];
  for (const alphabet of alphabets) {
    for (const junk of junks) {
      for (const padding of survey.innerPadding ? paddingsAt[junk] : paddingsAt[junk].slice(0, 1)) {
        const habits: Partial<Base64Habits> = { ...alphabet };
        if (junk !== usualHabits.junk) Object.assign(habits, { junk });
        if (padding !== usualHabits.padding) Object.assign(habits, { padding });
        const count = Object.keys(habits).length;
        if (count > 0) (count === 1 ? single : several).push(habits);
      }
    }
  }
  if (survey.unevenLines || survey.innerPadding) single.push({ lineByLine: true });
  if (survey.openGroup) single.push({ wholeGroups: true });
  if (survey.nul) single.push({ nulEnds: true });
  if (survey.highBytes) single.push({ sevenBits: true });
  if (survey.blanks) several.push({ junk: 'stop', blankIsJunk: true }, { junk: 'zero', blankIsJunk: true });
  return [...single, ...several].map((habits) => ({ ...usualHabits, ...habits, name: nameOf(habits) }));
}

function nameOf(habits: Partial<Base64Habits>): string {
  const words: string[] = [];
  if (habits.junk !== undefined) words.push(`${habits.junk} at junk`);
  if (habits.padding !== undefined) words.push(`${habits.padding} at padding`);
  if (habits.urlSafe === false) words.push('plain alphabet');
  if (habits.sevenBits === true) words.push('seven bits');
  if (habits.lineByLine === true) words.push('line by line');
  if (habits.wholeGroups === true) words.push('whole groups');
  if (habits.blankIsJunk === true) words.push('blanks are junk');
  if (habits.nulEnds === true) words.push('ends at NUL');
  return `base64, ${words.join(', ')}`;
}
