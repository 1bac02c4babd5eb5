/** Certificates of our own and authorities of others, read from where the configuration says. */
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { TlsFiles } from '../config/schema.js';
import { GateError, messageOf } from '../runtime/errors.js';

/** @throws GateError `config-invalid` when the files cannot be used; nothing when there are none */
export function secureContext(files: TlsFiles | undefined): SecureContext | undefined {
  if (files === undefined) return undefined;
  try {
    const cert = readFileSync(files.certificateFile);
    const key = readFileSync(files.keyFile);
    return createSecureContext({ cert, key, minVersion: 'TLSv1.2' });
  } catch (error) {
    const text = `certificate ${files.certificateFile} or key ${files.keyFile}: ${messageOf(error)}`;
    throw new GateError('config-invalid', text, { temporary: false, cause: error });
  }
}

/** PEM of the authorities that a server's certificate is verified against; undefined for the system's. */
export function authorities(file: string | undefined): string | undefined {
  return file === undefined ? undefined : readFileSync(file, 'utf8');
}
