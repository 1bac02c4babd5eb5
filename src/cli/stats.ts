/** `sluice stats`: what the gate counted, as the firewall's statistics group it, per protocol and in total. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { timeText } from '../notice/clean.js';
import {
  type CounterGroup,
  type CounterProtocol,
  type CounterWord,
  type CountsByWord,
  counterProtocols,
  counterSliceMs,
  counterWords,
  gaugeWord,
  sliceOf,
  sumCounts,
  wordsOf,
} from '../quarantine/counter-names.js';
import type { CounterSpan } from '../quarantine/counter-store.js';
import type { StoreAccess } from '../quarantine/store-access.js';
import { takesConfig } from './configuration.js';
import { commandActor, jsonText, runCommand, type StoreContext, tableText, withVault } from './store-context.js';

type Column = CounterProtocol | 'total';
const columns: readonly Column[] = [...counterProtocols, 'total'];

export interface Statistics {
  /** ms since 1970; undefined when nothing was ever counted */
  readonly from: number | undefined;
  readonly why: 'records' | 'cleared' | 'since';
  readonly to: number;
  /** whether a gate runs, so that sessions of this moment are known */
  readonly running: boolean;
  readonly counts: Readonly<Record<Column, CountsByWord>>;
}

/** @param sinceMs as far back; undefined: since the statistics were cleared, or ever */
export async function readStatistics(
  store: StoreAccess,
  now: number,
  sinceMs: number | undefined,
): Promise<Statistics> {
  const span = await store.call('countSpan');
  const sums =
    sinceMs === undefined
      ? Object.entries(await store.call('countsSinceCleared')).map(([name, value]) => ({ at: 0, name, value }))
      : await store.call('countsBetween', sliceOf(Math.max(0, now - sinceMs)), now + counterSliceMs);
  const gauges = await store.call('gauges');
  const open = Object.entries(gauges ?? {}).map(([name, value]) => ({ at: 0, name, value }));
  const rows = [...sums, ...open];
  const perProtocol = counterProtocols.map((protocol) => [protocol, sumCounts(rows, [protocol])] as const);
  const counts = Object.fromEntries([...perProtocol, ['total', sumCounts(rows)] as const]) as Statistics['counts'];
  return { ...beginOf(span, now, sinceMs), to: now, running: gauges !== undefined, counts };
}

function beginOf(span: CounterSpan, now: number, sinceMs: number | undefined): Pick<Statistics, 'from' | 'why'> {
  if (sinceMs !== undefined) return { from: sliceOf(Math.max(0, now - sinceMs)), why: 'since' };
  return span.cleared === undefined ? { from: span.first, why: 'records' } : { from: span.cleared, why: 'cleared' };
}

const titles: Readonly<Record<CounterGroup, string>> = {
  session: 'Sessions',
  file: 'Files',
  hash: 'Hash look-ups',
  email: 'Email',
  mail: 'Email, of this gate',
};

const groups = Object.keys(counterWords) as readonly CounterGroup[];

export function statisticsTable({ from, why, to, running, counts }: Statistics): string {
  const reasons = { records: 'since the records begin', cleared: 'since they were cleared', since: 'as asked' };
  const head =
    from === undefined
      ? 'Nothing was counted yet.'
      : `From ${timeText(from)} (${reasons[why]}) to ${timeText(to)}${running ? '' : '; no gate runs at this moment'}`;
  const rows = groups.flatMap((group) => [
    [titles[group], ...columns.map((column) => column.toUpperCase())],
    ...wordsOf(group).map((word) => [
      `  ${word}`,
      ...columns.map((column) => (word === gaugeWord && !running ? '-' : String(counts[column][word] ?? 0))),
    ]),
  ]);
  const widths = columns.map((_, at) => Math.max(...rows.map((row) => row[at + 1]?.length ?? 0)));
  const aligned = rows.map(([name = '', ...cells]) => [
    name,
    ...cells.map((cell, at) => cell.padStart(widths[at] ?? 0)),
  ]);
  return `${head}\n\n${tableText(aligned)}`;
}

/** Every word is there, also those that are 0. */
export function statisticsJson({ from, why, to, running, counts }: Statistics): unknown {
  const all = groups.flatMap(wordsOf);
  const numbers = (column: Column) =>
    Object.fromEntries(
      all.filter((word) => running || word !== gaugeWord).map((word) => [word, counts[column][word] ?? 0]),
    );
  return {
    from: from === undefined ? null : new Date(from).toISOString(),
    begin: why,
    to: new Date(to).toISOString(),
    running,
    ...Object.fromEntries(columns.map((column) => [column, numbers(column)])),
  };
}

/** Words that the firewall has for the gate as a whole, and what they are sums of. */
const srxGlobals: readonly (readonly [string, CounterWord])[] = [
  ['interested', 'interested'],
  ['ignored', 'ignored'],
  ['blacklist-hit-counter', 'email-blacklist'],
  ['whitelist-hit-counter', 'email-hit-whitelist'],
];

/** The firewall's own names and nothing else, for scripts that read its XML. */
export function statisticsSrx({ counts }: Statistics): Readonly<Record<string, number>> {
  const globals = srxGlobals.map(([name, word]) => [`aamw-statistics-${name}`, counts.total[word] ?? 0] as const);
  const words = (['session', 'file', 'hash', 'email'] as const)
    .flatMap((group) => wordsOf(group))
    .filter((word) => word.includes('-'));
  const perProtocol = columns.flatMap((column) =>
    words.map((word) => [`aamw-statistics-${column}-${word}`, counts[column][word] ?? 0] as const),
  );
  return Object.fromEntries([...globals, ...perProtocol]);
}

const units = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90m`, `24h`, `7d` as ms. */
export function parseSpan(text: string): number {
  const found = /^([1-9][0-9]{0,4})([mhd])$/.exec(text);
  if (found === null) throw new InvalidArgumentError('give minutes, hours or days: 90m, 24h, 7d');
  // The expression admits no other unit.
  return Number(found[1]) * units[found[2] as keyof typeof units];
}

interface StatsOptions {
  readonly config: string;
  readonly since?: number;
  readonly json?: boolean;
  readonly names?: 'plain' | 'srx';
  readonly clear?: boolean;
}

const help = `
Counted are sessions, files, look-ups and messages, per protocol: smtps and imaps are listeners with TLS from the first
byte, STARTTLS counts as smtp and imap. Messages are counted when their fate is known, and again when they are sent or
read again. The numbers outlive the gate; a running gate brings them up to date every two seconds.

--since goes back in slices of ten minutes, of hours for what is older than a week, of days after three months.
--clear begins the statistics anew, as the firewall's clear statement does, and leaves a row in the audit table; --since
and the charts of the console still reach back behind it.

Exit code: 0 done, 1 nothing could be read, 2 wrong use.

Examples:
  sluice stats
  sluice stats --since 24h --json
  sluice stats --json --names srx          one name a number: aamw-statistics-smtp-email-scanned
  sluice stats --clear`;

export function registerStats(program: Command, context: StoreContext): void {
  takesConfig(program.command('stats'))
    .description('Print what was counted: sessions, files, look-ups and messages')
    .addOption(new Option('--since <span>', 'only the last minutes, hours or days: 90m, 24h, 7d').argParser(parseSpan))
    .option('--json', 'print JSON')
    .addOption(
      new Option('--names <form>', "names of the JSON's numbers: ours in groups, or the firewall's own").choices([
        'plain',
        'srx',
      ]),
    )
    .addOption(new Option('--clear', 'begin anew, and print what stood until now').conflicts('since'))
    .addHelpText('after', help)
    .action((options: StatsOptions, command: Command) => {
      if (options.names !== undefined && options.json !== true) return command.error('error: --names is for --json');
      return runCommand(context, () =>
        withVault(context, options.config, async ({ store }) => {
          const now = context.now();
          const statistics = await readStatistics(store, now, options.since);
          if (options.clear === true) await store.call('clearCounts', commandActor(), now);
          context.stdout.write(`${textOf(statistics, options)}\n`);
          return 0;
        }),
      );
    });
}

function textOf(statistics: Statistics, { json, names }: StatsOptions): string {
  if (json !== true) return statisticsTable(statistics);
  return jsonText(names === 'srx' ? statisticsSrx(statistics) : statisticsJson(statistics));
}
