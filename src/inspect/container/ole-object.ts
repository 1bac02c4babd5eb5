/**
 * Objects that documents embed: the old form of OLE ([MS-OLEDS] §2.2), and the packages in which the Object Packager
 * puts a file. It takes them apart and knows which classes start something; it knows no document format.
 */

/** A packaged file, or only the path of one when it is a link. */
export interface OlePackage {
  /** as shown, as it was called, and as it is written before it is opened */
  readonly names: readonly string[];
  readonly content: Buffer;
}

export interface OleObject {
  readonly className: string;
  /** the object lies elsewhere; `topic` says where */
  readonly linked: boolean;
  readonly topic: string;
  readonly native: Buffer;
}

const classNameBytesMax = 256;
const pathBytesMax = 4096;

/** [MS-OLEDS] §2.2.4 and §2.2.5. Word minds neither the version nor what follows the data; nor does this. */
export function readOleObject(data: Buffer): OleObject | undefined {
  const cursor = new Cursor(data, 4);
  const format = cursor.number();
  const className = cursor.prefixed(classNameBytesMax);
  const topic = cursor.prefixed(pathBytesMax);
  const item = cursor.prefixed(pathBytesMax);
  if (className === undefined || topic === undefined || item === undefined) return undefined;
  const linked = format === 1;
  if (linked) return { className, linked, topic, native: data.subarray(cursor.at) };
  const size = cursor.number() ?? 0;
  return { className, linked, topic, native: data.subarray(cursor.at, Math.min(data.length, cursor.at + size)) };
}

/** A stream `\x01Ole10Native`: its size, then a package, or what some other server wrote. */
export function readOle10Native(stream: Buffer): OlePackage {
  const data = stream.subarray(4);
  return readPackage(data) ?? readPackage(stream) ?? { names: [], content: data };
}

/** What the Object Packager writes; there is no public specification of it. Undefined for anything else. */
export function readPackage(data: Buffer): OlePackage | undefined {
  if (data.length < 12 || data.readUInt16LE(0) !== 2) return undefined;
  const cursor = new Cursor(data, 2);
  const label = cursor.terminated(pathBytesMax);
  const path = cursor.terminated(pathBytesMax);
  if (label === undefined || path === undefined) return undefined;
  cursor.at += 2;
  const kind = cursor.short();
  if (kind !== 3) return { names: names([label, path]), content: Buffer.alloc(0) };
  const temporary = cursor.prefixed(pathBytesMax);
  const size = cursor.number();
  if (temporary === undefined || size === undefined) return undefined;
  const content = data.subarray(cursor.at, Math.min(data.length, cursor.at + size));
  // Newer versions repeat the three names as UTF-16 behind the data.
  const wide = new Cursor(data, cursor.at + size);
  return { names: names([label, path, temporary, ...[0, 1, 2].map(() => wide.wide(pathBytesMax))]), content };
}

/** The last part of each path: the rest tells of the sender's machine. */
function names(paths: readonly (string | undefined)[]): string[] {
  const last = paths.map((path) =>
    (path ?? '').slice(Math.max((path ?? '').lastIndexOf('\\'), (path ?? '').lastIndexOf('/')) + 1),
  );
  return [...new Set(last)].filter((name) => name !== '');
}

/** Reads forward in a buffer; undefined where it ends. */
class Cursor {
  readonly #data: Buffer;
  at: number;

  constructor(data: Buffer, at: number) {
    this.#data = data;
    this.at = at;
  }

  number(): number | undefined {
    if (this.at + 4 > this.#data.length) return undefined;
    this.at += 4;
    return this.#data.readUInt32LE(this.at - 4);
  }

  short(): number | undefined {
    if (this.at + 2 > this.#data.length) return undefined;
    this.at += 2;
    return this.#data.readUInt16LE(this.at - 2);
  }

  prefixed(most: number): string | undefined {
    const length = this.number();
    if (length === undefined || length > most || this.at + length > this.#data.length) return undefined;
    this.at += length;
    return this.#data.toString('latin1', this.at - length, this.at).replace(/\0.*$/s, '');
  }

  terminated(most: number): string | undefined {
    const end = this.#data.subarray(this.at, this.at + most).indexOf(0);
    if (end === -1) return undefined;
    const text = this.#data.toString('latin1', this.at, this.at + end);
    this.at += end + 1;
    return text;
  }

  wide(most: number): string | undefined {
    const length = this.number();
    if (length === undefined || length > most || this.at + length * 2 > this.#data.length) return undefined;
    this.at += length * 2;
    return this.#data.toString('utf16le', this.at - length * 2, this.at).replace(/\0.*$/s, '');
  }
}

/** Classes of programs whose objects people put into texts; what is not in here is a reason to look twice. */
const ordinaryClass =
  /^(?:Word\.|Excel\.|PowerPoint\.|Visio\.|MSGraph|MSPhotoEd|Paint\.Picture|PBrush|StaticMetafile|StaticDib|METAFILEPICT|DIB$|BITMAP$|Acro(?:Exch|bat)|MSProject|Equation\.DSMT|ShapewareVISIO|CorelDRAW|ChemDraw|ISISServer|Origin\d|Mathcad|AutoCAD|MSPaper|OrgPlusWOPX|WordPad|SoundRec|Photoshop)/i;

export const isOrdinaryClass = (className: string): boolean => ordinaryClass.test(className);

/** Class identifiers as stored whose objects start something or have been attacked, whatever the class's name says. */
const riskyClasses: ReadonlySet<string> = new Set([
  // Equation Editor 2 and 3
  '0017020000000000c000000000000046',
  '02ce020000000000c000000000000046',
  // packages
  '0c00030000000000c000000000000046',
  '20a70df22fc0ce11927b0800095ae340',
  // links, monikers, HTML and script
  '0003000000000000c000000000000046',
  '0903000000000000c000000000000046',
  '20693325f903cf118fd000aa00686f13',
  'd30b2906aa48d2118432006008c3fbfc',
  // web browser, Flash, common controls
  'c32ab2eac130cf11a7eb0000c05bae0b',
  '6edb7cd26daecf1196b8444553540000',
  '4bf0d1bd8b85d111b16a00c0f0283628',
]);

export const isRiskyClassId = (clsid: string): boolean => riskyClasses.has(clsid);
