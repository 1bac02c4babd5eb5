/** One finding about a configuration, and how it is shown to a person. Never holds the content of a secret file. */

export interface ConfigProblem {
  readonly severity: 'error' | 'warning';
  /** as in `smtp.listeners[0].listen`; empty for the file as a whole */
  readonly path: string;
  /** the value found, bounded and on one line; empty when there is none to show */
  readonly value: string;
  readonly expected: string;
  /** the file that `line` counts in, when it is not the configuration file itself */
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

export type KeyPath = readonly (string | number)[];

/** A problem that does not yet know its place in the text. */
export interface Finding {
  readonly severity: ConfigProblem['severity'];
  readonly path: KeyPath;
  readonly value?: unknown;
  readonly expected: string;
}

/** characters of a value that are shown */
const valueCharsMax = 80;

export function pathText(path: KeyPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

export function valueText(value: unknown): string {
  if (value === undefined) return '';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > valueCharsMax ? `${text.slice(0, valueCharsMax)}…` : text;
}

/** `gate.yaml:12:5: error: smtp.listeners[0].listen is "x", expected …` */
export function formatProblem(problem: ConfigProblem, configFile: string): string {
  const place = [problem.file ?? configFile, problem.line, problem.column]
    .filter((item) => item !== undefined)
    .join(':');
  const what = [problem.path, problem.value === '' ? '' : `is ${problem.value}`]
    .filter((item) => item !== '')
    .join(' ');
  return `${place}: ${problem.severity}: ${what === '' ? '' : `${what}, `}expected ${problem.expected}`;
}

export function hasErrors(problems: readonly ConfigProblem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

/** The known word nearest to a mistyped one, when it is near enough to be what was meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance; words are cut at 64 characters, no key is longer. */
function editDistance(left: string, right: string): number {
  const a = left.slice(0, 64);
  const b = right.slice(0, 64);
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
