/**
 * Names of the counters that outlive the process, and the slices of time that they are kept in. A name is a protocol
 * and a word: `smtp.email-scanned`. The words are those of the firewall's statistics where it has one, so that its
 * scripts and its administrators find what they know; the rest are ours. It knows no database.
 */

/** `smtps` and `imaps` are listeners with TLS from the first byte; STARTTLS stays with the plain name. */
export const counterProtocols = ['smtp', 'smtps', 'imap', 'imaps'] as const;
export type CounterProtocol = (typeof counterProtocols)[number];

/** Every word with what it counts; the order is that of the table which `sluice stats` prints. */
export const counterWords = {
  session: {
    interested: 'sessions whose mail is judged; over IMAP known once TLS, if any, stands',
    ignored: 'IMAP sessions that pass unjudged: action permit, or a server that is not listed',
    'session-actives': 'sessions at this moment, of the gate that runs',
    'session-permitted': 'sessions that were accepted',
    'session-blocked': 'sessions that were refused: too many of them, or too many of one peer',
  },
  file: {
    'file-submission-success': 'files whose content was sent to a backend, which gave a score',
    'file-submission-failure': 'files whose content was sent to a backend, which gave none',
    'file-submission-not-needed': 'files about which everything was known without sending them',
    'file-verdict-meets_threshold': 'files at or above the threshold',
    'file-verdict-under_threshold': 'files below the threshold',
    'file-fallback-blocked': 'files with a missing answer, in mail that the fallback withheld or deferred',
    'file-fallback-permitted': 'files with a missing answer, in mail that the fallback let pass',
    'file-ignored_by_sample_rate': 'none, ever: this gate does not leave files out by chance',
  },
  hash: {
    'hash-eligible': 'files with a digest that were in question',
    'hash-selected': 'files whose digest was looked up',
    'hash-submitted': 'files whose digest or content a backend was asked about, as no cache and no rule knew it',
    'hash-known': 'files whose digest or facts were enough',
    'hash-unknown': 'files whose content had to be sent, or whose digest nobody knew',
    'hash-fail': 'files about which nobody could be asked',
    'hash-verdict-timeout': 'files about which no answer came before the deadline',
  },
  email: {
    'email-scanned': 'messages judged; the sum of the next seven',
    'email-permitted': 'messages that passed unchanged',
    'email-blocked': 'messages refused with 554, or shown as a notice in their mailbox',
    'email-tag-and-delivered': 'messages delivered with warning headers',
    'email-quarantined': 'messages withheld whose recipients got a notice by mail',
    'email-fallback-blocked': 'messages withheld or refused because of a missing answer',
    'email-fallback-permitted': 'messages that passed although an answer was missing',
    deferred: 'messages to be tried again later',
    'email-hit-whitelist': 'messages that an allow list let pass',
    'email-blacklist': 'messages that a block list condemned',
  },
  mail: {
    'with-attachment': 'messages judged that had an attachment',
    malicious: 'messages judged malicious, whatever was done with them',
    bytes: 'bytes of messages judged',
    'release-requested': 'requests of recipients for a release',
    'request-denied': 'requests that an administrator denied',
    released: 'messages released from quarantine',
    deleted: 'messages deleted from quarantine',
    expired: 'messages kept in quarantine until their time was over',
  },
} as const;

type Words = typeof counterWords;
export type CounterGroup = keyof Words;
export type CounterWord = { readonly [Group in CounterGroup]: keyof Words[Group] }[CounterGroup];
export type CounterName = `${CounterProtocol}.${CounterWord}`;
export type CountsByWord = Readonly<Partial<Record<CounterWord, number>>>;

/** Not a sum over time but a value of this moment. */
export const gaugeWord = 'session-actives' satisfies CounterWord;

/** ms; a slice begins at a multiple of it, UTC */
export const counterSliceMs = 600_000;
export const counterHourMs = 3_600_000;
export const counterDayMs = 86_400_000;

export function sliceOf(at: number): number {
  return at - (at % counterSliceMs);
}

/** All words in the order of `counterWords`. */
export function wordsOf(group: CounterGroup): CounterWord[] {
  // The keys of a group are words by the definition above.
  return Object.keys(counterWords[group]) as CounterWord[];
}

const known: ReadonlyMap<string, readonly [CounterProtocol, CounterWord]> = new Map(
  counterProtocols.flatMap((protocol) =>
    (Object.keys(counterWords) as CounterGroup[]).flatMap((group) =>
      wordsOf(group).map((word) => [`${protocol}.${word}`, [protocol, word] as const] as const),
    ),
  ),
);

/** A stored name as protocol and word; undefined for one that another version wrote. */
export function readCounterName(
  name: string,
): { readonly protocol: CounterProtocol; readonly word: CounterWord } | undefined {
  const found = known.get(name);
  return found === undefined ? undefined : { protocol: found[0], word: found[1] };
}

interface Row {
  readonly at: number;
  readonly name: string;
  readonly value: number;
}

/** Sums of rows by word, over the protocols given or all. */
export function sumCounts(
  rows: readonly Row[],
  protocols: readonly CounterProtocol[] = counterProtocols,
): Partial<Record<CounterWord, number>> {
  const sums: Partial<Record<CounterWord, number>> = {};
  for (const { name, value } of rows) {
    const read = readCounterName(name);
    if (read === undefined || !protocols.includes(read.protocol)) continue;
    sums[read.word] = (sums[read.word] ?? 0) + value;
  }
  return sums;
}

export interface CountStep {
  /** ms since 1970 */
  readonly at: number;
  readonly counts: CountsByWord;
}

/**
 * Sums for each step of [from, to), also for steps in which nothing happened: what a chart needs. Steps begin at
 * multiples of `stepMs`, UTC; rows that were merged into longer slices stand at the slice's begin.
 */
export function countSteps(
  rows: readonly Row[],
  range: { readonly from: number; readonly to: number; readonly stepMs: number },
  protocols: readonly CounterProtocol[] = counterProtocols,
): CountStep[] {
  const { from, to, stepMs } = range;
  const stepOf = (at: number) => at - (at % stepMs);
  const byStep = new Map<number, Row[]>();
  for (const row of rows) {
    const step = stepOf(row.at);
    const gathered = byStep.get(step);
    if (gathered === undefined) byStep.set(step, [row]);
    else gathered.push(row);
  }
  const steps: CountStep[] = [];
  for (let at = stepOf(from); at < to; at += stepMs)
    steps.push({ at, counts: sumCounts(byStep.get(at) ?? [], protocols) });
  return steps;
}
