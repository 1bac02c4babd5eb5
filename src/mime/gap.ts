/**
 * The text between parts that no reader should show: preamble and epilogue. It decides only whether that text looks
 * like a part that some reader would find there.
 */

/** honest preambles are a sentence, honest epilogues a list footer */
const keptBytes = 16_384;
const partField = /^[ \t]*(?:content-(?:type|transfer-encoding|disposition)|mime-version)[ \t]*:/im;
const embeddedFile = /^(?:begin(?:-base64)? [0-7]{3,4} |=ybegin )/m;
const html = /<(?:html|script|iframe|svg)\b/i;
const base64Run = /(?:^[A-Za-z0-9+/]{60,}={0,2}\r?$\n?){3}/m;

export class GapCheck {
  #text = '';
  #bytes = 0;

  write(buffer: Buffer, from: number, to: number): void {
    this.#bytes += to - from;
    const room = keptBytes - this.#text.length;
    if (room > 0) this.#text += buffer.toString('latin1', from, Math.min(to, from + room));
  }

  get suspicious(): boolean {
    if (this.#bytes > keptBytes) return true;
    const text = this.#text;
    return partField.test(text) || embeddedFile.test(text) || html.test(text) || base64Run.test(text);
  }
}
