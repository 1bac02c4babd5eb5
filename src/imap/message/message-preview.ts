/**
 * A part's content without its transfer encoding, and the few words that PREVIEW shows of a message (RFC 8970): those
 * of its first text. Bounded work, whatever the message is.
 */
import { Base64Decoder } from '../../mime/base64.js';
import { QuotedPrintableDecoder } from '../../mime/quoted-printable.js';
import { limits } from '../../runtime/limits.js';
import { firstValue, parameterized, readFields } from './message-field.js';
import type { MessagePart } from './message-parts.js';

/** Undefined when the encoding is not known (RFC 9051 §7.1, UNKNOWN-CTE). */
export function decodedContent(bytes: Buffer, part: MessagePart, encodedMax = Number.POSITIVE_INFINITY) {
  const fields = readFields(bytes, { start: part.start, end: part.bodyStart });
  const encoding = parameterized(firstValue(bytes, fields, 'content-transfer-encoding') ?? '').value.toLowerCase();
  const raw = bytes.subarray(part.bodyStart, Math.min(part.end, part.bodyStart + encodedMax));
  // RFC 2045 §6.4: what has parts is not encoded itself.
  if (part.kind !== 'leaf' || ['', '7bit', '8bit', 'binary'].includes(encoding)) return raw;
  if (encoding !== 'base64' && encoding !== 'quoted-printable') return undefined;
  const problems = new Set<never>();
  const decoder = encoding === 'base64' ? new Base64Decoder(problems) : new QuotedPrintableDecoder(problems);
  return Buffer.concat([decoder.write(raw), decoder.finish()]);
}

function firstText(part: MessagePart, subtype: string): MessagePart | undefined {
  if (part.kind === 'leaf') {
    return part.type.toLowerCase() === 'text' && part.subtype.toLowerCase() === subtype ? part : undefined;
  }
  for (const child of part.parts) {
    const found = firstText(child, subtype);
    if (found !== undefined) return found;
  }
  return undefined;
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", nbsp: ' ' };

/** Elements whose content is not read by anybody. */
const silent = ['head', 'style', 'script'];

/** The words of a page, tags and comments taken off. Linear. */
function pageText(html: string): string {
  const out: string[] = [];
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    if (open < 0) {
      out.push(html.slice(at));
      break;
    }
    out.push(html.slice(at, open), ' ');
    at = behindTag(html, open);
  }
  return out.join('').replace(/&(amp|lt|gt|quot|#39|nbsp);/g, (_, name: string) => entities[name] ?? '');
}

function behind(html: string, text: string, from: number): number {
  const at = html.indexOf(text, from);
  return at < 0 ? html.length : at + text.length;
}

function behindTag(html: string, open: number): number {
  if (html.startsWith('<!--', open)) return behind(html, '-->', open + 4);
  const name = /^[a-z]{1,8}/i.exec(html.slice(open + 1, open + 9))?.[0].toLowerCase() ?? '';
  const end = behind(html, '>', open);
  if (!silent.includes(name)) return end;
  const close = html.slice(end).search(new RegExp(`</${name}`, 'i'));
  return close < 0 ? html.length : behind(html, '>', end + close);
}

/** Lenient: the text may have been cut inside a character. */
function decodedText(content: Buffer, charset: string): string {
  try {
    return new TextDecoder(charset).decode(content);
  } catch {
    return content.toString('latin1');
  }
}

/** At most 200 characters in one line, UTF-8; empty when there is no text. */
export function preview(bytes: Buffer, root: MessagePart): Buffer {
  const part = firstText(root, 'plain') ?? firstText(root, 'html');
  const content = part === undefined ? undefined : decodedContent(bytes, part, limits.storedMessage.previewBytes);
  if (part === undefined || content === undefined) return Buffer.alloc(0);
  const charset = part.parameters.find(([name]) => name.toLowerCase() === 'charset')?.[1] ?? 'us-ascii';
  const text = decodedText(content, charset);
  const words = (part.subtype.toLowerCase() === 'html' ? pageText(text) : text).replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return Buffer.from(Array.from(words).slice(0, limits.storedMessage.previewCharacters).join('').trim());
}
