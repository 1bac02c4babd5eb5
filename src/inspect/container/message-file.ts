/**
 * Opens files that are mail: messages declared as such (also encoded ones, which no reader of MIME may open and many
 * do), saved messages and web archives by their content, and mailboxes. Each body is a member, and what is odd about
 * the message is a problem of the file. It frames with the same code as the message around it, and decides nothing.
 */
import { Framer, type Leaf } from '../../mime/framer.js';
import { isDoubtful, type ProblemCode, problemEffects } from '../../mime/problem.js';
import { limits } from '../../runtime/limits.js';
import { bodyDecoder } from '../examine.js';
import { partFlags } from '../report.js';
import type { Opener, OpenFile, OpenOutput } from './opener.js';

/** Adds what the other plausible readings of a message hold. */
export type OpenViews = (message: Buffer, out: OpenOutput) => Promise<unknown>;

const declaredMessages = new Set(['message/rfc822', 'message/global', 'message/news']);
const declaredArchives = new Set(['application/x-mimearchive', 'application/mbox']);
/** what Windows, macOS and mail programs open as mail, whatever the declared type says */
const messageNames = /\.(?:eml|emlx|nws|mht|mhtml|mbox|mbx|mim|mime|email)$/i;
/** unlike bounds, these say only that a reader could fetch more, which needs a reader that opens the file */
const referring = new Set<ProblemCode>(['message-partial', 'message-external']);
/** fields that only mail software writes; one of them on top is enough */
const machineFields = new Set([
  ...['received', 'return-path', 'message-id', 'mime-version', 'content-type', 'delivered-to', 'x-original-to'],
  ...['content-transfer-encoding', 'dkim-signature', 'x-mozilla-status', 'x-received', 'arc-seal'],
]);
/** fields that people quote when they forward something */
const letterFields = new Set(['from', 'to', 'subject', 'date', 'reply-to', 'sender', 'cc']);
const fieldName = /^([!-9;-~]{1,76})[ \t]*:/;
const mboxLine = /^>?From \S/;
/** a sender, a time and a year (RFC 4155 appendix A); a sentence seldom has those */
const datedLine = /^From \S[^\r\n]* \d{1,2}:\d\d[^\r\n]*\d{4}/;
const anyLine = /^From \S/;
/** Word and Internet Explorer look for it behind whatever a web archive begins with */
const lateField = /^mime-version[ \t]*:[ \t]*1\.0/im;
/** anywhere near the top, because some readers skip lines that are no fields */
const entityField = /^content-(?:type|transfer-encoding|disposition)[ \t]*:/im;
const entityBytes = 8192;
const blockBytes = 65_536;
const sliceBytes = 65_536;
/** of a line that may begin a field */
const lineCharacters = 128;
const noFields = { machine: 0, letter: 0 };

/** Whether the file is mail, whose parts are then opened one by one. */
export function isMessageFile(file: OpenFile): boolean {
  return /^(?:message|multipart)\//.test(file.declaredType) || messageStart(file) !== undefined;
}

export function createMessageOpener(openViews: OpenViews): Opener {
  return {
    id: 'message',
    matches: (file) => messageStart(file) !== undefined,
    async open(file, out) {
      const start = messageStart(file);
      if (start === undefined) return;
      const content = file.content.subarray(start);
      const certain = isMessageByName(file);
      const pieces = mailboxPieces(content, datedLine);
      for (const piece of pieces) {
        if (out.exhausted || !(await openMessage(piece, certain, openViews, out))) return;
      }
      // Some readers need no date to begin another message, and others read the mailbox as one.
      const loose = mailboxPieces(content, anyLine);
      const opened = new Set(pieces.map(placeOf));
      for (const piece of loose) {
        if (opened.has(placeOf(piece))) continue;
        if (!(await openMessage(piece, false, undefined, out))) return;
      }
      if (loose.length > 1) await openMessage(content, false, undefined, out);
    },
  };
}

function isMessageByName({ names, declaredType }: OpenFile): boolean {
  if (declaredMessages.has(declaredType) || declaredArchives.has(declaredType)) return true;
  return names.some((name) => messageNames.test(name));
}

/**
 * Where the message begins in the file: behind a byte order mark, empty lines, the length that Apple Mail puts on the
 * first line of its `.emlx` files, or behind anything at all in a web archive. Undefined when it is none.
 */
function messageStart(file: OpenFile): number | undefined {
  const { content, declaredType } = file;
  let start = content.length >= 3 && content.readUIntBE(0, 3) === 0xefbbbf ? 3 : 0;
  while (start < blockBytes && (content[start] === 0x0a || content[start] === 0x0d)) start += 1;
  start += /^[0-9]{1,12} *\r?\n/.exec(content.toString('latin1', start, start + 32))?.[0].length ?? 0;
  if (declaredMessages.has(declaredType)) return content.length > start ? start : undefined;
  const block = content.subarray(start, start + blockBytes);
  const { machine, letter } = beginsWithLine(block) ? fieldsOnTop(block.toString('latin1')) : noFields;
  // Quoted letters begin with `From:` and `Subject:`; who wants to be opened from a text needs MIME fields anyway.
  const isText = declaredType.startsWith('text/') && !isMessageByName(file);
  const enough = isText ? machine > 0 && machine + letter > 1 : machine > 0 || letter > 1;
  if (enough) return start;
  if (isText) return undefined;
  // With NUL in front of it, it is an archive or a program in which mail lies, and others open those.
  const nul = block.indexOf(0);
  const late = block.toString('latin1', 0, nul < 0 ? block.length : nul).search(lateField);
  return late < 0 ? undefined : start + late;
}

/** Whether there is anything to count: most files that are no mail end with their first line. */
function beginsWithLine(block: Buffer): boolean {
  const [line = ''] = block.toString('latin1', 0, lineCharacters).split('\n', 1);
  return mboxLine.test(line) || fieldName.test(line);
}

/** Whether a MIME entity without a message's own fields begins here, as in signed mail. */
export function startsAsEntity(content: Buffer): boolean {
  const text = content.toString('latin1', 0, blockBytes);
  return fieldsOnTop(text).machine > 0 || (entityField.test(text.slice(0, entityBytes)) && !text.includes('\0'));
}

/** Counts the known fields of a header block, up to the first line that belongs to none. */
function fieldsOnTop(text: string): { machine: number; letter: number } {
  let machine = 0;
  let letter = 0;
  let at = 0;
  for (let lines = 0; at < text.length; lines += 1) {
    const end = text.indexOf('\n', at);
    const line = text.slice(at, Math.min(end < 0 ? text.length : end, at + lineCharacters));
    at = end < 0 ? text.length : end + 1;
    if (lines === 0 && mboxLine.test(line)) continue;
    if (line[0] === ' ' || line[0] === '\t') {
      if (lines === 0) break;
      continue;
    }
    const name = fieldName.exec(line)?.[1]?.toLowerCase();
    if (name === undefined) break;
    if (machineFields.has(name)) machine += 1;
    if (letterFields.has(name)) letter += 1;
  }
  return { machine, letter };
}

/** Tells pieces of the same file apart. */
function placeOf(piece: Buffer): string {
  return `${piece.byteOffset} ${piece.length}`;
}

/** The messages of a mailbox, each from its separator on; the whole file when it is none. */
function mailboxPieces(content: Buffer, separator: RegExp): Buffer[] {
  if (!mboxLine.test(content.toString('latin1', 0, 8))) return [content];
  const pieces: Buffer[] = [];
  let start = 0;
  for (let at = content.indexOf('\nFrom '); at >= 0; at = content.indexOf('\nFrom ', at + 1)) {
    if (pieces.length >= limits.open.membersMax) break;
    if (!separator.test(content.toString('latin1', at + 1, at + 256))) continue;
    pieces.push(content.subarray(start, at + 1));
    start = at + 1;
  }
  pieces.push(content.subarray(start));
  return pieces;
}

/**
 * @param certain somebody says that it is a message, so that what is odd about it counts; otherwise it only looks
 *   like one, and its readings add members, but no problems other than bounds
 * @returns false when a bound was reached
 */
async function openMessage(
  content: Buffer,
  certain: boolean,
  openViews: OpenViews | undefined,
  out: OpenOutput,
): Promise<boolean> {
  const leaves: Leaf[] = [];
  const framer = new Framer({ onLeaf: (leaf) => leaves.push(leaf), onHeader: () => undefined });
  framer.write(content);
  framer.finish();
  const problems = new Set<ProblemCode>(framer.problems.map(({ code }) => code));
  // A bounce quotes the header of a letter and no more: there is nothing in it to find.
  if (!certain && leaves.every(isNothing)) return !out.exhausted;
  for (const leaf of leaves) {
    if (isNothing(leaf)) continue;
    if (!(await addLeaf(content.subarray(leaf.start, leaf.end), leaf, problems, out))) {
      report(problems, certain, out);
      return false;
    }
  }
  report(problems, certain, out);
  if (isDoubtful([...problems]) && openViews !== undefined && !out.exhausted) await openViews(content, out);
  return !out.exhausted;
}

/** An empty body without a name, which no reader shows as a file. */
function isNothing({ start, end, facts }: Leaf): boolean {
  return start === end && facts.names.length === 0;
}

function report(problems: ReadonlySet<ProblemCode>, certain: boolean, out: OpenOutput): void {
  for (const code of problems) {
    const bound = problemEffects[code] === 'unscannable' && !referring.has(code);
    if (certain || bound) out.problem(code);
  }
}

async function addLeaf(body: Buffer, leaf: Leaf, problems: Set<ProblemCode>, out: OpenOutput): Promise<boolean> {
  const { facts } = leaf;
  const decoder = bodyDecoder(facts.encoding, problems);
  const member = out.member({
    names: facts.names,
    method: 'message',
    declaredType: facts.type,
    charset: facts.charset,
    flags: facts.encodingUnknown ? [partFlags.undecodable] : [],
  });
  if (member === undefined) return false;
  let taken = true;
  for (let at = 0; at < body.length && taken; at += sliceBytes) {
    taken = member.write(decoder.write(body.subarray(at, at + sliceBytes)));
  }
  if (taken) taken = member.write(decoder.finish());
  await member.end();
  return taken;
}
