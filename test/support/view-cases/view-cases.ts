/**
 * Mails in which the place, the boundary or the encoding of one attachment is told in a way that readers take
 * differently. Each holds the same payload, so that finding it needs no knowledge of the trick.
 */
import { bodies, starts } from './bodies.js';
import { boundaries } from './boundaries.js';
import { delimiterLines } from './delimiters.js';
import { encodingFields } from './encoding-fields.js';
import type { ViewCase } from './mail.js';
import { containers, typeFields } from './type-fields.js';

/** All of them: some six hundred. */
export function* viewCases(): Generator<ViewCase> {
  yield* encodingFields();
  yield* containers();
  yield* typeFields();
  yield* boundaries();
  yield* delimiterLines();
  yield* starts();
  yield* bodies();
}
