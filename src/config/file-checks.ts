/**
 * Looks at the files that a configuration names: there, readable, of use, and private where they must be. What a secret
 * file says never becomes part of a problem.
 */
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { createSecureContext } from 'node:tls';
import { limits } from '../runtime/limits.js';
import { tokenIn } from '../runtime/token-file.js';
import { parsePasswordRecord } from './password-record.js';
import type { Finding, KeyPath } from './problem.js';
import type { Config, Settings, WrittenTlsFiles } from './schema.js';
import { hashFeedsOf } from './schema-policy.js';

/** @param settings the file as written, for the paths of keys; @param config the same with absolute file names */
export function checkFiles(settings: Settings, config: Config): Finding[] {
  const findings: Finding[] = [];
  const readable = (path: KeyPath, file: string | undefined): boolean => {
    const problem = file === undefined ? undefined : unreadable(file);
    if (problem !== undefined) findings.push({ severity: 'error', path, value: file, expected: problem });
    return file !== undefined && problem === undefined;
  };
  const { tls, lists, quarantine } = config;
  const common = [readable(['tls', 'certificateFile'], tls.certificateFile), readable(['tls', 'keyFile'], tls.keyFile)];
  if (common.every(Boolean)) findings.push(...checkPair(['tls'], tls));
  readable(['tls', 'caFile'], tls.caFile);
  for (const protocol of ['smtp', 'imap'] as const) {
    config[protocol].listeners.forEach((listener, index) => {
      const written = settings[protocol].listeners[index];
      const path = [protocol, 'listeners', index];
      if (written?.upstream.caFile !== undefined) readable([...path, 'upstream', 'caFile'], listener.upstream.caFile);
      if (written?.tlsFiles === undefined || listener.tlsFiles === undefined) return;
      const own = [
        readable([...path, 'tlsFiles', 'certificateFile'], listener.tlsFiles.certificateFile),
        readable([...path, 'tlsFiles', 'keyFile'], listener.tlsFiles.keyFile),
      ];
      if (own.every(Boolean)) findings.push(...checkPair([...path, 'tlsFiles'], listener.tlsFiles));
    });
  }
  for (const key of ['allowFiles', 'blockFiles', 'allowHashes', 'blockHashes'] as const) {
    lists[key].forEach((file, index) => {
      readable(['lists', key, index], file);
    });
  }
  config.scoring.backends.forEach((backend, index) => {
    hashFeedsOf([backend]).forEach((file, feed) => {
      readable(['scoring', 'backends', index, 'hashFeeds', feed], file);
    });
    if (backend.type !== 'http') return;
    const path = ['scoring', 'backends', index];
    if (readable([...path, 'tokenFile'], backend.tokenFile)) findings.push(...checkToken(path, backend.tokenFile));
    const written = settings.scoring.backends[index];
    if (written?.type === 'http' && written.caFile !== undefined) readable([...path, 'caFile'], backend.caFile);
  });
  readable(['log', 'syslog', 'caFile'], settings.log.syslog?.caFile && config.log.syslog?.caFile);
  const identityPath = ['quarantine', 'identityFile'];
  const { identityFile } = quarantine;
  if (identityFile !== undefined && quarantine.recipients.length > 0 && !existsSync(identityFile)) {
    // Mail is held with the public keys alone, so a key that is kept elsewhere stops nothing.
    const expected = 'a file that exists: until then nothing held can be looked at or released from here';
    findings.push({ severity: 'warning', path: identityPath, value: identityFile, expected });
  } else if (readable(identityPath, identityFile)) {
    findings.push(...checkPrivate(identityPath, identityFile));
  }
  config.portal.administrators.forEach(({ passwordFile }, index) => {
    const path = ['portal', 'administrators', index, 'passwordFile'];
    if (readable(path, passwordFile)) findings.push(...checkPassword(path, passwordFile));
  });
  return [...findings, ...checkPlaces(config)];
}

/** What the file holds is not shown: it may be the password itself. */
function checkPassword(path: KeyPath, file: string): Finding[] {
  const findings = checkPrivate(path, file);
  if (
    statSync(file).size <= limits.console.recordBytes &&
    parsePasswordRecord(readFileSync(file, 'utf8')) !== undefined
  )
    return findings;
  const expected = 'a record that sluice password --out FILE writes, and never the password itself';
  return [...findings, { severity: 'error', path, value: file, expected }];
}

/** Why a file cannot be read, in the form "expected …"; undefined when it can. */
function unreadable(file: string): string | undefined {
  try {
    if (!statSync(file).isFile()) return 'a file, not a folder or device';
    accessSync(file, constants.R_OK);
    return undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === 'ENOENT' ? 'a file that exists' : `a file that the gate may read (${code})`;
  }
}

function checkPair(path: KeyPath, files: WrittenTlsFiles): Finding[] {
  const { certificateFile, keyFile } = files;
  if (certificateFile === undefined || keyFile === undefined) return [];
  const findings = checkPrivate([...path, 'keyFile'], keyFile);
  try {
    createSecureContext({ cert: readFileSync(certificateFile), key: readFileSync(keyFile) });
  } catch (error) {
    // OpenSSL's own words name the kind of trouble and never quote the key.
    const code = (error as NodeJS.ErrnoException).code ?? 'not PEM';
    findings.push({
      severity: 'error',
      path,
      value: certificateFile,
      expected: `a PEM certificate and the key that belongs to it (${code})`,
    });
  }
  return findings;
}

function checkToken(path: KeyPath, file: string | undefined): Finding[] {
  if (file === undefined) return [];
  const findings = checkPrivate([...path, 'tokenFile'], file);
  if (tokenIn(readFileSync(file, 'utf8')) === undefined) {
    const expected = 'a file with one token: letters, digits and -._~+/, then any number of =';
    findings.push({ severity: 'error', path: [...path, 'tokenFile'], value: file, expected });
  }
  return findings;
}

function checkPrivate(path: KeyPath, file: string | undefined): Finding[] {
  if (file === undefined || (statSync(file).mode & 0o007) === 0) return [];
  return [{ severity: 'warning', path, value: file, expected: 'a file that only the gate may read: chmod 600' }];
}

/** Places that are written to: what exists must be of the right kind; the data directory is made when it is missing. */
function checkPlaces(config: Config): Finding[] {
  const findings: Finding[] = [];
  if (kindOf(config.dataDirectory) === 'other') {
    findings.push({ severity: 'error', path: ['dataDirectory'], value: config.dataDirectory, expected: 'a folder' });
  } else if (!mayWrite(nearestFolder(config.dataDirectory))) {
    const expected = 'a folder that this user may write to, or make; the gate may run as another';
    findings.push({ severity: 'warning', path: ['dataDirectory'], value: config.dataDirectory, expected });
  }
  const { file } = config.log;
  if (file !== undefined && kindOf(dirname(file)) !== 'folder') {
    findings.push({
      severity: 'error',
      path: ['log', 'file'],
      value: file,
      expected: 'a file in a folder that exists',
    });
  }
  return findings;
}

/** The folder itself, or the one above in which it would be made. */
function nearestFolder(name: string): string {
  let folder = name;
  while (kindOf(folder) === 'absent' && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    // Whatever the reason, nothing can be kept there.
    return false;
  }
}

function kindOf(name: string): 'folder' | 'other' | 'absent' {
  try {
    const found = statSync(name, { throwIfNoEntry: false });
    if (found === undefined) return 'absent';
    return found.isDirectory() ? 'folder' : 'other';
  } catch {
    // Behind a folder that we may not enter: as good as no folder to write to.
    return 'other';
  }
}
