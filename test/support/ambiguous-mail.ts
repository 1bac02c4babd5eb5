/**
 * Mails that several readers take for different things, each with a payload that some reader extracts from it. The
 * tricks come from the specifications and from what mail clients do; nothing here knows how the product reads.
 */
import { bodyLeaves, bodyShapes } from './ambiguous-body.js';
import { boundaryShapes } from './ambiguous-boundary.js';
import { carrierLeaves } from './ambiguous-carrier.js';
import { containerLeaves, mailWrappings } from './ambiguous-container.js';
import { decodingLeaves } from './ambiguous-decoding.js';
import { delimiterLeaves, structureShapes } from './ambiguous-delimiter.js';
import { encodedContainerTricks, encodingFieldTricks } from './ambiguous-encoding-field.js';
import { headerLeaves, headerShapes } from './ambiguous-header.js';
import { numberOf } from './ambiguous-payload.js';
import { sealedLeaves, sealedShapes } from './ambiguous-sealed.js';
import {
  type AmbiguousCase,
  casesOf,
  type LeafTrick,
  pairOf,
  type ShapeTrick,
  tripleOf,
  wrappedOf,
} from './ambiguous-shape.js';

export type { AmbiguousCase } from './ambiguous-shape.js';

const leaves: readonly LeafTrick[] = [
  ...encodingFieldTricks,
  ...headerLeaves,
  ...delimiterLeaves,
  ...bodyLeaves,
  ...decodingLeaves,
  ...carrierLeaves,
  ...containerLeaves,
  ...sealedLeaves,
];

const shapes: readonly ShapeTrick[] = [
  ...encodedContainerTricks,
  ...headerShapes,
  ...boundaryShapes,
  ...structureShapes,
  ...bodyShapes,
  ...sealedShapes,
];

/** Every shape trick around one leaf trick that its own name chooses. */
function* pairs(): Generator<AmbiguousCase> {
  for (const shape of shapes) {
    const leaf = leaves[numberOf(`pair ${shape.class} ${shape.id}`, leaves.length)];
    if (leaf !== undefined) yield pairOf(shape, leaf);
  }
}

/** Two shapes around a leaf, chosen by their numbers. */
function* triples(count: number): Generator<AmbiguousCase> {
  const inner = shapes.filter(({ message }) => message !== true);
  for (let number = 0; number < count; number += 1) {
    const outer = shapes[numberOf(`outer ${number}`, shapes.length)];
    const shape = inner[numberOf(`inner ${number}`, inner.length)];
    const leaf = leaves[numberOf(`leaf ${number}`, leaves.length)];
    if (outer !== undefined && shape !== undefined && leaf !== undefined) yield tripleOf(outer, shape, leaf, number);
  }
}

/** A doubtful mail as a file of each kind that holds mails. */
function* wrapped(count: number): Generator<AmbiguousCase> {
  const all = [...singleTricks()];
  for (const [name, wrap] of Object.entries(mailWrappings)) {
    for (let number = 0; number < count; number += 1) {
      const one = all[numberOf(`${name} ${number}`, all.length)];
      if (one !== undefined) yield wrappedOf(`${name}-${number}`, one, wrap);
    }
  }
}

/** One trick at a time, each in several places. */
export function* singleTricks(): Generator<AmbiguousCase> {
  for (const trick of [...leaves, ...shapes]) yield* casesOf(trick);
}

/** Two or three tricks in one mail, and tricks in mails in files. */
export function* manyTricks(): Generator<AmbiguousCase> {
  yield* pairs();
  yield* triples(200);
  yield* wrapped(25);
}

export function ambiguousMails(): AmbiguousCase[] {
  return [...singleTricks(), ...manyTricks()];
}
