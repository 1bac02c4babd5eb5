/** A file that a text carries in one of the encodings that are older than MIME, or that grew beside it. */

export interface CarriedFile {
  readonly method: 'uuencode' | 'xxencode' | 'yenc' | 'binhex' | 'base64';
  /** as written in the text; empty when it names none */
  readonly names: readonly string[];
  readonly content: Buffer;
  /** what was assumed, for a person; empty for the usual reading */
  readonly reading: string;
  /** the data contradict themselves or have no end, so that readers may get different bytes */
  readonly damaged: boolean;
  /** the bound of bytes was reached before its end */
  readonly truncated: boolean;
}

/** A name as written, in its two plausible charsets. */
export function writtenNames(bytes: Buffer): readonly string[] {
  const utf8 = bytes.toString('utf8').trim();
  const latin1 = bytes.toString('latin1').trim();
  if (utf8 === '') return [];
  return utf8 === latin1 || !utf8.includes('\ufffd') ? [utf8] : [latin1];
}
