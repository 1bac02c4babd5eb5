/**
 * yEnc 1.3 (yenc.org, 2002): files between `=ybegin` and `=yend`, in one part or several, whatever the sizes and
 * checksums in it claim. Nothing but the bytes decides what is decoded.
 */
import { limits } from '../runtime/limits.js';
import { type CarriedFile, writtenNames } from './carried-file.js';
import { type TextLine, textLines } from './text-lines.js';

const mark = Buffer.from('=y', 'latin1');
const headerBytes = 1200;

interface Part {
  readonly names: readonly string[];
  /** where in the whole file it belongs, from 0; undefined when it is no part */
  offset: number | undefined;
  content: Buffer;
  whole: boolean;
}

/** @param declared the body is said to be encoded as a whole, so that `=ybegin` may be missing */
export function yencFiles(text: Buffer, declared: boolean): readonly CarriedFile[] {
  const parts = partsOf(text, declared, false);
  const stuffed = text.includes('\n..') ? partsOf(text, declared, true) : [];
  return [...filesOf(parts, ''), ...filesOf(stuffed, 'dots unstuffed')];
}

function filesOf(parts: readonly Part[], reading: string): CarriedFile[] {
  const files = parts.map(
    ({ names, content, whole }): CarriedFile => ({
      method: 'yenc',
      names,
      content,
      reading,
      damaged: !whole,
      truncated: false,
    }),
  );
  const sections = parts.filter(({ offset }) => offset !== undefined);
  if (sections.length < 2) return files;
  // Parts of one file: put together they are what a reader offers.
  const ordered = sections.toSorted((one, other) => (one.offset ?? 0) - (other.offset ?? 0));
  const content = Buffer.concat(ordered.map((part) => part.content));
  const names = [...new Set(ordered.flatMap((part) => part.names))];
  const whole = ordered.every((part) => part.whole);
  return [{ method: 'yenc', names, content, reading: 'parts joined', damaged: !whole, truncated: false }, ...files];
}

function partsOf(text: Buffer, declared: boolean, unstuff: boolean): Part[] {
  const parts: Part[] = [];
  let open: Part | undefined = declared ? { names: [], offset: undefined, content: text, whole: false } : undefined;
  let from = 0;
  const close = (to: number) => {
    if (open === undefined) return;
    open.content = decodeYenc(text, from, to, unstuff);
    if (open.content.length > 0 || open.names.length > 0) parts.push(open);
    open = undefined;
  };
  for (const line of textLines(text)) {
    if (text[line.start] !== mark[0] || text[line.start + 1] !== mark[1]) continue;
    if (parts.length >= limits.mime.carriedFilesMax) break;
    const header = text.toString('latin1', line.start, Math.min(line.end, line.start + headerBytes));
    if (header.startsWith('=ybegin')) {
      close(line.start);
      open = { names: nameOf(text, line), offset: undefined, content: text, whole: false };
      from = line.end;
    } else if (header.startsWith('=ypart') && open !== undefined) {
      const begin = /[ \t]begin=(\d{1,15})/.exec(header)?.[1];
      if (begin !== undefined) open.offset = Number(begin) - 1;
      from = line.end;
    } else if (header.startsWith('=yend') && open !== undefined) {
      open.whole = true;
      close(line.start);
    }
  }
  close(text.length);
  return parts;
}

/** The name is the last thing on its line, blanks and all. */
function nameOf(text: Buffer, { start, end }: TextLine): readonly string[] {
  const bytes = text.subarray(start, Math.min(end, start + headerBytes));
  const at = bytes.indexOf('name=');
  return at < 0 ? [] : writtenNames(bytes.subarray(at + 5));
}

function decodeYenc(text: Buffer, from: number, to: number, unstuff: boolean): Buffer {
  const out = Buffer.allocUnsafe(to - from);
  let length = 0;
  for (let at = from; at < to; at += 1) {
    let byte = text[at] as number; // at < to
    if (byte === 0x0d || byte === 0x0a) {
      if (unstuff && byte === 0x0a && text[at + 1] === 0x2e && text[at + 2] === 0x2e) at += 1;
      continue;
    }
    if (byte === 0x3d) {
      at += 1;
      if (at >= to) break;
      byte = ((text[at] as number) - 64) & 0xff;
    }
    out[length++] = (byte - 42) & 0xff;
  }
  return out.subarray(0, length);
}
