/** Opens a file with all openers, as the gate does, and gives the facts that a report would hold. */
import { createHash } from 'node:crypto';
import type { Opener } from '../../src/inspect/container/opener.js';
import { openers as allOpeners } from '../../src/inspect/container/openers.js';
import { openFile } from '../../src/inspect/container/opening.js';
import { signatureType } from '../../src/inspect/file-signature.js';
import type { PartFacts } from '../../src/inspect/report.js';
import { madePart } from './facts.js';

export interface OpenedDocument extends PartFacts {
  /** codes, without the paths of members */
  readonly problems: readonly string[];
}

interface Options {
  readonly name?: string;
  readonly declaredType?: string;
  readonly openers?: readonly Opener[];
}

export async function openDocument(content: Buffer, options: Options = {}): Promise<OpenedDocument> {
  const { name, declaredType = 'application/octet-stream', openers = allOpeners } = options;
  const names = name === undefined ? [] : [name];
  const detectedType = signatureType(content);
  const file = { content, names, declaredType, detectedType, charset: undefined };
  const tools = { openers, sniff: signatureType, shortDigests: false, now: () => performance.now() };
  const { flags, members, problems } = await openFile(file, tools);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const part = madePart(1, { names, declaredType, detectedType, bytes: content.length, sha256, flags, members });
  return { ...part, problems: problems.map(({ code }) => code) };
}
