/** Tells programs of all systems by their headers: what kind of code it is, for its type and its category. */

export const programTypes = {
  windows: 'application/vnd.microsoft.portable-executable',
  dos: 'application/x-dosexec',
  windows16: 'application/x-ms-ne-executable',
  elf: 'application/x-executable',
  mach: 'application/x-mach-binary',
  /** of every system: DLL, .so and .dylib; there is no registered type for any of them */
  sharedLibrary: 'application/x-sharedlib',
  javaClass: 'application/x-java-applet',
  dex: 'application/vnd.android.dex',
} as const;
export type ProgramType = (typeof programTypes)[keyof typeof programTypes];

/** IMAGE_FILE_DLL of the PE header's characteristics */
const dllFlag = 0x2000;
const elfDynamic = 3;
const elfInterpreter = 3;
/** program headers looked through for an interpreter; linkers write a dozen */
const elfHeadersMax = 64;
/** MH_DYLIB, MH_BUNDLE */
const machLibraries = new Set([6, 8]);
/** a fat binary has few architectures, and a class file a major version of 45 or more, in the same place */
const fatArchitecturesMax = 42;

/** The type of a program; undefined when the content does not begin as one. A whole file or its head will do. */
export function programType(bytes: Buffer): ProgramType | undefined {
  if (bytes.length < 28) return undefined;
  const word = bytes.readUInt16BE(0);
  if (word === 0x4d5a || word === 0x5a4d) return mzType(bytes);
  switch (bytes.readUInt32BE(0)) {
    case 0x7f454c46:
      return isElfLibrary(bytes) ? programTypes.sharedLibrary : programTypes.elf;
    case 0xfeedface:
    case 0xfeedfacf:
      return machLibraries.has(bytes.readUInt32BE(12)) ? programTypes.sharedLibrary : programTypes.mach;
    case 0xcefaedfe:
    case 0xcffaedfe:
      return machLibraries.has(bytes.readUInt32LE(12)) ? programTypes.sharedLibrary : programTypes.mach;
    case 0xcafebabe:
      return bytes.readUInt32BE(4) <= fatArchitecturesMax ? programTypes.mach : programTypes.javaClass;
    case 0xcafebabf:
      return programTypes.mach;
    case 0x6465780a:
    case 0x6465790a:
      return /^\d{3}\0/.test(bytes.toString('latin1', 4, 8)) ? programTypes.dex : undefined;
    default:
      return undefined;
  }
}

/** Two letters alone may begin any text: without a header behind them the numbers of the DOS header have to fit. */
function mzType(bytes: Buffer): ProgramType | undefined {
  if (bytes.length >= 64) {
    const at = bytes.readUInt32LE(60);
    if (at + 24 <= bytes.length) {
      const signature = bytes.readUInt32LE(at);
      if (signature === 0x4550) {
        return (bytes.readUInt16LE(at + 22) & dllFlag) === 0 ? programTypes.windows : programTypes.sharedLibrary;
      }
      const short = signature & 0xffff;
      if (short === 0x454e || short === 0x454c || short === 0x584c) return programTypes.windows16;
    }
  }
  const [lastPage, pages, headerParagraphs] = [bytes.readUInt16LE(2), bytes.readUInt16LE(4), bytes.readUInt16LE(8)];
  const plausible = lastPage < 512 && pages > 0 && headerParagraphs >= 2 && headerParagraphs <= pages * 32;
  return plausible ? programTypes.dos : undefined;
}

/** A position-independent program and a library have one type; only the program names its interpreter. */
function isElfLibrary(bytes: Buffer): boolean {
  if (bytes.length < 64) return false;
  const little = bytes[5] === 1;
  const wide = bytes[4] === 2;
  const short = (at: number) => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const long = (at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  if (short(16) !== elfDynamic) return false;
  // Offsets beyond 4 GiB are not met: the high half of a 64-bit field is left out.
  const table = wide ? long(little ? 32 : 36) : long(28);
  const size = short(wide ? 54 : 42);
  const count = Math.min(elfHeadersMax, short(wide ? 56 : 44));
  for (let index = 0; index < count; index += 1) {
    const at = table + index * size;
    if (at + 4 > bytes.length) break;
    if (long(at) === elfInterpreter) return false;
  }
  return true;
}
