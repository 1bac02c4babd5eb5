/** What Linux says about a process: memory and processor time, all threads included. */
import { readFileSync, writeFileSync } from 'node:fs';

/** USER_HZ, which Linux has fixed at 100 on every platform that Node runs on. */
const ticksPerSecond = 100;

function statusValue(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
}

export function residentBytesOf(pid: number): number {
  return statusValue(pid, 'VmRSS');
}

export function peakResidentBytesOf(pid: number): number {
  return statusValue(pid, 'VmHWM');
}

/** User and system time since the process began, in ms (proc(5), stat fields 14 and 15), in steps of 10. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

/** Lets the peak begin anew (proc(5), clear_refs 5); where that is not permitted the peak stays the one since start. */
export function resetPeakResident(pid: number): boolean {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return true;
  } catch {
    return false;
  }
}

/** Time on the processor of this process, all threads together: what it costs, whoever else is at work. */
export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
