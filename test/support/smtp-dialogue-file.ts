/**
 * Conversation files for sessions, SMTP's and IMAP's, readable by anyone who runs mail. Each `=== title` begins a conversation:
 *
 *   @ key value     a setting, before the first line (see `settingsOf` in smtp-dialogue.ts)
 *   C: line         the client sends a line            C| octets   without CRLF behind them
 *   U> line         the next hop sends a line          U>| octets
 *   S: line         the client must have received      S| octets
 *   U< line         the next hop must have received    U<| octets
 *   --              a new segment begins here
 *   * event         something else happens, or is looked at (see `DialogueRun.#event` there)
 *
 * Escapes: \r \n \0 \t \\ \xNN. Adjacent lines of one sender are one segment. What was received is compared after each
 * segment, octet by octet, so that nothing extra can hide. `* greeted EXT…` and `* envelope` stand for the usual openings.
 */

export interface Dialogue {
  readonly file: string;
  readonly title: string;
  readonly settings: ReadonlyMap<string, string>;
  readonly steps: readonly Step[];
}

export type Step =
  | { readonly kind: 'client' | 'upstream'; readonly octets: Buffer; readonly line: number }
  | { readonly kind: 'client-got' | 'upstream-got'; readonly octets: Buffer; readonly line: number }
  | { readonly kind: 'event'; readonly words: readonly string[]; readonly line: number }
  | { readonly kind: 'segment'; readonly line: number };

const prefixes = [
  ['C:', 'client', true],
  ['C|', 'client', false],
  ['U>|', 'upstream', false],
  ['U>', 'upstream', true],
  ['S:', 'client-got', true],
  ['S|', 'client-got', false],
  ['U<|', 'upstream-got', false],
  ['U<', 'upstream-got', true],
] as const;

const escapes: Readonly<Record<string, string>> = { r: '\r', n: '\n', 0: '\0', t: '\t', '\\': '\\' };

export function octetsOf(text: string): Buffer {
  const unescaped = Buffer.from(text, 'utf8')
    .toString('latin1')
    .replace(/\\(?:x([0-9a-fA-F]{2})|([rn0t\\]))/g, (_, hex: string | undefined, char: string | undefined) =>
      hex === undefined ? (escapes[char ?? ''] ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
    );
  return Buffer.from(unescaped, 'latin1');
}

function expanded(line: string): string[] {
  const words = line.split(/ +/);
  if (words[0] === '*' && words[1] === 'greeted') {
    const texts = ['mx.example', ...words.slice(2).map((word) => word.replaceAll('_', ' '))];
    const ehlo = texts.map((text, index) => `250${index === texts.length - 1 ? ' ' : '-'}${text}`);
    return [
      'U> 220 mx.example ESMTP',
      'S: 220 mx.example ESMTP',
      'C: EHLO client.example',
      'U< EHLO client.example',
      ...ehlo.map((text) => `U> ${text}`),
      ...ehlo.map((text) => `S: ${text}`),
    ];
  }
  if (line === '* envelope') {
    return ['MAIL FROM:<alice@client.example>', 'RCPT TO:<bob@example.org>'].flatMap((command) => [
      `C: ${command}`,
      `U< ${command}`,
      'U> 250 2.1.0 Ok',
      'S: 250 2.1.0 Ok',
    ]);
  }
  return [line];
}

function stepOf(text: string, line: number): Step {
  if (text === '--') return { kind: 'segment', line };
  if (text.startsWith('* ')) return { kind: 'event', words: text.slice(2).split(/ +/), line };
  for (const [prefix, kind, ends] of prefixes) {
    if (!text.startsWith(prefix)) continue;
    const rest = text.slice(prefix.length).replace(/^ /, '');
    return { kind, octets: octetsOf(ends ? `${rest}\\r\\n` : rest), line };
  }
  throw new Error(`line ${line} is no step: ${text}`);
}

/** @param expand lines that stand for several others */
export function parseDialogues(file: string, text: string, expand: (line: string) => string[] = expanded): Dialogue[] {
  const dialogues: { title: string; settings: Map<string, string>; steps: Step[] }[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    if (raw.trim() === '' || raw.startsWith('#')) continue;
    if (raw.startsWith('=== ')) {
      dialogues.push({ title: raw.slice(4), settings: new Map(), steps: [] });
      continue;
    }
    const dialogue = dialogues.at(-1);
    if (dialogue === undefined) throw new Error(`${file}: line ${index + 1} comes before the first title`);
    const setting = /^@ (\S+) ?(.*)$/.exec(raw);
    if (setting !== null) dialogue.settings.set(setting[1] ?? '', setting[2] ?? '');
    else for (const line of expand(raw)) dialogue.steps.push(stepOf(line, index + 1));
  }
  return dialogues.map((dialogue) => ({ ...dialogue, file }));
}

/** Cuts a segment; the pieces joined give the segment again. */
export type Cut = (segment: Buffer) => Buffer[];

export const wholeCut: Cut = (segment) => [segment];
export const octetCut: Cut = (segment) => Array.from(segment, (_, index) => segment.subarray(index, index + 1));

/** @param random numbers in [0, 1), so that a failure can be repeated */
export const randomCut =
  (random: () => number): Cut =>
  (segment) => {
    const pieces: Buffer[] = [];
    for (let at = 0; at < segment.length; ) {
      const length = 1 + Math.floor(random() * random() * 2 * segment.length);
      pieces.push(segment.subarray(at, at + length));
      at += length;
    }
    return pieces;
  };
