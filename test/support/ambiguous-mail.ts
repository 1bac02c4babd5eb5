/**
 * Mails that several readers take for different things, each with a payload that some reader extracts from it. The
 * tricks come from the specifications and from what mail clients do; nothing here knows how the product reads.
 */
import { bodyLeaves, bodyShapes } from './ambiguous-body.js';
import { boundaryShapes } from './ambiguous-boundary.js';
import { carrierLeaves } from './ambiguous-carrier.js';
import { containerLeaves } from './ambiguous-container.js';
import { decodingLeaves } from './ambiguous-decoding.js';
import { delimiterLeaves, structureShapes } from './ambiguous-delimiter.js';
import { encodedContainerTricks, encodingFieldTricks } from './ambiguous-encoding-field.js';
import { headerLeaves, headerShapes } from './ambiguous-header.js';
import { numberOf } from './ambiguous-payload.js';
import { sealedLeaves, sealedShapes } from './ambiguous-sealed.js';
import { type AmbiguousCase, casesOf, type LeafTrick, pairOf, type ShapeTrick } from './ambiguous-shape.js';

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

/** One trick at a time, each in several places. */
export function* singleTricks(): Generator<AmbiguousCase> {
  for (const trick of [...leaves, ...shapes]) yield* casesOf(trick);
}

/** Two tricks in one mail. */
export function* doubleTricks(): Generator<AmbiguousCase> {
  yield* pairs();
}

export function ambiguousMails(): AmbiguousCase[] {
  return [...singleTricks(), ...doubleTricks()];
}
