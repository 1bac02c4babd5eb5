/**
 * The certificates that listeners show. Their files are read again at each reload, so that one that was renewed is
 * shown from the next handshake on; sessions that stand are not touched.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { TlsFiles } from '../config/schema.js';
import { GateError, messageOf } from '../runtime/errors.js';
import type { Logger } from '../runtime/log.js';

/** A pair of files and what was read from them last. */
interface Pair {
  readonly files: TlsFiles;
  cert: Buffer;
  key: Buffer;
  context: SecureContext;
}

export class Certificates {
  readonly #pairs = new Map<string, Pair>();

  /**
   * For a listener: gives what it shows at the moment, asked for each handshake.
   * @throws GateError `config-invalid` when the files cannot be used
   */
  of(files: TlsFiles | undefined): (() => SecureContext) | undefined {
    if (files === undefined) return undefined;
    const name = JSON.stringify([files.certificateFile, files.keyFile]);
    const known = this.#pairs.get(name);
    if (known !== undefined) return () => known.context;
    try {
      const pair: Pair = { files, ...read(files) };
      this.#pairs.set(name, pair);
      return () => pair.context;
    } catch (error) {
      const text = `certificate ${files.certificateFile} or key ${files.keyFile}: ${messageOf(error)}`;
      throw new GateError('config-invalid', text, { temporary: false, cause: error });
    }
  }

  /** Reads all files again. What cannot be used is told, and what was shown before stays. */
  renew(log: Pick<Logger, 'info' | 'error'>): void {
    for (const pair of this.#pairs.values()) {
      const { certificateFile, keyFile } = pair.files;
      try {
        const found = read(pair.files);
        if (found.cert.equals(pair.cert) && found.key.equals(pair.key)) continue;
        Object.assign(pair, found);
        const { validTo } = new X509Certificate(found.cert);
        log.info({ certificateFile, validTo }, 'certificate renewed');
      } catch (error) {
        log.error({ certificateFile, keyFile, error: messageOf(error) }, 'the certificate shown before stays');
      }
    }
  }
}

function read({ certificateFile, keyFile }: TlsFiles): Omit<Pair, 'files'> {
  const cert = readFileSync(certificateFile);
  const key = readFileSync(keyFile);
  return { cert, key, context: createSecureContext({ cert, key, minVersion: 'TLSv1.2' }) };
}
