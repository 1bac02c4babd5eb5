/** Lines of a text in memory, however they end: CRLF, LF or a bare CR. */

export interface TextLine {
  readonly start: number;
  /** behind the last byte of the line, in front of its line end */
  readonly end: number;
}

const cr = 0x0d;
const lf = 0x0a;

/** Every line of `[from, to)`, also the last one without a line end; one pass over the bytes. */
export function* textLines(text: Buffer, from = 0, to: number = text.length): Generator<TextLine, void, undefined> {
  let start = from;
  while (start < to) {
    let end = start;
    while (end < to && text[end] !== cr && text[end] !== lf) end += 1;
    yield { start, end };
    start = end + (text[end] === cr && end + 1 < to && text[end + 1] === lf ? 2 : 1);
  }
}
