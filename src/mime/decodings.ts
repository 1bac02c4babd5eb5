/**
 * Every plausible way in which a known reader undoes a body's transfer encoding. It chooses none of them, and looks at
 * nothing but the body.
 */
import { addBase64, addOddBase64 } from './decoding-base64.js';
import { DecodingCollector } from './decoding-collector.js';
import { addBegun, addBinhex, addGzip64, addUuencode, addYenc } from './decoding-legacy.js';
import { addIdentity, addQuotedPrintable } from './decoding-text.js';
import type { Decoding, ViewEncoding } from './view.js';

export interface Decodings {
  readonly list: readonly Decoding[];
  /** false when a bound was reached, so that some plausible decoding is missing */
  readonly complete: boolean;
}

/**
 * All plausible decodings of one body, most plausible first, without repeats by content. A strict body costs one
 * native decoding and cheap checks.
 *
 * @param bounds bytesMax: decoded bytes of all readings together
 */
export function decodings(body: Buffer, encoding: ViewEncoding, bounds: { readonly bytesMax: number }): Decodings {
  const out = new DecodingCollector(body, bounds.bytesMax);
  adders[encoding](out, body);
  return { list: out.list, complete: out.complete };
}

const adders: Readonly<Record<ViewEncoding, (out: DecodingCollector, body: Buffer) => void>> = {
  identity: addIdentity,
  base64: (out, body) => {
    if (addBase64(out, body)) return;
    addBegun(out, body);
    addOddBase64(out, body);
  },
  'quoted-printable': addQuotedPrintable,
  uuencode: addUuencode,
  xxencode: addUuencode,
  yenc: addYenc,
  binhex: addBinhex,
  gzip64: addGzip64,
};
