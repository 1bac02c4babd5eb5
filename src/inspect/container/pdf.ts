/**
 * PDF files: embedded files become members; actions and scripts become flags. Every object in the file counts, whether
 * a cross-reference table leads to it or not, as readers repair tables and an update may have hidden it.
 */
import { limits } from '../../runtime/limits.js';
import { partFlags } from '../report.js';
import type { Opener, OpenFile, OpenOutput } from './opener.js';
import { cipherWithoutPassword, type PdfCipher } from './pdf-encryption.js';
import { isFormArithmetic, PdfFacts, type PdfPlace } from './pdf-facts.js';
import { decodeFilters } from './pdf-filter.js';
import { PdfDictionary, PdfParser, PdfReference, type PdfValue, pdfText } from './pdf-syntax.js';

/** bytes of anything that readers allow in front of the header (ISO 32000-1 Annex H) */
const headerWithin = 1024;
const objectWord = Buffer.from('obj');
const trailerWord = Buffer.from('trailer');
const streamEnd = Buffer.from('endstream');
const header = Buffer.from('%PDF-');
const formScript = /<(?:\w{1,16}:)?script\b[^>]{0,256}(?:javascript|formcalc)/i;

interface PdfObject {
  readonly number: number;
  readonly generation: number;
  readonly value: PdfValue;
  /** behind the word `stream`; undefined when the object is none */
  readonly dataAt: number | undefined;
}

export const pdfOpener: Opener = {
  id: 'pdf',
  matches: ({ content }) => content.subarray(0, headerWithin + header.length).includes(header),
  open: (file, out) => new PdfReader(file, out).read(),
};

class PdfReader {
  readonly #content: Buffer;
  readonly #out: OpenOutput;
  /** places of objects by number: an update repeats numbers, and readers may be led to any of them */
  readonly #places = new Map<number, number[]>();
  readonly #streams = new Map<number, PdfObject[]>();
  #objectsLeft: number = limits.document.pdfObjectsMax;
  #facts = new PdfFacts();
  #cipher: PdfCipher | undefined;
  /** encrypted with a password that we do not have */
  #locked = false;
  #rereadLeft: number;
  #lookLeft: number = limits.document.pdfLookBytes;
  /** in the order of the file */
  #streamEnds: readonly number[] | undefined;

  constructor({ content }: OpenFile, out: OpenOutput) {
    this.#content = content;
    this.#out = out;
    const { pdfRereadRatio, pdfRereadFreeBytes } = limits.document;
    this.#rereadLeft = content.length * pdfRereadRatio + pdfRereadFreeBytes;
  }

  async read(): Promise<void> {
    this.#scan();
    if (this.#facts.encryption.length > 0) this.#decrypt();
    for (const stream of this.#allStreams()) await this.#openObjectStream(stream);
    await this.#judgeScripts();
    await this.#openFiles();
    if (this.#facts.launch) this.#out.flag(partFlags.pdfLaunch);
    if (this.#rereadLeft < 0 || this.#lookLeft < 0 || this.#objectsLeft < 0) this.#out.problem('unpack-limit');
  }

  /** All objects and trailers in the order of the file. */
  #scan(): void {
    for (let at = this.#next(objectWord, 0); at !== -1; at = this.#next(objectWord, at + 3)) {
      const place = this.#objectNumber(at);
      if (place === undefined) continue;
      this.#objectsLeft -= 1;
      if (this.#objectsLeft < 0) break;
      const places = this.#places.get(place.number);
      if (places === undefined) this.#places.set(place.number, [at + 3]);
      else places.push(at + 3);
      const object = this.#objectAt(at + 3, place);
      this.#facts.add(object.value, place);
      if (object.dataAt === undefined) continue;
      const streams = this.#streams.get(place.number);
      if (streams === undefined) this.#streams.set(place.number, [object]);
      else streams.push(object);
    }
    const nowhere: PdfPlace = { number: 0, generation: 0, encrypted: false };
    for (let at = this.#next(trailerWord, 0); at !== -1; at = this.#next(trailerWord, at + 7)) {
      this.#facts.add(this.#readAt(at + 7).value, nowhere);
    }
  }

  /** Names are encrypted too, and the key is known only when everything was read once: so it is read again. */
  #decrypt(): void {
    const { encryption, ids } = this.#facts;
    this.#cipher = this.#findCipher(encryption, ids);
    if (this.#cipher === undefined) {
      this.#locked = true;
      this.#out.flag(partFlags.encrypted);
      return;
    }
    this.#facts = new PdfFacts((bytes, place) => pdfText(this.#plainString(bytes, place)));
    this.#places.clear();
    this.#streams.clear();
    this.#objectsLeft = limits.document.pdfObjectsMax;
    this.#scan();
  }

  *#allStreams(): Generator<PdfObject> {
    for (const streams of this.#streams.values()) yield* streams;
  }

  #next(word: Buffer, from: number): number {
    return this.#rereadLeft < 0 ? -1 : this.#content.indexOf(word, from);
  }

  /** The two numbers in front of the word `obj`; undefined when there are none, as in `endobj`. */
  #objectNumber(at: number): PdfPlace | undefined {
    const before = this.#content.toString('latin1', Math.max(0, at - 40), at);
    const match = /(\d{1,10})[\s\0]{1,8}(\d{1,10})[\s\0]{0,8}$/.exec(before);
    if (match === null) return undefined;
    return { number: Number(match[1]), generation: Number(match[2]), encrypted: true };
  }

  #readAt(at: number): { readonly value: PdfValue; readonly parser: PdfParser } {
    const parser = new PdfParser(this.#content, at);
    const value = parser.read();
    this.#rereadLeft -= parser.at - at;
    if (parser.cut) this.#out.problem('unpack-limit');
    return { value, parser };
  }

  #objectAt(at: number, { number, generation }: PdfPlace): PdfObject {
    const { value, parser } = this.#readAt(at);
    const isStream = value instanceof PdfDictionary && parser.passes('stream');
    return { number, generation, value, dataAt: isStream ? parser.at : undefined };
  }

  /**
   * Up to its declared length when the end is there, else to the next end that is found. Asked for only when all objects
   * are known, as the length may be an object behind the stream.
   */
  #dataOf({ value, dataAt }: PdfObject): Buffer | undefined {
    if (dataAt === undefined || !(value instanceof PdfDictionary)) return undefined;
    let start = dataAt;
    if (this.#content[start] === 13) start += 1;
    if (this.#content[start] === 10) start += 1;
    for (const length of this.#values(value.get('Length'))) {
      if (typeof length !== 'number' || length < 0) continue;
      const stop = Math.trunc(start + length);
      if (this.#content.subarray(stop, stop + 16).includes(streamEnd)) return this.#content.subarray(start, stop);
    }
    this.#streamEnds ??= placesOf(streamEnd, this.#content);
    const stop = firstFrom(this.#streamEnds, start) ?? this.#content.length;
    // The end of line in front of the word belongs to neither.
    const lines = this.#content.toString('latin1', Math.max(start, stop - 2), stop);
    return this.#content.subarray(start, stop - (/(?:\r\n|[\r\n])$/.exec(lines)?.[0].length ?? 0));
  }

  /** Undefined when an empty password undoes none of it. */
  #findCipher(encryption: readonly PdfValue[], ids: readonly Buffer[]): PdfCipher | undefined {
    for (const dictionary of encryption.flatMap((value) => this.#values(value))) {
      if (!(dictionary instanceof PdfDictionary)) continue;
      for (const id of [...ids.slice(0, 4), Buffer.alloc(0)]) {
        const cipher = cipherWithoutPassword(dictionary, id);
        if (cipher !== undefined) return cipher;
      }
    }
    return undefined;
  }

  /** What a value may stand for: itself, or every object with the number that it refers to. */
  #values(value: PdfValue): PdfValue[] {
    if (!(value instanceof PdfReference)) return [value];
    if (this.#rereadLeft < 0) return [];
    return (this.#places.get(value.number) ?? []).slice(0, 16).map((place) => this.#readAt(place).value);
  }

  #plainString(bytes: Buffer, { number, generation, encrypted }: PdfPlace): Buffer {
    if (!encrypted || this.#cipher === undefined) return bytes;
    return this.#cipher.string(bytes, number, generation);
  }

  /** @param bytesMax that the caller may still take */
  async #decode(stream: PdfObject, bytesMax: number): Promise<Buffer | undefined> {
    const { value, number, generation } = stream;
    if (this.#locked || bytesMax <= 0 || !(value instanceof PdfDictionary)) return undefined;
    const data = this.#dataOf(stream);
    if (data === undefined) return undefined;
    // Data may lie in each other too, and much of it may decode to nothing.
    this.#rereadLeft -= data.length;
    if (this.#rereadLeft < 0) return undefined;
    const raw = this.#cipher === undefined ? data : this.#cipher.stream(data, number, generation);
    const { content, cut } = await decodeFilters(raw, value, bytesMax);
    if (cut) this.#out.problem('unpack-limit');
    return content;
  }

  /** Decodes what is only looked at, within the bound for that. */
  async #look(stream: PdfObject): Promise<Buffer> {
    const content = await this.#decode(stream, Math.min(this.#lookLeft, this.#out.bytesLeft));
    this.#lookLeft -= content?.length ?? 0;
    return content ?? Buffer.alloc(0);
  }

  /** ISO 32000-1 §7.5.7. Readers do not insist on its type, so the two numbers are enough. */
  async #openObjectStream(stream: PdfObject): Promise<void> {
    if (!(stream.value instanceof PdfDictionary) || this.#out.exhausted) return;
    const first = stream.value.get('First');
    if (typeof first !== 'number' || typeof stream.value.get('N') !== 'number' || this.#lookLeft < 0) return;
    const content = await this.#look(stream);
    const index = new PdfParser(content, 0);
    for (;;) {
      const number = index.read();
      const offset = index.read();
      if (typeof number !== 'number' || typeof offset !== 'number' || index.at > first + 1) break;
      if (offset < 0 || first + offset >= content.length) continue;
      const parser = new PdfParser(content, first + offset);
      this.#facts.add(parser.read(), { number, generation: 0, encrypted: false });
      this.#lookLeft -= parser.at - first - offset;
      if (this.#lookLeft < 0) break;
    }
  }

  /** In a file that nobody can open they are noise. */
  async #judgeScripts(): Promise<void> {
    if (this.#locked) return;
    let active = this.#facts.javascript;
    for (const { source, place } of this.#facts.scripts) {
      if (active || this.#lookLeft < 0) break;
      for (const script of await this.#scriptTexts(source, place)) active ||= !isFormArithmetic(script);
    }
    for (const form of this.#facts.forms) {
      if (active || this.#lookLeft < 0) break;
      for (const stream of this.#streamsOf(form.number)) {
        active ||= formScript.test((await this.#look(stream)).toString('latin1'));
      }
    }
    if (active) this.#out.flag(partFlags.pdfJavascript);
  }

  async #scriptTexts(source: PdfValue, place: PdfPlace): Promise<string[]> {
    if (Buffer.isBuffer(source)) return [pdfText(this.#plainString(source, place))];
    if (!(source instanceof PdfReference)) return [];
    const texts: string[] = [];
    for (const value of this.#values(source)) {
      const origin = { number: source.number, generation: source.generation, encrypted: true };
      if (Buffer.isBuffer(value)) texts.push(pdfText(this.#plainString(value, origin)));
    }
    for (const stream of this.#streamsOf(source.number)) texts.push(pdfText(await this.#look(stream)));
    // A script that is nowhere to be found may be where only a reader finds it.
    return texts.length === 0 ? ['unknown'] : texts;
  }

  #streamsOf(number: number): readonly PdfObject[] {
    return this.#streams.get(number) ?? [];
  }

  async #openFiles(): Promise<void> {
    for (const stream of this.#allStreams()) {
      const names = this.#facts.fileNames.get(stream.number);
      const dictionary = stream.value;
      if (!(dictionary instanceof PdfDictionary)) continue;
      if (names === undefined && !dictionary.is('Type', 'EmbeddedFile')) continue;
      this.#out.flag(partFlags.pdfEmbeddedFile);
      if (this.#out.exhausted) return;
      const content = await this.#decode(stream, Math.min(this.#out.bytesLeft, limits.open.heldBytes));
      if (content === undefined) continue;
      if (!(await this.#out.add({ names: [...(names ?? [])], method: 'pdf' }, content))) return;
    }
  }
}

function placesOf(word: Buffer, content: Buffer): number[] {
  const places: number[] = [];
  for (let at = content.indexOf(word); at !== -1; at = content.indexOf(word, at + word.length)) places.push(at);
  return places;
}

/** The first of rising numbers that is not below this one. */
function firstFrom(places: readonly number[], least: number): number | undefined {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((places[middle] ?? 0) < least) low = middle + 1;
    else high = middle;
  }
  return places[low];
}
