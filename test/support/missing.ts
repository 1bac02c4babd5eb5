/**
 * Says which programs a test needs and this machine lacks. Elsewhere that is one line of a skipped test; in CI, and
 * wherever SLUICE_REQUIRE_SERVERS=1, it is a failure, so that a suite cannot vanish in silence.
 */
import { existsSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** Debian keeps servers in sbin, which is not on every user's path. */
const searchPath = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin'];

/** @param name found on the path, or where it is said to be when it begins with a slash */
export function findProgram(name: string): string | undefined {
  if (isAbsolute(name)) return existsSync(name) ? name : undefined;
  return searchPath.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

function isMissing(need: string): boolean {
  if (need.startsWith('package:')) return !hasPackage(need.slice('package:'.length));
  return need === 'root' ? process.getuid?.() !== 0 : findProgram(need) === undefined;
}

function hasPackage(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * For tap's `skip` option: false when everything is there, else the reason. `root` stands for being the superuser,
 * `package:NAME` for a package of npm.
 * @throws Error where missing programs are not acceptable
 */
export function skipWithout(...needs: readonly string[]): string | false {
  const missing = needs.filter(isMissing);
  if (missing.length === 0) return false;
  const reason = `needs ${missing.join(', ')}`;
  if (process.env.CI === 'true' || process.env.SLUICE_REQUIRE_SERVERS === '1') {
    throw new Error(`${reason}: install it (.ci/run does), or unset SLUICE_REQUIRE_SERVERS`);
  }
  return reason;
}

/** The program's path, for tests that already passed `skipWithout`. */
export function programPath(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`${name} is not installed`);
  return path;
}
