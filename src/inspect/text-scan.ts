/**
 * Whether a text body carries a file: uuencode, yEnc, BinHex, data: payloads, or script that builds one in the
 * reader's browser. It only raises suspicion; when in doubt the text counts as an attachment and is scored.
 */

/** text kept from one chunk to the next, so that a marker across both is seen */
const overlapCharacters = 512;

const uuencodeBegin = /(?:^|[\r\n])begin(?:-base64)?[ \t]+[0-7]{3,4}[ \t]+\S/i;
const quotedPart = /\n--[^\r\n]{1,200}\r?\ncontent-(?:type|transfer-encoding|disposition)[ \t]*:/i;
const dataUri = /data:[^,"'<>]{0,256};\s*base64/i;
/** HTML smuggling: the payload is assembled by script, or refreshed in from a data: or javascript: address */
const smuggling =
  /<script|<svg[^>]{0,256}\son\w{1,32}\s*=|javascript:|msSaveOrOpenBlob|createObjectURL|\bnew\s+Blob\b|\batob\s*\(|<iframe[^>]{0,256}\ssrcdoc|<embed\b|<object\b/i;
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
    const text = this.#tail + decoded.toString('latin1');
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
    if (/begin[ \t-]/i.test(text) && uuencodeBegin.test(text)) return true;
    if (text.includes('=ybegin ')) return true;
    return text.includes('must be converted with BinHex');
  }
}
