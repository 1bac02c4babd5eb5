/**
 * The values that pass between the parts of the multi-view pass: every plausible place of a body in a message that is
 * not strictly well-formed, with every plausible way to undo its encoding. Which of them is right is not asked.
 */
import type { EntityFacts } from './entity.js';

/** Ways to undo a body's transfer encoding that some reader uses (RFC 2045 §6, and what came before it). */
export const viewEncodings = {
  identity: 'identity',
  base64: 'base64',
  quotedPrintable: 'quoted-printable',
  uuencode: 'uuencode',
  xxencode: 'xxencode',
  yenc: 'yenc',
  binhex: 'binhex',
  gzip64: 'gzip64',
} as const;
export type ViewEncoding = (typeof viewEncodings)[keyof typeof viewEncodings];

/** One body that some reader would find. */
export interface ViewLeaf {
  /** the choices that lead here, for a person: `type last, boundary first, delimiter lenient`; bounded */
  readonly view: string;
  /** names of all readings together; type, disposition and charset of this one */
  readonly facts: EntityFacts;
  /** the bytes that `start` and `end` refer to: the raw message, or a decoded body that was read as an entity */
  readonly source: Buffer;
  readonly start: number;
  readonly end: number;
  /** in the order of plausibility, without repeats */
  readonly encodings: readonly ViewEncoding[];
}

export interface Views {
  /** without repeats of the same range of the same source with the same encodings */
  readonly leaves: readonly ViewLeaf[];
  /** readings that were followed */
  readonly count: number;
  /** false when a bound was reached, so that some plausible reading was not followed */
  readonly complete: boolean;
}

/** One way in which a body's bytes may come out. */
export interface Decoding {
  /** what was assumed, for a person: `base64, stops at padding` */
  readonly reading: string;
  readonly content: Buffer;
  /** names that the encoding itself carries, as uuencode does; empty otherwise */
  readonly names: readonly string[];
}
