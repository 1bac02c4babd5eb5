/** The parsing thread: the head of a message in, what may be looked at out. It knows no file and no network. */
import { type AddressObject, type HeaderLines, type Headers, MailParser } from 'mailparser';
import { cleanLine, defang } from '../../notice/clean.js';
import { limits } from '../../runtime/limits.js';
import { cleanText } from './clean-text.js';
import type { MessagePreview } from './preview.js';
import { sanitiseHtml } from './sanitise.js';

export interface PreviewTask {
  /** the message, or its head */
  readonly bytes: Uint8Array;
  /** whether there is more of it */
  readonly cut: boolean;
}

interface Parsed {
  headers: Headers | undefined;
  lines: HeaderLines;
  text: string;
  html: string;
}

const chunkBytes = 65_536;

function drained(parser: MailParser): Promise<void> {
  return new Promise((resolve) => parser.once('drain', resolve));
}

async function parse(bytes: Uint8Array): Promise<Parsed> {
  const parsed: Parsed = { headers: undefined, lines: [], text: '', html: '' };
  const parser = new MailParser({
    skipHtmlToText: true,
    skipTextToHtml: true,
    skipTextLinks: true,
    skipImageLinks: true,
  });
  parser.on('headers', (headers) => {
    parsed.headers = headers;
  });
  parser.on('headerLines', (lines) => {
    parsed.lines = lines;
  });
  parser.on('data', (data) => {
    if (data.type === 'attachment') {
      data.content.resume();
      data.release();
      return;
    }
    parsed.text = data.text ?? '';
    parsed.html = typeof data.html === 'string' ? data.html : '';
  });
  const ended = new Promise<void>((resolve, reject) => {
    parser.on('end', resolve);
    // It may fail more than once, and only the first time is anybody's business.
    parser.on('error', reject);
  });
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    if (!parser.write(bytes.subarray(at, at + chunkBytes))) await Promise.race([drained(parser), ended]);
  }
  parser.end();
  await ended;
  return parsed;
}

function line(text: string): string {
  return defang(cleanLine(text, limits.preview.fieldCharacters));
}

function addressText(value: unknown): string {
  const objects = (Array.isArray(value) ? value : [value]) as readonly (AddressObject | undefined)[];
  return line(objects.map((one) => one?.text ?? '').join(', '));
}

/** The first field of this name, as it stands in the mail. */
function rawField(lines: HeaderLines, key: string): string {
  return line(lines.find((one) => one.key === key)?.line.replace(/^[^:]*:/, '') ?? '');
}

function fieldsOf(lines: HeaderLines): [string, string][] {
  return lines.slice(0, limits.preview.fieldsMax).map(({ line: whole }) => {
    const colon = whole.indexOf(':');
    return [cleanLine(whole.slice(0, Math.max(0, colon)), 100), line(whole.slice(colon + 1))];
  });
}

export async function previewOf({ bytes, cut }: PreviewTask): Promise<MessagePreview> {
  const { headers, lines, text, html } = await parse(bytes);
  const { textCharacters, fieldsMax } = limits.preview;
  const subject = headers?.get('subject');
  const safe = html === '' ? undefined : sanitiseHtml(html);
  const shown = text.slice(0, textCharacters);
  return {
    from: addressText(headers?.get('from')),
    subject: line(typeof subject === 'string' ? subject : ''),
    date: rawField(lines, 'date'),
    fields: fieldsOf(lines),
    text: defang(cleanText(shown)).trim(),
    html: safe?.html ?? '',
    htmlRefused: html !== '' && safe === undefined,
    cut: cut || shown.length < text.length || safe?.cut === true || lines.length > fieldsMax,
  };
}

export default previewOf;
