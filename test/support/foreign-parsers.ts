/**
 * What two other parsers of mail take for attachments: a second and third opinion on where files are. Only decoded bytes
 * are compared; texts that a parser has converted between charsets are not its attachments.
 */
import { createHash } from 'node:crypto';
import { simpleParser } from 'mailparser';
import PostalMime from 'postal-mime';

export interface ForeignFile {
  readonly parser: 'mailparser' | 'postal-mime';
  readonly name: string;
  readonly type: string;
  readonly content: Buffer;
}

const nestingMax = 3;

async function byMailparser(mail: Buffer): Promise<ForeignFile[]> {
  const parsed = await simpleParser(mail, { skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true });
  return parsed.attachments.map(({ filename, contentType, content }) => {
    return { parser: 'mailparser', name: filename ?? '', type: contentType.toLowerCase(), content };
  });
}

async function byPostalMime(mail: Buffer): Promise<ForeignFile[]> {
  const parsed = await PostalMime.parse(mail);
  return parsed.attachments.flatMap(({ filename, mimeType, content }) => {
    const octets = typeof content === 'string' ? [] : Buffer.from(new Uint8Array(content));
    const file = { name: filename ?? '', type: mimeType.toLowerCase(), content: Buffer.from(octets) };
    return [{ parser: 'postal-mime' as const, ...file }];
  });
}

/**
 * postal-mime hands calendars out as UTF-8, and takes everything but base64 by lines, whose ends it makes LF: with line
 * ends that were escaped beside them, the octets that stood in the mail cannot be told any more.
 */
function isConverted({ parser, type, content }: ForeignFile, mail: Buffer): boolean {
  if (parser !== 'postal-mime') return false;
  if (type === 'text/calendar') return true;
  const lineEnds = /(?<!\r)\n(?!$)/.test(content.toString('latin1'));
  return lineEnds && !mail.includes(content.subarray(0, 30).toString('base64').slice(0, 40));
}

/** Both parsers' files; a forwarded mail stands for the files in it. A parser that throws has no opinion. */
export async function foreignFiles(mail: Buffer, depth = 0): Promise<ForeignFile[]> {
  const opinions = await Promise.allSettled([byMailparser(mail), byPostalMime(mail)]);
  const files: ForeignFile[] = [];
  for (const opinion of opinions) {
    for (const file of opinion.status === 'fulfilled' ? opinion.value : []) {
      if (file.content.length === 0 || isConverted(file, mail)) continue;
      if (!/^message\/(?:rfc822|global|news)$/.test(file.type)) files.push(file);
      else if (depth < nestingMax) files.push(...(await foreignFiles(file.content, depth + 1)));
    }
  }
  return files;
}

/**
 * SHA-256 of the content as it is, and as it was before line ends were made LF and one was added: postal-mime reads
 * everything but base64 by lines.
 */
export function digestsOf({ content }: ForeignFile): string[] {
  const text = content.toString('latin1');
  const crlf = text.replace(/\r?\n/g, '\r\n');
  const variants = new Set([text, text.replace(/\n$/, ''), crlf, crlf.replace(/\r\n$/, '')]);
  return [...variants].map((variant) => createHash('sha256').update(variant, 'latin1').digest('hex'));
}
