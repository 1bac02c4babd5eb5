/**
 * Files in HTML, SVG, XML, CSS and script: `data:` addresses, documents in attributes, and literals that script turns
 * into a file in the reader's browser. It says whether something in there acts; whether that is bad is for rules.
 */

import { createHash } from 'node:crypto';
import { beginsAsFile } from '../../mime/file-signature.js';
import { limits } from '../../runtime/limits.js';
import { partFlags } from '../report.js';
import { dataUriContent, percentDecoded } from './data-uri.js';
import { dataUris } from './data-uri-scan.js';
import { withoutEntities } from './html-entity.js';
import { hasDownload, lowerCase, type MarkupFacts, rangesMax, scanMarkup, scriptAddresses } from './markup-scan.js';
import type { MemberAbout, Opener, OpenFile, OpenOutput } from './opener.js';
import { isText, readableTexts } from './readable-text.js';
import { joinedScript } from './script-escape.js';
import { literalFiles, unquotedFiles } from './script-literal.js';

const markupType = /html|svg|xml|hta\b/;
const markupName = /\.(?:x?html?|htm|shtml|svg|hta|mht(?:ml)?|xml|xsl|wsf)$/i;
const scriptType = /(?:java|ecma|j|vb)script|powershell/;
const scriptName = /\.(?:m?js|jse|vbs|vbe|wsf|hta|ps1)$/i;
/** a text that begins with a tag, whatever it is called; blanks and a byte order mark may stand in front */
const markupStart = /^(?:\xef\xbb\xbf)?\s{0,512}<[a-z!?]/i;
/** what script builds a file with, and hands it to the reader with */
const sinks = ['createObjectURL', 'msSaveOrOpenBlob', 'msSaveBlob', 'new Blob', 'new File(', 'showSaveFilePicker'];
const sources = ['atob', 'fromCharCode', 'Uint8Array', 'unescape(', 'decodeURIComponent(', 'charCodeAt'];
const inertTypes = /^(?:image\/(?!svg)|font\/|application\/(?:x-)?font|text\/css|audio\/|video\/)/;

export const htmlCarrier: Opener = {
  id: 'html',
  matches(file: OpenFile): boolean {
    if (isDeclared(file)) return true;
    if (!isText(file)) return false;
    // What is shown as plain text acts only where readers take it for a page.
    if (file.declaredType === 'text/plain') return readableTexts(file).some((text) => isMarkup(file, text));
    return file.content.includes(0x3c) || file.content.includes('data:') || /data\s{0,8}:/i.test(headOf(file.content));
  },
  async open(file: OpenFile, out: OpenOutput): Promise<void> {
    const collector = new Collector(out);
    for (const text of readableTexts(file)) {
      if (!(await openText(file, text, collector))) return;
    }
  },
};

/** Whether `open` would find nothing in a file that is neither markup nor script, asked with the same questions. */
export function addressesNothing(file: OpenFile): boolean {
  if (isDeclared(file)) return false;
  return readableTexts(file).every((text) => {
    if (isMarkup(file, text)) return false;
    const plain = withoutEntities(text);
    return holdsNoAddress(text) && (plain === text || holdsNoAddress(plain));
  });
}

function holdsNoAddress(text: Buffer): boolean {
  return dataUris(text, lowerCase(text)).next().done === true;
}

/** Members of one file, each content once. */
class Collector {
  readonly out: OpenOutput;
  readonly #digests = new Set<string>();
  #asked = 0;

  constructor(out: OpenOutput) {
    this.out = out;
  }

  async add(about: MemberAbout, content: Buffer): Promise<boolean> {
    if (this.out.exhausted) return false;
    if (content.length === 0) return true;
    this.#asked += 1;
    if (this.#asked > limits.open.membersMax) {
      this.out.problem('unpack-limit');
      return false;
    }
    const digest = createHash('sha256').update(content).digest('base64');
    if (this.#digests.has(digest)) return true;
    this.#digests.add(digest);
    return this.out.add(about, content);
  }
}

function headOf(content: Buffer): string {
  return content.toString('latin1', 0, 65_536);
}

function isDeclared({ declaredType, detectedType, names, charset }: OpenFile): boolean {
  const types = `${declaredType} ${detectedType ?? ''}`;
  if (markupType.test(types) || scriptType.test(types) || types.includes('css')) return true;
  return names.some((name) => markupName.test(name) || scriptName.test(name)) || /^utf-?7/.test(charset ?? '');
}

function isMarkup({ declaredType, detectedType, names }: OpenFile, text: Buffer): boolean {
  if (markupType.test(`${declaredType} ${detectedType ?? ''}`)) return true;
  return names.some((name) => markupName.test(name)) || markupStart.test(text.toString('latin1', 0, 600));
}

function isScript({ declaredType, detectedType, names }: OpenFile): boolean {
  return scriptType.test(`${declaredType} ${detectedType ?? ''}`) || names.some((name) => scriptName.test(name));
}

async function openText(file: OpenFile, written: Buffer, collector: Collector): Promise<boolean> {
  const { out } = collector;
  const markup = isMarkup(file, written);
  const plain = withoutEntities(written);
  // Entities that a document declares itself may hold any markup, written in references.
  const text = markup && /<!entity/i.test(headOf(written)) ? plain : written;
  const lower = lowerCase(text);
  const plainLower = plain === text ? lower : lowerCase(plain);
  const addresses = await addAddresses(text, lower, collector);
  const hidden = plain === text ? undefined : await addAddresses(plain, plainLower, collector);
  if (addresses === undefined || (plain !== text && hidden === undefined)) return false;
  if (!markup && !isScript(file)) return true;
  const facts: MarkupFacts = markup ? scanMarkup(lower) : { scripts: [], script: false, handlers: [] };
  const hiddenAddress = markup && plain !== text && scriptAddresses(plainLower).next().done === false;
  const acts = facts.script || facts.handlers.length > 0 || hiddenAddress;
  if (acts || addresses.redirect || hidden?.redirect === true) out.flag(partFlags.activeContent);
  if (markup && (addresses.download || hidden?.download === true)) out.flag(partFlags.htmlSmuggling);
  if (markup && !(await addInnerDocuments(text, lower, collector))) return false;
  const literals = await addLiterals(text, literalRanges(file, text, facts, hiddenAddress), collector);
  // What script decodes may stand anywhere in its page.
  const others = acts ? await addLiterals(text, [text], collector, true) : none;
  if (literals === undefined || others === undefined) return false;
  if (
    markup &&
    acts &&
    buildsFile(text, { count: literals.count + others.count, file: literals.file || others.file })
  ) {
    out.flag(partFlags.htmlSmuggling);
  }
  return true;
}

/** Script as bytes of its own: what elements hold as it stands, what attributes hold with its references decoded. */
function* literalRanges(
  file: OpenFile,
  text: Buffer,
  { scripts, handlers }: MarkupFacts,
  hiddenAddress: boolean,
): Generator<Buffer, void, undefined> {
  for (const { start, end } of scripts) yield text.subarray(start, end);
  for (const { start, end } of handlers) {
    const script = withoutEntities(text.subarray(start, end));
    yield script;
    // An address has its escapes decoded before it runs.
    if (script.includes(0x25)) yield percentDecoded(script);
  }
  if (isScript(file) || hiddenAddress || handlers.length >= rangesMax) yield text;
  if (hiddenAddress) yield withoutEntities(text);
}

interface Addresses {
  /** the page sends its reader to one */
  readonly redirect: boolean;
  /** one is offered to be saved */
  readonly download: boolean;
}

const none: Literals = { count: 0, file: false };

/** Undefined when a bound was reached. */
async function addAddresses(text: Buffer, lower: Buffer, collector: Collector): Promise<Addresses | undefined> {
  let redirect = false;
  let file = false;
  for (const found of dataUris(text, lower)) {
    const { header, start, end } = found;
    const inert = inertTypes.test(header.type);
    redirect ||= found.redirect && !inert;
    file ||= !inert;
    const names = inert ? [] : downloadNames(text, start, end);
    const about = { names, method: 'data-uri', declaredType: header.type, charset: header.charset };
    if (!(await collector.add(about, dataUriContent(header, text.subarray(header.end, end))))) return undefined;
  }
  return { redirect, download: file && hasDownload(lower) };
}

/** What the same element says the file is called. */
function downloadNames(text: Buffer, start: number, end: number): readonly string[] {
  const around = `${text.toString('latin1', Math.max(0, start - 200), start)} ${text.toString('latin1', end, end + 200)}`;
  const found = /download\s{0,8}=\s{0,8}(?:"([^"<>]{1,255})"|'([^'<>]{1,255})'|([^\s"'<>]{1,255}))/i.exec(around);
  const name = found?.[1] ?? found?.[2] ?? found?.[3];
  return name === undefined ? [] : [name];
}

/** `srcdoc` holds a document of its own. */
async function addInnerDocuments(text: Buffer, lower: Buffer, collector: Collector): Promise<boolean> {
  for (let at = lower.indexOf('srcdoc'); at >= 0; at = lower.indexOf('srcdoc', at + 6)) {
    const after = lower[at + 6] ?? 0;
    if (after !== 0x3d && after > 0x20) continue;
    const opening = /^srcdoc\s{0,64}=\s{0,64}(["'])/.exec(lower.toString('latin1', at, at + 140));
    if (opening === null) continue;
    const start = at + opening[0].length;
    const close = text.indexOf(opening[1] ?? '"', start);
    const content = withoutEntities(text.subarray(start, close < 0 ? text.length : close));
    const about = { names: [], method: 'srcdoc', declaredType: 'text/html', charset: 'utf-8' };
    if (!(await collector.add(about, content))) return false;
    if (close < 0) break;
    at = close;
  }
  return true;
}

interface Literals {
  readonly count: number;
  /** one of them is a file of a known kind that is no image */
  readonly file: boolean;
}

async function addLiterals(
  text: Buffer,
  scripts: Iterable<Buffer>,
  collector: Collector,
  unquoted = false,
): Promise<Literals | undefined> {
  const escaped = text.includes('unescape') || text.includes('decodeURI');
  let count = 0;
  let file = false;
  for (const script of scripts) {
    const contents = unquoted ? unquotedFiles(script) : literalFiles(script, 0, script.length, escaped);
    for (const content of contents) {
      count += 1;
      file ||= beginsAsFile(content) && !isImage(content);
      if (!(await collector.add({ names: [], method: 'script-literal' }, content))) return undefined;
    }
  }
  return { count, file };
}

function isImage(content: Buffer): boolean {
  return /^(?:GIF8|\x89PNG|\xff\xd8\xff|<svg)/.test(content.toString('latin1', 0, 4));
}

/** A literal that is a file, or literals, something that decodes them and something that saves what comes out. */
function buildsFile(text: Buffer, literals: Literals): boolean {
  if (literals.file || callsFor(text, literals.count > 0)) return true;
  // Words that give it away are written in pieces, or letter by letter.
  return (text.includes('\\') || text.includes('+')) && callsFor(joinedScript(text), literals.count > 0);
}

function callsFor(text: Buffer, literals: boolean): boolean {
  if (!sinks.some((word) => text.includes(word))) return false;
  return (literals && sources.some((word) => text.includes(word))) || text.includes('atob');
}
