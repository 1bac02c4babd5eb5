/**
 * What a header block says about the body below it: type, boundary, transfer encoding, disposition and names. The one
 * reading that the framer follows, and problems wherever another reading is plausible.
 */
import { limits } from '../runtime/limits.js';
import { decodeWords } from './encoded-word.js';
import { decodeRaw, type Field, unfold } from './header.js';
import { type Parameters, parameterReadings, parseParameters } from './parameters.js';
import type { ProblemCode } from './problem.js';

/** RFC 2045 §6.1 */
export const transferEncodings = {
  sevenBit: '7bit',
  eightBit: '8bit',
  binary: 'binary',
  base64: 'base64',
  quotedPrintable: 'quoted-printable',
} as const;
export type TransferEncoding = (typeof transferEncodings)[keyof typeof transferEncodings];

export interface EntityFacts {
  /** lower case `type/subtype` */
  readonly type: string;
  readonly boundary: string | undefined;
  readonly encoding: TransferEncoding;
  /** an encoding was named that nobody here can undo */
  readonly encodingUnknown: boolean;
  /** lower case; undefined when absent */
  readonly disposition: string | undefined;
  /** every candidate name, decoded and raw */
  readonly names: readonly string[];
  readonly charset: string | undefined;
  /** smime-type of application/pkcs7-mime (RFC 8551 §3.2.2), lower case */
  readonly smimeType: string | undefined;
}

const knownEncodings = new Set<string>(Object.values(transferEncodings));
const typePattern = /^[ \t]*([a-z0-9!#$%&'*+.^_`{|}~-]+)\/([a-z0-9!#$%&'*+.^_`{|}~-]+)[ \t]*(?:;|$)/i;
/** RFC 2046 §5.1.1 bchars */
const boundaryPattern = /^[0-9A-Za-z'()+_,./:=? -]*[0-9A-Za-z'()+_,./:=?-]$/;
const boundaryKey = /oundary/i;
const boundaryKeys = /oundary[^a-z"=;]{0,32}=/gi;
/** what some readers take for something other than characters: an encoded word, half a comment, dashes alone */
const oddBoundary = /^[ \t]|=\?|^-*$/;
/** characters of an encoding's field that are looked at; longer ones are odd already */
const encodingCharacters = 4096;
const oneWord = /^[a-z][a-z0-9-]*$/i;
const nameBytes = 1024;
const namesMax = 64;

interface MimeFields {
  readonly types: string[];
  readonly encodings: string[];
  readonly dispositions: string[];
  readonly versions: string[];
}

function collect(raw: Buffer, fields: readonly Field[]): MimeFields {
  const found: MimeFields = { types: [], encodings: [], dispositions: [], versions: [] };
  for (const field of fields) {
    const length = field.name.length;
    if (length !== 12 && length !== 25 && length !== 19) continue;
    const name = field.name.toLowerCase();
    if (name === 'content-type') found.types.push(unfold(raw, field));
    else if (name === 'content-transfer-encoding') found.encodings.push(unfold(raw, field));
    else if (name === 'content-disposition') found.dispositions.push(unfold(raw, field));
    else if (name === 'mime-version') found.versions.push(unfold(raw, field));
  }
  return found;
}

/**
 * @param defaultType `text/plain`, or `message/rfc822` inside multipart/digest (RFC 2046 §5.1.5)
 * @param message whether the block belongs to a message, where MIME-Version is expected
 * @param problems codes found are added here
 */
export function readEntity(
  raw: Buffer,
  fields: readonly Field[],
  defaultType: string,
  message: boolean,
  problems: Set<ProblemCode>,
): EntityFacts {
  const found = collect(raw, fields);
  if (found.types.length > 1) problems.add('type-duplicate');
  const { type, parameters } = readType(found.types[0], defaultType, problems);
  const { encoding, unknown } = readEncoding(found.encodings, problems);
  if (message) checkVersion(found, problems);

  const names = new Set<string>();
  const addNames = (source: Parameters, name: string) => {
    for (const reading of parameterReadings(source, name, problems)) {
      if (reading !== '' && names.size < namesMax) names.add(reading.slice(0, nameBytes));
      // Single quotes are part of a name by the standard, and none to many programs.
      const bare = /^'([^']+)'$/.exec(reading)?.[1];
      if (bare !== undefined && names.size < namesMax) names.add(bare.slice(0, nameBytes));
    }
  };
  let disposition: string | undefined;
  if (found.dispositions.length > 1) problems.add('disposition-duplicate');
  for (const text of found.dispositions) {
    const end = parametersStart(text);
    const value = (end < 0 ? text : text.slice(0, end)).trim().toLowerCase();
    // When in doubt it is an attachment.
    if (disposition === undefined || value === 'attachment') disposition = value.slice(0, 64);
    if (end >= 0) {
      const dispositionParameters = parseParameters(text, end);
      for (const code of dispositionParameters.problems) problems.add(code);
      addNames(dispositionParameters, 'filename');
      addNames(dispositionParameters, 'name');
    }
  }
  for (const text of found.types) {
    const other = text === found.types[0] ? parameters : readParameters(text, problems);
    addNames(other, 'name');
    addNames(other, 'filename');
  }

  const multipart = type.startsWith('multipart/');
  if (multipart && encoding !== '7bit' && encoding !== '8bit' && encoding !== 'binary') {
    problems.add('encoding-on-multipart');
  }
  return {
    type,
    boundary: readBoundary(found.types[0] ?? '', parameters, multipart, problems),
    encoding,
    encodingUnknown: unknown,
    disposition,
    names: [...names],
    charset: parameterReadings(parameters, 'charset', problems)[0]?.toLowerCase(),
    smimeType: parameterReadings(parameters, 'smime-type', problems)[0]?.toLowerCase(),
  };
}

/**
 * Where the parameters of a disposition begin; -1 when there are none. Programs forget the disposition itself, or the
 * semicolon behind it, and readers find the name all the same.
 */
function parametersStart(text: string): number {
  const end = text.indexOf(';');
  const value = end < 0 ? text : text.slice(0, end);
  const early = value.indexOf('=') < 0 ? -1 : value.search(/(?:file)?name\*?[0-9*]{0,6}\s{0,8}=/i);
  return early < 0 ? end : early;
}

function readParameters(text: string, problems: Set<ProblemCode>): Parameters {
  const end = text.indexOf(';');
  const parameters = parseParameters(text, end < 0 ? text.length : end);
  for (const code of parameters.problems) problems.add(code);
  return parameters;
}

function readType(
  text: string | undefined,
  defaultType: string,
  problems: Set<ProblemCode>,
): { type: string; parameters: Parameters } {
  if (text === undefined) return { type: defaultType, parameters: { list: [], problems: new Set() } };
  const parameters = readParameters(text, problems);
  const match = typePattern.exec(text);
  if (match !== null) return { type: `${match[1]}/${match[2]}`.toLowerCase(), parameters };
  if (oneWord.test(text)) {
    problems.add('type-without-subtype');
    return { type: defaultType, parameters };
  }
  problems.add('type-odd');
  // RFC 2045 §5.2 makes it text/plain; what looks like a type anywhere in it is closer to what lenient readers do.
  const loose = /([a-z0-9.+-]+)\s*\/\s*([a-z0-9.+-]+)/i.exec(text.slice(0, 256).replace(/["\x00]|\([^)]*\)/g, ''));
  const type = loose === null ? 'application/octet-stream' : `${loose[1]}/${loose[2]}`.toLowerCase();
  return { type, parameters };
}

function readEncoding(
  values: readonly string[],
  problems: Set<ProblemCode>,
): { encoding: TransferEncoding; unknown: boolean } {
  const text = values[0];
  if (values.length > 1) problems.add('encoding-duplicate');
  if (text === undefined) return { encoding: '7bit', unknown: false };
  const exact = text.slice(0, encodingCharacters).toLowerCase();
  if (knownEncodings.has(exact)) return { encoding: exact as TransferEncoding, unknown: false }; // member of the set
  problems.add('encoding-odd');
  const first = /[a-z0-9-]+/.exec(exact.replace(/\([^)]*\)/g, ' '))?.[0] ?? '';
  if (knownEncodings.has(first)) return { encoding: first as TransferEncoding, unknown: false }; // member of the set
  problems.add('encoding-unknown');
  return { encoding: 'binary', unknown: true };
}

function checkVersion(found: MimeFields, problems: Set<ProblemCode>): void {
  const mime = found.types.length + found.encodings.length + found.dispositions.length > 0;
  if (found.versions.length === 0) {
    if (mime) problems.add('mime-version-missing');
    return;
  }
  // RFC 2045 §4 allows comments: Apple Mail writes `1.0 (Mac OS X Mail 16.0 \(3731\))`
  if (found.versions.length > 1 || !/^1\.0\s*(?:\(.*\))?$/.test(found.versions[0] ?? '')) {
    problems.add('mime-version-odd');
  }
}

function readBoundary(
  text: string,
  parameters: Parameters,
  multipart: boolean,
  problems: Set<ProblemCode>,
): string | undefined {
  const named = parameters.list.filter(({ name }) => name === 'boundary' || name.startsWith('boundary*'));
  // The key inside of another value, or with junk around it, is the key all the same for readers that search for it.
  const keys = boundaryKey.test(text) ? (text.match(boundaryKeys)?.length ?? 0) : 0;
  if (!multipart) {
    if (named.length > 0 || keys > 0) problems.add('boundary-on-leaf');
    return undefined;
  }
  if (keys !== named.length) problems.add('boundary-ambiguous');
  if (parameters.problems.has('parameter-odd')) problems.add('boundary-ambiguous');
  const first = named[0];
  if (named.length > 1 || (first !== undefined && (first.variants.length > 0 || first.name !== 'boundary'))) {
    problems.add('boundary-ambiguous');
  }
  const value = first?.name === 'boundary' ? first.value : parameterReadings(parameters, 'boundary', problems)[0];
  // RFC 2046 §5.1.1: blanks at the end are the transport's
  const boundary = value === undefined ? undefined : trimEndBlanks(value);
  if (boundary === undefined || boundary === '') {
    problems.add('boundary-missing');
    return undefined;
  }
  if (boundary.length > limits.mime.boundaryBytes) {
    problems.add('boundary-too-long');
    return undefined;
  }
  // Single quotes are part of the value, but some readers take them off.
  const plain = boundary === value && boundary.length <= 70 && boundaryPattern.test(boundary);
  if (!plain || halfComment(boundary) || boundary.startsWith("'") || oddBoundary.test(boundary)) {
    problems.add('boundary-odd');
  }
  // A delimiter line cannot hold a line end.
  return /[\r\n]/.test(boundary) ? undefined : boundary;
}

/** Sun's mailers write `Boundary_(ID_…)`, so parentheses as such are nothing odd. */
function halfComment(boundary: string): boolean {
  return /[()]/.test(boundary) && boundary.split('(').length !== boundary.split(')').length;
}

function trimEndBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === ' ' || text[end - 1] === '\t')) end -= 1;
  return text.slice(0, end);
}

/** A field's text for people: encoded words and raw UTF-8 decoded, bounded, control characters replaced. */
export function displayText(raw: Buffer, field: Field, charactersMax: number): string {
  const text = unfold(raw, field).slice(0, charactersMax * 8);
  return decodeRaw(decodeWords(text))
    .replace(/[\x00-\x1f\x7f]+/g, ' ')
    .trim()
    .slice(0, charactersMax);
}
