/**
 * What is odd about the name of a file, and which extension a reader's system takes from it. It knows characters and
 * how systems store names, not what an extension does.
 */

/** One candidate name, looked at once for all rules. */
export interface NameFacts {
  /** lower case, without the dot, as some system stores them; without repeats */
  readonly extensions: readonly string[];
  /** the extension in front of the last one: `pdf` of `invoice.pdf.exe`; empty when there is none */
  readonly inner: string;
  /** U+202D or U+202E: the letters behind it are shown in another order */
  readonly bidiOverride: boolean;
  /** other controls of direction that no keyboard types */
  readonly bidiControl: boolean;
  /** characters without width in the extension or around its dot */
  readonly hiddenInExtension: boolean;
  /** the dot of the extension is another character that looks like one */
  readonly lookalikeDot: boolean;
  /** `::$DATA` or the name of another stream, which NTFS takes off */
  readonly stream: boolean;
  readonly nul: boolean;
  /** `.{CLSID}` at the end, which Explorer hides and obeys */
  readonly classId: boolean;
  /** so many blanks in front of the extension that it is out of sight */
  readonly padded: boolean;
  /** climbs out of the folder that it is saved to */
  readonly traversal: boolean;
}

/** characters of a name that are looked at, at its beginning and at its end */
const lookedAt = 1024;

const invisible = /\p{Default_Ignorable_Code_Point}/gu;
const dotLike = /[\u2024\ufe52\uff0e]/g;
/** what systems and mail programs take off the end of a name, or cannot store there */
const endJunk = /[\s."'<>|*?;,:/\\\x00-\x1f\u00a0]{1,64}$/;
const plainName = /^[\w ()+,&@#%=~-]*(?:\.[\w-]+)*$/;

export function nameFacts(name: string): NameFacts {
  const text = name.length <= lookedAt * 2 ? name : name.slice(0, lookedAt) + name.slice(-lookedAt);
  if (plainName.test(text)) return { ...quiet, extensions: unique([extensionOf(text)]), inner: innerOf(text) };
  const shown = text.replace(invisible, '');
  const plain = shown.replace(dotLike, '.').normalize('NFKC');
  const cut = plain.split('\0', 1)[0] ?? '';
  const stream = /^(.*?[^:]):(?:[^:/\\\s][^:/\\]{0,255})?(?::\$[A-Za-z_]{1,30})?$/s.exec(baseName(plain));
  const readings = [plain, cut, plain.replaceAll('\0', ''), stream?.[1] ?? plain].map(trimmed);
  const lastDot = text.replace(dotLike, '.').lastIndexOf('.');
  const tail = lastDot === -1 ? '' : text.slice(Math.max(0, lastDot - 1));
  const base = trimmed(plain);
  return {
    extensions: unique(readings.map(extensionOf)),
    inner: innerOf(base),
    bidiOverride: /[\u202d\u202e]/.test(text),
    bidiControl: /[\u202a\u202b\u2066-\u2069]/.test(text),
    hiddenInExtension: tail.length > 1 && tail.length <= 32 && tail.replace(invisible, '') !== tail,
    lookalikeDot: /[\u2024\ufe52\uff0e][A-Za-z0-9]{1,12}$/.test(trimmed(shown)),
    stream: /:\$(?:data|index_allocation|bitmap)\b/i.test(plain) || /\.\w+$/.test(stream?.[1] ?? ''),
    nul: text.includes('\0'),
    classId: /\.\{[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}$/i.test(base),
    padded: / {8}\.[^\s.]{1,12}$/.test(base.replace(/[\s\u2800\u3164]/g, ' ')),
    traversal: /(?:^|[/\\])\.\.[/\\]/.test(plain),
  };
}

const quiet: NameFacts = {
  extensions: [],
  inner: '',
  bidiOverride: false,
  bidiControl: false,
  hiddenInExtension: false,
  lookalikeDot: false,
  stream: false,
  nul: false,
  classId: false,
  padded: false,
  traversal: false,
};

const trimmed = (name: string): string => name.replace(endJunk, '');
const baseName = (name: string): string => name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
const unique = (list: readonly string[]): string[] => [...new Set(list)].filter((one) => one !== '');

function extensionOf(name: string): string {
  const base = baseName(name);
  const dot = base.lastIndexOf('.');
  return dot === -1
    ? ''
    : base
        .slice(dot + 1)
        .trim()
        .toLowerCase();
}

/** Blanks around the inner dot are how the outer one is pushed out of sight. */
function innerOf(name: string): string {
  const base = baseName(name);
  const dot = base.lastIndexOf('.');
  return dot === -1 ? '' : extensionOf(base.slice(0, dot).trimEnd());
}
