/** What a sweep shows: the bar while it runs, the table or the JSON at its end. */
import { terminalText } from '../store-context.js';
import type { MailboxReport, SweepProgress, SweepReport } from './sweep.js';

const barCells = 20;

/** One line without its end, at most `columns` wide. */
export function progressLine(progress: SweepProgress, columns: number): string {
  const { path, done, total, elapsedMs, withheld, deferred } = progress;
  const share = total === 0 ? 1 : done / total;
  const filled = Math.floor(share * barCells);
  const perSecond = elapsedMs < 1 ? 0 : (done * 1000) / elapsedMs;
  const parts = [
    `[${'#'.repeat(filled)}${'.'.repeat(barCells - filled)}]`,
    `${done}/${total}`,
    `${Math.floor(share * 100)}%`,
    `${perSecond >= 10 ? Math.round(perSecond) : perSecond.toFixed(1)}/s`,
    perSecond > 0 && done < total ? `${duration((total - done) / perSecond)} left` : '',
    withheld > 0 ? `${withheld} withheld` : '',
    deferred > 0 ? `${deferred} put off` : '',
    terminalText(path, 40),
  ];
  return parts
    .filter((part) => part !== '')
    .join('  ')
    .slice(0, Math.max(20, columns));
}

/** `0:07`, `12:30`, `3:05:00` */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

const titles = ['Mailbox', 'Messages', 'Clean', 'Withheld', 'Not judged'] as const;

export function summaryTable(report: SweepReport): string {
  const total: MailboxReport = { path: 'all', messages: 0, clean: 0, withheld: 0, deferred: 0, gone: 0, problem: '' };
  for (const one of report.mailboxes) {
    for (const key of ['messages', 'clean', 'withheld', 'deferred'] as const) total[key] += one[key];
  }
  const rows = [...report.mailboxes, ...(report.mailboxes.length > 1 ? [total] : [])].map((one) => [
    terminalText(one.path, 60),
    ...[one.messages, one.clean, one.withheld, one.deferred].map(String),
  ]);
  const all = [[...titles], ...rows];
  const widths = titles.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  const problems = report.mailboxes
    .filter(({ problem }) => problem !== '')
    .map(({ path, problem }) => `${terminalText(path, 60)}: ${terminalText(problem, 300)}`);
  return [...all.map(line), ...problems].join('\n');
}

/** What is left to do, in one sentence. */
export function closingLine(report: SweepReport): string {
  const { mailboxes, interrupted, problem, seconds } = report;
  const deferred = mailboxes.reduce((sum, one) => sum + one.deferred, 0);
  const judged = mailboxes.some((one) => one.clean + one.withheld > 0);
  const again = judged ? 'What was judged stays judged; the same command goes on from there.' : 'Nothing was judged.';
  if (interrupted) return `Interrupted after ${duration(seconds)}. ${again}`;
  if (problem !== '') return `Ended early: ${terminalText(problem, 500)}. ${again}`;
  if (deferred > 0) return `${deferred} could not be judged; the log of the gate says why. ${again}`;
  if (mailboxes.some((one) => one.problem !== '')) return 'Some mailboxes could not be opened.';
  return `Everything is judged, in ${duration(seconds)}.`;
}

export function isComplete(report: SweepReport): boolean {
  const { mailboxes, interrupted, problem } = report;
  return !interrupted && problem === '' && mailboxes.every((one) => one.deferred === 0 && one.problem === '');
}

/** With the keys of the table, for programs. */
export function reportJson(report: SweepReport): object {
  const { mailboxes, interrupted, problem, seconds } = report;
  return {
    complete: isComplete(report),
    interrupted,
    problem: problem === '' ? null : problem,
    seconds: Math.round(seconds * 10) / 10,
    mailboxes: mailboxes.map((one) => ({ ...one, problem: one.problem === '' ? null : one.problem })),
  };
}
