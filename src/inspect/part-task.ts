/** What an inspection thread is told of a leaf: its place, its encoding, and what its header says of it. */
import type { EntityFacts } from '../mime/entity.js';
import type { Leaf } from '../mime/framer.js';
import type { PartTask } from './examine.js';
import { rawMessagePath } from './report.js';

const plainBodies = new Set(['text/plain', 'text/html']);

const rawMessageFacts: EntityFacts = {
  type: 'message/rfc822',
  boundary: undefined,
  encoding: 'binary',
  encodingUnknown: false,
  disposition: undefined,
  names: [],
  charset: undefined,
  smimeType: undefined,
};

/** The message as one more file, for scanners that parse mail themselves. */
export function rawMessageLeaf(bytes: number): Leaf {
  return { path: rawMessagePath, facts: rawMessageFacts, start: 0, end: bytes, enclosed: true };
}

/** Every leaf but a plain inline text body; one inside a named or attached message counts as that file's content. */
function isAttachment({ facts, enclosed }: Leaf): boolean {
  if (enclosed || facts.names.length > 0 || facts.encodingUnknown) return true;
  if (!plainBodies.has(facts.type)) return true;
  return facts.disposition !== undefined && facts.disposition !== 'inline';
}

function isEncrypted(facts: EntityFacts): boolean {
  const pkcs7 = facts.type === 'application/pkcs7-mime' || facts.type === 'application/x-pkcs7-mime';
  return pkcs7 && (facts.smimeType === 'enveloped-data' || facts.smimeType === 'authenveloped-data');
}

/** @param digests also of a text body that is no attachment; @param shortDigests SHA-1 and MD5 as well */
export function taskOf(leaf: Leaf, digests: boolean, shortDigests: boolean): PartTask {
  const { facts, start, end } = leaf;
  return {
    start,
    end,
    encoding: facts.encoding,
    encodingUnknown: facts.encodingUnknown,
    encrypted: isEncrypted(facts),
    type: facts.type,
    names: facts.names,
    charset: facts.charset,
    attachment: isAttachment(leaf),
    // The raw message is read in every way by the multi-view pass.
    open: leaf.path !== rawMessagePath,
    digests,
    shortDigests,
  };
}
