/**
 * The keys in their files: age recipients and identities, and the key that signs releases. Sealing needs recipients
 * only; the identity may be kept elsewhere, and then nothing here can open what was sealed.
 */

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { GateError, messageOf } from '../runtime/errors.js';
import { writePrivate } from './private-file.js';

export interface Keys {
  /** who can open what is sealed from now on; never empty */
  readonly recipients: readonly string[];
  /** undefined when this machine can seal but not open */
  readonly identityFile: string | undefined;
}

export interface KeyOptions {
  readonly dataDirectory: string;
  /** from the configuration; when empty, keys are made in the data directory */
  readonly recipients: readonly string[];
  readonly identityFile: string | undefined;
  /** one sentence for the administrator */
  warn(sentence: string): void;
}

export interface KeyPair {
  readonly recipient: string;
  /** the file's text, as `age-keygen` writes it */
  readonly identityText: string;
}

export async function newKeyPair(now: number): Promise<KeyPair> {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const created = new Date(now).toISOString();
  return { recipient, identityText: `# created: ${created}\n# public key: ${recipient}\n${identity}\n` };
}

/** All identities of a file; several lines are several keys, so that old items stay readable after a rotation. */
export function readIdentities(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new GateError('key-unreadable', `cannot read the identity file ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const identities = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line.startsWith('AGE-SECRET-KEY-'));
  if (identities.length === 0) {
    throw new GateError(
      'key-unreadable',
      `${file} holds no age identity (a line AGE-SECRET-KEY-…): make one with sluice keygen`,
    );
  }
  return identities;
}

function warnIfShared(file: string, warn: KeyOptions['warn']): void {
  if (!existsSync(file)) return;
  const mode = statSync(file).mode & 0o777;
  if ((mode & 0o077) !== 0) {
    warn(`the key file ${file} is open to others (mode ${mode.toString(8).padStart(4, '0')}): chmod 600 it`);
  }
}

function readRecipients(file: string): string[] {
  const lines = readFileSync(file, 'utf8').split(/\r?\n/);
  const recipients = lines.map((line) => line.trim()).filter((line) => line.startsWith('age1'));
  if (recipients.length === 0) throw new GateError('key-unreadable', `${file} holds no age recipient (a line age1…)`);
  return recipients;
}

/** The configured keys, or those made earlier in the data directory; undefined when there are none yet. */
export function findKeys(options: KeyOptions): Keys | undefined {
  const ownIdentity = join(options.dataDirectory, 'identity.txt');
  const identityFile = options.identityFile ?? (existsSync(ownIdentity) ? ownIdentity : undefined);
  const ownRecipients = join(options.dataDirectory, 'recipients.txt');
  if (options.recipients.length === 0 && !existsSync(ownRecipients)) return undefined;
  if (identityFile !== undefined) warnIfShared(identityFile, options.warn);
  const recipients = options.recipients.length > 0 ? options.recipients : readRecipients(ownRecipients);
  return { recipients, identityFile };
}

/** Finds the keys, or makes them in the data directory. For the daemon, which must be able to seal. */
export async function prepareKeys(options: KeyOptions, now: number): Promise<Keys> {
  mkdirSync(options.dataDirectory, { recursive: true, mode: 0o700 });
  const identityFile = options.identityFile ?? join(options.dataDirectory, 'identity.txt');
  const keys =
    findKeys(options) ?? (await makeKeys(options, identityFile, join(options.dataDirectory, 'recipients.txt'), now));
  await checkKeys(keys, options.warn);
  return keys;
}

/** A key that cannot seal must stop the start, not every hold; one that cannot open is worth a warning before it is needed. */
async function checkKeys(keys: Keys, warn: KeyOptions['warn']): Promise<void> {
  for (const recipient of keys.recipients) {
    try {
      new Encrypter().addRecipient(recipient);
    } catch (error) {
      throw new GateError(
        'key-unreadable',
        `quarantine.recipients: ${recipient} is no age recipient: ${messageOf(error)}`,
      );
    }
  }
  if (keys.identityFile === undefined || !existsSync(keys.identityFile)) return;
  const own = await Promise.all(readIdentities(keys.identityFile).map((identity) => identityToRecipient(identity)));
  if (!own.some((recipient) => keys.recipients.includes(recipient))) {
    warn(
      `the identities in ${keys.identityFile} belong to none of the recipients: what is sealed now cannot be opened here`,
    );
  }
}

/** The identity is written first: recipients without their identity would seal mail for nobody. */
async function makeKeys(options: KeyOptions, identityFile: string, recipientsFile: string, now: number): Promise<Keys> {
  if (!existsSync(identityFile)) {
    const pair = await newKeyPair(now);
    writePrivate(identityFile, pair.identityText);
    options.warn(
      `made a quarantine key in ${identityFile}: keep a copy elsewhere, without it no quarantined mail can be opened`,
    );
  }
  warnIfShared(identityFile, options.warn);
  const recipients = await Promise.all(readIdentities(identityFile).map((identity) => identityToRecipient(identity)));
  writePrivate(recipientsFile, `${recipients.join('\n')}\n`);
  return { recipients, identityFile };
}

/** The key under which releases are signed; made at first use. The gate that reads re-entry fields loads the same. */
export function loadReleaseKey(dataDirectory: string): Buffer {
  const file = join(dataDirectory, 'release.key');
  if (!existsSync(file)) {
    try {
      writePrivate(file, `${randomBytes(32).toString('hex')}\n`);
    } catch (error) {
      // Another process was first: its key is the key.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  const key = Buffer.from(readFileSync(file, 'latin1').trim(), 'hex');
  if (key.length !== 32)
    throw new GateError('key-unreadable', `${file} is not 32 bytes in hex: remove it to make a new one`);
  return key;
}
