/**
 * FETCH responses that no FETCH asked for: flag updates in IDLE, NOOP or STORE. What says nothing of the content
 * passes, whatever else a server puts beside it does not.
 */

import type { FetchEvent } from '../wire/wire.js';
import { type Response, reduced } from './fetch-answer.js';
import { type Keeping, ResponseAssembly, type ResponseTaker, survey } from './fetch-assembly.js';

/** Takes the events of FETCH responses in order. Returns the octets that may go to the client, if any. */
export type FetchGuard = (event: FetchEvent) => Buffer | undefined;

const nothing: ReadonlySet<string> = new Set();
const keepsNothing: Keeping = {
  receive: () => {
    throw new Error('a guard keeps no literals');
  },
  feed: () => {},
};

export function createFetchGuard(): FetchGuard {
  let passed: Buffer | undefined;
  const taker: ResponseTaker = {
    choose: () => 'skip',
    streamPart: () => {},
    streamData: () => {},
    spent: false,
    conclude: (response) => {
      passed = guarded(response);
    },
  };
  const assembly = new ResponseAssembly(keepsNothing);
  return (event) => {
    passed = undefined;
    assembly.take(event, taker);
    return passed;
  };
}

function guarded(response: Response): Buffer | undefined {
  const [part] = response.parts;
  if (response.parts.length === 1 && part !== undefined && survey(response).named === 'free') return part.raw;
  const pieces = reduced(response, nothing);
  return pieces === undefined ? undefined : Buffer.concat(pieces.filter((piece) => Buffer.isBuffer(piece)));
}
