/** The records of a binary workbook ([MS-XLS] §2.3) that tell of macros, data exchange and encryption. */

export interface WorkbookFacts {
  readonly macroSheet: boolean;
  /** a macro sheet has a name that Excel runs when the workbook is opened or closed */
  readonly autorun: boolean;
  readonly dde: boolean;
  readonly encrypted: boolean;
}

const records = { filePass: 0x2f, name: 0x18, boundSheet: 0x85, supBook: 0x1ae, oldBoundSheet: 0x8f } as const;
const beginnings: ReadonlySet<number> = new Set([0x0009, 0x0209, 0x0409, 0x0809]);
/** substreams of this kind are macro sheets ([MS-XLS] §2.4.21), in old files the only sign of them */
const macroSubstream = 0x40;
const builtin = 0x20;
/** built-in names ([MS-XLS] §2.4.150): Auto_Open, Auto_Close, Auto_Activate, Auto_Deactivate */
const builtinAuto: ReadonlySet<number> = new Set([1, 2, 10, 11]);
const autoName = /^auto_?(?:open|close|activate|deactivate)/i;

/** Whether bytes begin as a workbook does, in a compound file or, before Excel 5, on their own. */
export function isWorkbook(stream: Buffer): boolean {
  if (stream.length < 8 || !beginnings.has(stream.readUInt16LE(0))) return false;
  const size = stream.readUInt16LE(2);
  const kind = stream.readUInt16LE(6);
  return (
    size >= 4 &&
    size <= 16 &&
    (kind === 0x05 || kind === 0x06 || kind === 0x10 || kind === 0x20 || kind === 0x40 || kind === 0x100)
  );
}

export function workbookFacts(stream: Buffer): WorkbookFacts {
  let [macroSheet, autorun, dde, encrypted] = [false, false, false, false];
  for (let at = 0; at + 4 <= stream.length; ) {
    const kind = stream.readUInt16LE(at);
    const body = stream.subarray(at + 4, at + 4 + stream.readUInt16LE(at + 2));
    at += 4 + body.length;
    if (body.length < 4) continue;
    if (beginnings.has(kind)) macroSheet ||= body.readUInt16LE(2) === macroSubstream;
    else if (kind === records.filePass) encrypted = true;
    // The type of a sheet stays readable when everything else is encrypted but where it begins.
    else if (kind === records.boundSheet && !encrypted) macroSheet ||= body[5] === 1;
    else if (kind === records.name && !encrypted) autorun ||= isAutoName(body);
    else if (kind === records.supBook && !encrypted) dde ||= isDynamicExchange(body);
  }
  return { macroSheet, autorun: autorun && macroSheet, dde, encrypted };
}

/** The name stands behind 14 bytes; since Excel 97 a byte of its own says how it is written. */
function isAutoName(body: Buffer): boolean {
  if (body.length < 15) return false;
  const length = body.readUInt8(3);
  if ((body.readUInt16LE(0) & builtin) !== 0) {
    return builtinAuto.has(body[14] ?? 0xff) || (body[14] === 0 && builtinAuto.has(body[15] ?? 0xff));
  }
  const text = body.toString('latin1', 14, 15 + length * 2).replaceAll('\0', '');
  return autoName.test(text.replace(/^\x01/, ''));
}

/** A link with a program and a topic, divided by U+0003 ([MS-XLS] §2.5.277); links to files have no such division. */
function isDynamicExchange(body: Buffer): boolean {
  const length = body.readUInt16LE(2);
  if (length < 3 || length > 255) return false;
  const text = body.toString('latin1', 5, 5 + length * 2).replaceAll('\0', '');
  return /^[\w .-]{1,64}\x03/.test(text);
}
