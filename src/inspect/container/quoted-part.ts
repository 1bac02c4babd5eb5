/**
 * MIME parts in a text that is no multipart: a bounce that quotes a mail, or a part that readers find which guess
 * boundaries. Delimiters are whatever line begins with two dashes above a Content-* field.
 */
import { decodings } from '../../mime/decodings.js';
import { readEntity } from '../../mime/entity.js';
import { HeaderReader } from '../../mime/header.js';
import { limits } from '../../runtime/limits.js';
import type { MemberAbout } from './opener.js';

/** bytes behind a delimiter in which its first field must begin */
const fieldBytes = 300;
const delimiter = /^\n(--[^\r\n]{1,200})\r?\ncontent-(?:type|transfer-encoding|disposition)[ \t]*:/i;

interface Found {
  readonly start: number;
  readonly line: string;
}

export interface QuotedPart {
  readonly about: MemberAbout;
  readonly content: Buffer;
}

export function* quotedParts(text: Buffer, bytesMax: number): Generator<QuotedPart, void, undefined> {
  const found: Found[] = [];
  const first = delimiter.exec(`\n${text.toString('latin1', 0, fieldBytes)}`)?.[1];
  if (first !== undefined) found.push({ start: 0, line: first });
  for (let at = text.indexOf('\n--'); at >= 0; at = text.indexOf('\n--', at + 1)) {
    const line = delimiter.exec(text.toString('latin1', at, at + fieldBytes))?.[1];
    if (line !== undefined) found.push({ start: at + 1, line });
    if (found.length >= limits.mime.carriedFilesMax) break;
  }
  let left = bytesMax;
  for (const [index, { start, line }] of found.entries()) {
    // A part ends where the next one begins at the latest, so that every byte is read once.
    const next = found[index + 1]?.start ?? text.length + 1;
    const own = text.subarray(start + line.length, next).indexOf(`\n${line}`, 0, 'latin1');
    const part = text.subarray(start, own < 0 ? Math.max(start, next - 1) : start + line.length + own);
    for (const { about, content } of readPart(part, left)) {
      left -= content.length;
      yield { about, content };
    }
  }
}

function readPart(part: Buffer, bytesMax: number): QuotedPart[] {
  const body = part.subarray(part.indexOf(0x0a) + 1);
  const reader = new HeaderReader(() => false);
  reader.write(body, 0);
  reader.finish();
  const raw = body.subarray(0, reader.consumed);
  const { type, names, charset, encoding } = readEntity(raw, reader.fields, 'text/plain', false, new Set());
  const about = { names, declaredType: type, charset, method: encoding };
  // RFC 2046 §5.1.1: the line end in front of a delimiter belongs to it.
  const end = body.at(-1) === 0x0d ? body.length - 1 : body.length;
  const content = body.subarray(reader.end, end);
  if (encoding !== 'base64' && encoding !== 'quoted-printable') return [{ about, content }];
  return decodings(content, encoding, { bytesMax }).list.map((decoding) => ({ about, content: decoding.content }));
}
