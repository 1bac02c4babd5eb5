/** Small durable files that only their owner may read, and directory entries that survive a power cut. */
import { closeSync, fsyncSync, linkSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Makes created, renamed and removed names in a directory durable. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes a new file with mode 0600, whole or not at all. Throws EEXIST rather than replace one. */
export function writePrivate(file: string, content: string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  const fd = openSync(temporary, 'wx', 0o600);
  try {
    writeFileSync(fd, content);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  try {
    // A link never replaces an existing file, as a rename would: a key that is overwritten is mail that is lost.
    linkSync(temporary, file);
  } finally {
    unlinkSync(temporary);
  }
  syncDirectory(dirname(file));
}
