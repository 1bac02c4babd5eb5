/**
 * Whether a text body carries a file: uuencode, yEnc, BinHex, data: payloads, or script that builds one in the
 * reader's browser. It only raises suspicion; when in doubt the text counts as an attachment and is scored.
 */

/** text kept from one chunk to the next, so that a marker across both is seen */
const overlapCharacters = 512;

const uuencodeBegin = /(?:^|[\r\n])(?:[bB]egin|BEGIN)(?:-base64)?[ \t]{1,16}[0-7]{3,4}[ \t]{1,16}\S/;
const quotedPart = /\n--[^\r\n]{1,200}\r?\ncontent-(?:type|transfer-encoding|disposition)[ \t]*:/i;
// The text is the attacker's: no pattern may look far ahead from a start that can be repeated at will.
/** the end of a data: address before its payload; nothing else in HTML is written so */
const dataUri = /;\s{0,16}base64\s{0,16},/i;
/** HTML smuggling: the payload is assembled by script, or by what can run script */
const smuggling =
  /<script|<svg\b|javascript:|msSaveOrOpenBlob|createObjectURL|\bnew\s{1,16}Blob\b|\batob\s{0,16}\(|<iframe\b|<embed\b|<object\b/i;
/** Every marker has one of these in it; looking for octets is several times faster than making text of them. */
const hints = ['egin', 'EGIN', 'BinHex', '\n--'].map((text) => Buffer.from(text, 'latin1'));
/** charsets in which the markers above are written with other bytes */
const otherBytes = /^(?:utf-?(?:16|32|7)|ucs|iso-10646|unicode|ebcdic|ibm(?:037|1047|500|273)|cp(?:037|1047|500))/i;

export class TextScan {
  readonly #html: boolean;
  #tail = '\n';
  found = false;
  embeddedFile = false;
  embeddedPart = false;

  /** @param charset as declared, lower case */
  constructor(type: string, charset: string | undefined) {
    this.#html = type === 'text/html';
    this.found = charset !== undefined && otherBytes.test(charset);
  }

  write(decoded: Buffer): void {
    if (decoded.length === 0) return;
    if (this.#html || hints.some((hint) => decoded.includes(hint))) {
      this.#search(this.#tail + decoded.toString('latin1'));
      return;
    }
    // Nothing in here, but a marker may lie across the seam.
    this.#search(this.#tail + decoded.toString('latin1', 0, overlapCharacters));
    if (decoded.length > overlapCharacters) {
      this.#tail = decoded.toString('latin1', decoded.length - overlapCharacters);
    }
  }

  #search(text: string): void {
    if (this.#embedded(text)) {
      this.found = true;
      this.embeddedFile = true;
    }
    if (text.includes('\n--') && quotedPart.test(text)) {
      this.found = true;
      this.embeddedPart = true;
    }
    if (this.#html && !this.found) this.found = dataUri.test(text) || smuggling.test(text);
    this.#tail = text.slice(-overlapCharacters);
  }

  #embedded(text: string): boolean {
    if (/(?:egin|EGIN)[ \t-]/.test(text) && uuencodeBegin.test(text)) return true;
    if (text.includes('=ybegin ')) return true;
    return text.includes('must be converted with BinHex');
  }
}
