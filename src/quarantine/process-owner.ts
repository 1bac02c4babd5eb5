/** Names a process such that another one can tell, after a crash, whether the bearer of a lease still lives. */

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Clock ticks since boot at which a process started; tells a number from its reuse. Empty where there is no /proc. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command, field 2, may hold blanks and parentheses; the rest begins after the last one (proc(5)).
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    // No /proc, or no such process: signal 0 decides in `isAlive`.
    return '';
  }
}

/** A new owner's name for this process. */
export function newOwner(): string {
  return [hostname(), process.pid, startTime(process.pid), randomBytes(6).toString('hex')].join(' ');
}

/** False only when the process is surely gone; a process on another host is left to the end of its lease. */
export function isAlive(owner: string): boolean {
  const [host, pid, started] = owner.split(' ');
  if (host !== hostname() || pid === undefined) return true;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return startTime(Number(pid)) === started;
}
