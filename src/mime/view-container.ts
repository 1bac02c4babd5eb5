/**
 * Bodies of encoded multiparts and messages, decoded so that they can be read as entities. The same bytes become the
 * same source however often readings lead to them; what they hold is not known here.
 */
import { createHash } from 'node:crypto';
import { limits } from '../runtime/limits.js';
import { Base64Decoder } from './base64.js';
import type { ProblemCode } from './problem.js';
import { QuotedPrintableDecoder } from './quoted-printable.js';
import { type ViewEncoding, viewEncodings } from './view.js';
import { ViewSource } from './view-source.js';

/** bytes of a body that decide whether it is decoded as a whole */
const peekBytes = 4096;

export class ContainerSources {
  /** false when there was more than may be decoded or indexed */
  complete = true;
  readonly #known = new Map<string, ViewSource>();
  #next = 1;
  #bytesLeft: number;

  /** @param raw the message: its size bounds what is decoded, and it is a source itself */
  constructor(raw: ViewSource) {
    this.#bytesLeft = Math.max(limits.views.decodedFreeBytes, raw.bytes.length * limits.views.decodedRatioMax);
    this.#known.set(digestOf(raw.bytes), raw);
  }

  /**
   * The sources that a body gives, one for each way to undo its encoding.
   * @param wanted whether a decoded beginning is worth decoding the rest
   */
  decode(body: Buffer, encoding: ViewEncoding, wanted: (beginning: string) => boolean): ViewSource[] {
    if (encoding !== viewEncodings.base64 && encoding !== viewEncodings.quotedPrintable) return [];
    const peek = decodings(body.subarray(0, peekBytes), encoding)[0]?.toString('latin1') ?? '';
    if (peek === '' || !wanted(peek)) return [];
    if (body.length > this.#bytesLeft) {
      this.complete = false;
      return [];
    }
    const sources: ViewSource[] = [];
    for (const decoded of decodings(body, encoding)) {
      this.#bytesLeft -= decoded.length;
      // What nothing was undone in is read as it is anyway.
      if (!decoded.equals(body)) sources.push(this.#source(decoded));
    }
    return sources;
  }

  #source(bytes: Buffer): ViewSource {
    const digest = digestOf(bytes);
    let source = this.#known.get(digest);
    if (source === undefined) {
      source = new ViewSource(bytes, this.#next);
      this.#next += 1;
      this.#known.set(digest, source);
      if (!source.complete) this.complete = false;
    }
    return source;
  }
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64');
}

/** The usual decoding, and those of readers that disagree where the text is not canonical. */
function decodings(body: Buffer, encoding: ViewEncoding): Buffer[] {
  const problems = new Set<ProblemCode>();
  if (encoding === viewEncodings.quotedPrintable) return [finished(new QuotedPrintableDecoder(problems), body)];
  const out = [finished(new Base64Decoder(problems), body)];
  const text = () => body.toString('latin1');
  if (problems.has('base64-url-safe')) out.push(usual(text().replace(/[-_]/g, '')));
  if (problems.has('base64-inner-padding')) out.push(usual(text().split('=', 1)[0] ?? ''));
  return out;
}

function usual(text: string): Buffer {
  return finished(new Base64Decoder(new Set()), Buffer.from(text, 'latin1'));
}

function finished(decoder: Base64Decoder | QuotedPrintableDecoder, body: Buffer): Buffer {
  const front = Buffer.from(decoder.write(body));
  return Buffer.concat([front, decoder.finish()]);
}
