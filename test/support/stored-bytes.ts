/** Every octet under a folder: for proving that something is not there, in whatever coding. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names of the files under `directory` that hold one of `secrets`, as it is, in base64 or in hexadecimal. */
export function filesHolding(directory: string, secrets: readonly (string | Buffer)[]): string[] {
  const wanted = secrets.flatMap((secret) => codingsOf(Buffer.from(secret as string)));
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => {
      const content = contentOf(file);
      return wanted.some((octets) => content.includes(octets));
    });
}

/** A file that went while the folder was read holds nothing. */
export function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

/** In base64 three texts, by where in a group of three octets the secret begins; their ends depend on neighbours. */
function codingsOf(secret: Buffer): Buffer[] {
  const shifted = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), secret])
      .toString('base64')
      .replace(/=+$/, '');
    return Buffer.from(text.slice(shift === 0 ? 0 : 4, -4));
  });
  return [secret, Buffer.from(secret.toString('hex')), ...shifted.filter(({ length }) => length > 8)];
}
