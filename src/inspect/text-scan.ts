/**
 * Whether a text body carries a file: uuencode, yEnc, BinHex, base64, data: payloads, or script that builds one in the
 * reader's browser. It only raises suspicion; when in doubt the text counts as an attachment and is scored. Whatever
 * the openers of texts find must raise it here.
 */
import { base64Runs } from './base64-run.js';

/** text kept from one chunk to the next, so that a marker across both is seen */
const overlapCharacters = 512;

const uuencodeBegin =
  /(?:^|[\r\n])[ \t]{0,16}(?:[bB]egin|BEGIN)(?:-base64(?:-encoded)?)?[ \t]{1,16}[0-7]{3,4}(?:[ \t]{1,16}\S|[ \t]{0,16}[\r\n])/;
const pgpMessage = /[\r\n]-----BEGIN PGP MESSAGE/;
const quotedPart = /\n--[^\r\n]{1,200}\r?\ncontent-(?:type|transfer-encoding|disposition)[ \t]*:/i;
// The text is the attacker's: no pattern may look far ahead from a start that can be repeated at will.
/** what browsers overlook between the letters of a scheme: line ends and tabs, also as references */
const overlooked = '(?:\\s|&(?:#(?:x0*[9ad]|0*(?:9|10|13));?|tab;|newline;))*';
/** an address that holds its content, or is script */
const addresses = new RegExp(
  `${[...'data:'].join(overlooked)}\\s{0,16}(?:[a-z0-9.+-]{1,40}[/&%]|[;,&%])|` +
    `${[...'javascript:'].join(overlooked)}|${[...'vbscript:'].join(overlooked)}`,
  'i',
);
/** a data: address cut short, or hidden from the pattern above; nothing else in HTML is written so */
const dataUri = /;\s{0,16}base64\s{0,16},/i;
/** HTML smuggling: the payload is assembled by script, or by what can run script */
const smuggling =
  /<(?:[a-z0-9_-]{1,16}:)?script|<svg\b|msSaveOrOpenBlob|createObjectURL|\bnew\s{1,16}Blob\b|\batob\s{0,16}\(|<iframe\b|<embed\b|<object\b|\bsrcdoc\b/i;
const handler = /[\s"'/]on[a-z]{3,29}\s*=/i;
/** letters, colons and many line ends as references: honest writers have no reason, hidden addresses do */
const hiddenLetters =
  /&(?:#x0*(?:3a|[46][1-9a-f]|[57][0-9a])(?![0-9a-f])|#0*(?:58|6[5-9]|[78]\d|90|9[7-9]|1[01]\d|12[0-2])(?!\d)|colon;|tab;|newline;|#(?:x0*[9ad]|0*(?:9|10|13));?(?:&#(?:x0*[9ad]|0*(?:9|10|13));?){7})/i;
const utf7Bracket = '+ADw';
/** switches between character sets (ISO 2022), which Japanese mail is full of, and which may stand inside of any word */
const switchByte = '\x1b';
const switches = /\x1b[ -/]{0,3}[0-~]/g;
/** Every marker has one of these in it; looking for octets is several times faster than making text of them. */
const hints = ['egin', 'EGIN', 'BinHex', '\n--', '\r--'].map((text) => Buffer.from(text, 'latin1'));
/** charsets in which the markers above are written with other bytes */
const otherBytes = /^(?:utf-?(?:16|32|7)|ucs|iso-10646|unicode|hz|ebcdic|ibm(?:037|1047|500|273)|cp(?:037|1047|500))/i;

export class TextScan {
  #html: boolean;
  #begun = false;
  /** what was searched last; most texts come in one piece, and nobody asks for its end */
  #last = '\n';
  #seam = false;
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
    // Plain text that begins with a tag is taken for HTML by readers that go by the content.
    if (!this.#begun) this.#html ||= /^(?:\xef\xbb\xbf)?\s{0,64}<[a-z!?]/i.test(decoded.toString('latin1', 0, 70));
    this.#begun = true;
    // NUL: a charset of wide characters, whatever was declared
    if (!this.found && (decoded.includes(0) || hasBase64(decoded))) this.found = true;
    const tail = this.#seam ? tailOf(this.#last) : this.#last;
    if (this.#html || hints.some((hint) => decoded.includes(hint))) {
      this.#search(tail + decoded.toString('latin1'));
    } else {
      // Nothing in here, but a marker may lie across the seam.
      this.#search(tail + decoded.toString('latin1', 0, overlapCharacters));
      if (decoded.length > overlapCharacters) {
        this.#last = decoded.toString('latin1', decoded.length - overlapCharacters);
      }
    }
    this.#seam = true;
  }

  #search(text: string): void {
    if (this.#embedded(text)) {
      this.found = true;
      this.embeddedFile = true;
    }
    if (!this.found && this.#seam && hasBase64(Buffer.from(text.slice(0, overlapCharacters * 2), 'latin1')))
      this.found = true;
    if (pgpMessage.test(text)) this.found = true;
    if (text.includes('\n--') && quotedPart.test(text)) {
      this.found = true;
      this.embeddedPart = true;
    }
    if (this.#html && !this.found)
      this.found = acts(text) || (text.includes(switchByte) && acts(text.replace(switches, '')));
    this.#last = text;
  }

  #embedded(text: string): boolean {
    if (/(?:egin|EGIN)[ \t-]/.test(text) && uuencodeBegin.test(text)) return true;
    if (text.includes('=ybegin ')) return true;
    return text.includes('must be converted with BinHex');
  }
}

function hasBase64(text: Buffer): boolean {
  return base64Runs(text).next().done === false;
}

function acts(text: string): boolean {
  return (
    dataUri.test(text) ||
    smuggling.test(text) ||
    addresses.test(text) ||
    handler.test(text) ||
    (text.includes('&') && hiddenLetters.test(text)) ||
    text.includes(utf7Bracket)
  );
}

/** What of a text may begin a marker that goes on in the next piece. */
function tailOf(text: string): string {
  const tail = text.slice(-overlapCharacters);
  // Blanks without end would push the beginning of a marker out of what is kept.
  if (!/\s{64}/.test(tail)) return tail;
  return text.replace(/\s+/g, (run) => (/[\r\n]/.test(run) ? '\n' : ' ')).slice(-overlapCharacters);
}
