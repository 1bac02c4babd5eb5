/**
 * Saves edits in the configuration file: checked by the loader before anything is written, never over somebody else's
 * change, and whole or not at all. The content before is kept beside it, one generation.
 */
import { createHash, randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { access, lstat, open, readdir, readFile, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { GateError, messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { applyEdits, changesOf, type Edit } from './edit.js';
import { patchText, readYaml } from './edit-text.js';
import { parseConfig } from './load.js';
import { type ConfigProblem, type Finding, hasErrors, pathText, valueText } from './problem.js';

/** The file as it was when somebody looked at it. */
export interface ConfigText {
  readonly text: string;
  /** SHA-256 of its bytes in hex; a form carries it, so that it is saved only over what it was made from */
  readonly digest: string;
}

export type SaveResult =
  | {
      readonly kind: 'saved';
      readonly changes: ReturnType<typeof changesOf>;
      readonly problems: readonly ConfigProblem[];
    }
  /** every value was there already */
  | { readonly kind: 'unchanged' }
  /** the values are wrong; nothing was written */
  | { readonly kind: 'invalid'; readonly problems: readonly ConfigProblem[] }
  /** somebody changed the file meanwhile; nothing was written */
  | { readonly kind: 'conflict' }
  /** the file cannot be edited here; the reason says what to do */
  | { readonly kind: 'refused'; readonly reason: string };

export interface SaveRequest {
  /** as given on the command line; relative names in it belong to its folder */
  readonly file: string;
  /** of the text that the edits were made from; undefined takes the text of this moment */
  readonly digest?: string | undefined;
  readonly edits: readonly Edit[];
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Rejects with `config-invalid` when the file cannot be read or is no UTF-8. */
export async function readConfigText(file: string): Promise<ConfigText> {
  try {
    const bytes = await readFile(resolve(file));
    // An octet that is no UTF-8 would not survive.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { text, digest: digestOf(bytes) };
  } catch (error) {
    throw new GateError('config-invalid', `the configuration file cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** One save at a time in this process. */
let saving: Promise<unknown> = Promise.resolve();

/** Never rejects for what the file, the folder or the edits are like. */
export function saveEdits(request: SaveRequest): Promise<SaveResult> {
  const turn = saving.then(() => saveNow(request));
  saving = turn.catch(() => undefined);
  return turn;
}

async function saveNow({ file, digest, edits }: SaveRequest): Promise<SaveResult> {
  try {
    const absolute = resolve(file);
    const before = await readConfigText(absolute);
    if (digest !== undefined && digest !== before.digest) return { kind: 'conflict' };
    const edited = editText(before.text, absolute, edits);
    if (edited.kind !== 'edited') return edited;
    const place = await placeOf(absolute);
    if (typeof place === 'string') return { kind: 'refused', reason: place };
    const written = await replaceFile(place, before, edited.text);
    return written ? { kind: 'saved', changes: edited.changes, problems: edited.problems } : { kind: 'conflict' };
  } catch (error) {
    return { kind: 'refused', reason: refusalText(error, file) };
  }
}

export type EditResult =
  | {
      readonly kind: 'edited';
      readonly text: string;
      readonly changes: ReturnType<typeof changesOf>;
      /** warnings only */
      readonly problems: readonly ConfigProblem[];
    }
  | Extract<SaveResult, { kind: 'unchanged' | 'invalid' | 'refused' }>;

/** The new text, checked as `sluice check-config` would. @param file absolute; it is not read, but the files that it names are */
export function editText(text: string, file: string, edits: readonly Edit[]): EditResult {
  const written = readYaml(text);
  if (written === undefined) return { kind: 'invalid', problems: parseConfig(text, file).problems };
  const { value, findings } = applyEdits(written.value, edits);
  if (findings.length > 0) return { kind: 'invalid', problems: findings.map(problemOf) };
  const changes = changesOf(written.value, value);
  if (changes.length === 0) return { kind: 'unchanged' };
  const patched = patchText(text, value, written);
  if (patched === undefined) {
    const names = changes.map((change) => change.path).join(', ');
    const reason = `The file is written in a way that cannot be changed from here without damage. Change ${names} in the file itself.`;
    return { kind: 'refused', reason };
  }
  const { problems } = parseConfig(patched, file);
  return hasErrors(problems) ? { kind: 'invalid', problems } : { kind: 'edited', text: patched, changes, problems };
}

function problemOf({ severity, path, value, expected }: Finding): ConfigProblem {
  return { severity, path: pathText(path), value: valueText(value), expected };
}

interface Place {
  /** the file itself, behind links */
  readonly target: string;
  readonly facts: Stats;
}

/** Where to write; the text says why nowhere. */
async function placeOf(file: string): Promise<Place | string> {
  const target = await realpath(file);
  // Kubernetes swaps the folder `..data` behind the link, and with it whatever was written there.
  if ((await lstat(file)).isSymbolicLink() && target.split(sep).some((name) => name.startsWith('..'))) {
    return `${file} comes from a ConfigMap or Secret of the container platform, which would undo the change. Change it there.`;
  }
  const facts = await stat(target);
  if (!facts.isFile()) return `${target} is no regular file.`;
  if (facts.nlink > 1)
    return `${target} has a second name (hard link), which would keep the old content. Remove that name.`;
  // Whoever may do everything, as root, is told by the mode alone that the file is not to be changed.
  if ((facts.mode & 0o222) === 0 || !(await mayWrite(target))) {
    return `${target} is read-only for the gate. Allow it to write there, or change the file by hand.`;
  }
  if (!(await mayWrite(dirname(target)))) {
    return `The gate may not write to the folder ${dirname(target)}, where the new file is made before it replaces the old one. Allow it, or change the file by hand.`;
  }
  return { target, facts };
}

async function mayWrite(name: string): Promise<boolean> {
  try {
    await access(name, constants.W_OK);
    return true;
  } catch {
    // Whatever the reason, the answer is no.
    return false;
  }
}

/** False when the file is not any more what it was. */
async function replaceFile({ target, facts }: Place, before: ConfigText, text: string): Promise<boolean> {
  const folder = dirname(target);
  await removeLeftovers(target);
  const names: string[] = [];
  try {
    const kept = await writeBeside(target, facts, before.text, names);
    const next = await writeBeside(target, facts, text, names);
    // As late as can be; a file system has no way to replace a file only if it is still the same.
    if ((await readConfigText(target)).digest !== before.digest) return false;
    await rename(kept, previousOf(target));
    await rename(next, target);
    await syncFolder(folder);
    return true;
  } finally {
    for (const name of names) await unlink(name).catch(() => undefined);
  }
}

/** The one generation that is kept. */
export function previousOf(file: string): string {
  return `${file}.previous`;
}

/** A new file in the same folder with the mode and owner of the old one, on the disk when this is done. */
async function writeBeside(target: string, facts: Stats, text: string, names: string[]): Promise<string> {
  const name = join(dirname(target), `${temporaryPrefix(target)}${randomBytes(8).toString('hex')}`);
  const handle = await open(name, 'wx', 0o600);
  names.push(name);
  try {
    const made = await handle.stat();
    if (made.uid !== facts.uid || made.gid !== facts.gid) await handle.chown(facts.uid, facts.gid);
    await handle.chmod(facts.mode & 0o7777);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return name;
}

function temporaryPrefix(target: string): string {
  return `.${basename(target)}.tmp-`;
}

/** What a killed process left; another one may be saving at this moment, so young files stay. */
async function removeLeftovers(target: string): Promise<void> {
  const folder = dirname(target);
  for (const name of await readdir(folder)) {
    if (!name.startsWith(temporaryPrefix(target))) continue;
    const { mtimeMs } = await lstat(join(folder, name));
    if (Date.now() - mtimeMs > limits.config.leftoverMs) await unlink(join(folder, name));
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function refusalText(error: unknown, file: string): string {
  const code = (error as NodeJS.ErrnoException).code;
  switch (code) {
    case 'EBUSY':
      return `${file} is mounted alone into this container and cannot be replaced. Mount its folder instead, or change it outside.`;
    case 'EROFS':
      return `${file} is on a read-only file system. Change it outside.`;
    case 'EPERM':
    case 'EACCES':
      return `The gate may not replace ${file} with its owner and mode kept. Let the file belong to the user that the gate runs as, or change it by hand.`;
    case 'ENOSPC':
    case 'EDQUOT':
      return 'The disk is full. Nothing was changed.';
    default:
      return messageOf(error);
  }
}
