/** The folder of the spool, as a start finds it. */
import { mkdirSync, readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Spool files have no names while they are in use, so whatever has one is left from a crash between two calls. */
export function emptySpoolDirectory(dataDirectory: string): string {
  const directory = join(dataDirectory, 'spool');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(directory)) {
    if (name.startsWith('spool-')) unlinkSync(join(directory, name));
  }
  return directory;
}
