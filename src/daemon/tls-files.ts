/** Authorities that others are verified against, read from where the configuration says. */
import { readFileSync } from 'node:fs';

/** PEM of the authorities that a server's certificate is verified against; undefined for the system's. */
export function authorities(file: string | undefined): string | undefined {
  return file === undefined ? undefined : readFileSync(file, 'utf8');
}
