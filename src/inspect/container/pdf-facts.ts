/** What the objects of a PDF say that matters: actions, scripts, forms and embedded files. Values in, facts out. */
import { PdfDictionary, PdfName, PdfReference, type PdfValue, pdfText } from './pdf-syntax.js';

/** The object that a value was found in, which is what its encryption depends on. */
export interface PdfPlace {
  readonly number: number;
  readonly generation: number;
  /** false in object streams, whose strings are not encrypted on their own */
  readonly encrypted: boolean;
}

export interface FoundScript {
  /** a string, or a reference to a string or stream */
  readonly source: PdfValue;
  readonly place: PdfPlace;
}

/** a path to another machine, which is asked for the reader's credentials */
const elsewhere = /^(?:\\\\|\/\/|file:|https?:)/i;
/** scripts of forms are as many as fields; of everything else there is one or a few */
const scriptsMax = 10_000;
const keptMax = 64;
/** keys of a file specification that hold a name */
const fileKeys = ['UF', 'F', 'Unix', 'DOS', 'Mac', 'Desc'];

export class PdfFacts {
  launch = false;
  /** an action called JavaScript without a script that could be read */
  javascript = false;
  readonly scripts: FoundScript[] = [];
  readonly forms: PdfReference[] = [];
  /** names by the number of the stream that holds the file */
  readonly fileNames = new Map<number, Set<string>>();
  readonly encryption: PdfValue[] = [];
  readonly ids: Buffer[] = [];
  readonly #text: (bytes: Buffer, place: PdfPlace) => string;

  /** @param text the text of a string in a place, decrypted when that is needed */
  constructor(text: (bytes: Buffer, place: PdfPlace) => string = (bytes) => pdfText(bytes)) {
    this.#text = text;
  }

  /** Takes in everything in one object. The values were read with bounded nesting. */
  add(value: PdfValue, place: PdfPlace): void {
    if (Array.isArray(value)) {
      for (const one of value) this.add(one, place);
    } else if (value instanceof PdfDictionary) {
      this.#dictionary(value, place);
      for (const [, one] of value.entries) this.add(one, place);
    }
  }

  /** Each key may be there a thousand times, so whatever looks at all entries is done once. */
  #dictionary(dictionary: PdfDictionary, place: PdfPlace): void {
    const actions = new Set<string>();
    const embedded: PdfValue[] = [];
    let script = false;
    for (const [key, value] of dictionary.entries) {
      if (key === 'S' && value instanceof PdfName) actions.add(value.text);
      else if (key === 'JS') {
        script = true;
        this.#script(value, place);
      } else if (key === 'EF') embedded.push(value);
      else if (key === 'XFA') this.#form(value);
      else if (key === 'Encrypt' && this.encryption.length < keptMax) this.encryption.push(value);
      else if (key === 'ID' && Array.isArray(value) && Buffer.isBuffer(value[0]) && this.ids.length < keptMax) {
        this.ids.push(value[0]);
      }
    }
    if (actions.has('Launch')) this.launch = true;
    if (actions.has('JavaScript') && !script) this.javascript = true;
    const remote = actions.has('GoToR') || actions.has('GoToE') || actions.has('ImportData');
    if (!remote && embedded.length === 0) return;
    const names = this.#names(dictionary, place);
    if (remote && names.some((name) => elsewhere.test(name))) this.launch = true;
    for (const value of embedded) this.#embedded(names, value);
  }

  #script(source: PdfValue, place: PdfPlace): void {
    if (this.scripts.length < scriptsMax) this.scripts.push({ source, place });
    else this.javascript = true;
  }

  #form(value: PdfValue): void {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one instanceof PdfReference && this.forms.length < keptMax) this.forms.push(one);
    }
  }

  /** The streams of an embedded file, one for each system. */
  #embedded(names: readonly string[], value: PdfValue): void {
    if (!(value instanceof PdfDictionary)) return;
    for (const [, stream] of value.entries) {
      if (!(stream instanceof PdfReference)) continue;
      const known = this.fileNames.get(stream.number) ?? new Set();
      for (const name of names.slice(0, keptMax - known.size)) known.add(name);
      this.fileNames.set(stream.number, known);
    }
  }

  #names(specification: PdfDictionary, place: PdfPlace): string[] {
    const names: string[] = [];
    for (const [key, value] of specification.entries) {
      if (!fileKeys.includes(key)) continue;
      if (Buffer.isBuffer(value)) names.push(this.#text(value, place));
      else if (value instanceof PdfDictionary) names.push(...this.#names(value, place));
    }
    return names.filter((name) => name !== '');
  }
}

/** functions of Acrobat's forms that format, check and add up fields, called with plain values */
const formCall =
  /^AF(?:Number|Percent|Date|Time|Special|Range|Simple|Make|Merge|ExactMatch|Parse)\w{0,32}\([^()]{0,1024}(?:\([^()]{0,256}\)[^()]{0,256}){0,4}\)$/;

/** Whether a script only does the arithmetic of a form, as forms made by Acrobat and others have it in every field. */
export function isFormArithmetic(script: string): boolean {
  if (script.length > 4096) return false;
  const statements = script.split(/[;\r\n]+/).map((statement) => statement.trim());
  return statements.every((statement) => statement === '' || formCall.test(statement));
}
