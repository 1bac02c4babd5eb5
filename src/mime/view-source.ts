/**
 * The bytes in which readings are sought, indexed once: runs of dashes, lines that begin like a MIME field, long runs
 * of base64 and the marks of older encodings. Every later question costs the logarithm of their number, so that it does
 * not matter how many boundaries an attacker names. It knows no structure.
 */

/** runs of dashes that are indexed; honest mail has some thousands */
const runsMax = 262_144;
/** characters behind a run that it is sorted by; what is longer is compared byte by byte */
const keyCharacters = 72;
/** characters of base64 in one run that no prose has */
const base64RunBytes = 40;
/** runs of base64 closer than this count as one */
const base64StepBytes = 4096;
const fieldsMax = 65_536;
/** boundaries whose places are remembered */
const placesMax = 1024;

const partField =
  /(?:^|[\r\n\v\f\0])[^\S\r\n]{0,16}(?:content-(?:type|transfer-encoding|disposition)|mime-version)[^\S\r\n]{0,16}:/gi;

const base64Bytes = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/') {
  base64Bytes[char.charCodeAt(0)] = 1;
}

/** A place where `--` and a boundary stand. */
export interface DelimiterPlace {
  readonly at: number;
  /** behind the boundary itself */
  readonly tail: number;
  /** the same letters, but not in the same case */
  readonly folded: boolean;
}

interface Run {
  readonly start: number;
  readonly end: number;
  readonly key: string;
}

export class ViewSource {
  readonly bytes: Buffer;
  /** distinguishes sources in memo keys */
  readonly id: number;
  /** false when there was more than is indexed */
  complete = true;
  readonly #text: string;
  readonly #runs: Run[] = [];
  #sorted: Run[] | undefined;
  #base64Runs: number[] | undefined;
  #partFields: number[] | undefined;
  readonly #marks = new Map<string, number[]>();
  readonly #places = new Map<string, readonly DelimiterPlace[]>();

  constructor(bytes: Buffer, id: number) {
    this.bytes = bytes;
    this.id = id;
    this.#text = bytes.toString('latin1');
    this.#indexRuns();
  }

  text(start: number, end: number): string {
    return this.#text.slice(start, end);
  }

  #indexRuns(): void {
    const { bytes } = this;
    for (let at = bytes.indexOf('--'); at >= 0; at = bytes.indexOf('--', at)) {
      let end = at + 2;
      while (bytes[end] === 0x2d) end += 1;
      if (this.#runs.length >= runsMax) {
        this.complete = false;
        return;
      }
      this.#runs.push({ start: at, end, key: this.#text.slice(end, end + keyCharacters).toLowerCase() });
      at = end;
    }
  }

  /** Every place of `--` and `boundary`, in order. */
  places(boundary: string): readonly DelimiterPlace[] {
    const known = this.#places.get(boundary);
    if (known !== undefined) return known;
    const rest = boundary.replace(/^-+/, '');
    const dashes = boundary.length - rest.length + 2;
    const found = rest === '' ? this.#dashesOnly(dashes) : this.#behindDashes(boundary, rest, dashes);
    found.sort((left, right) => left.at - right.at);
    // Boundaries that stand nowhere are found to do so again as cheaply as they would be remembered.
    if (found.length > 0) {
      if (this.#places.size >= placesMax) this.#places.clear();
      this.#places.set(boundary, found);
    }
    return found;
  }

  #behindDashes(boundary: string, rest: string, dashes: number): DelimiterPlace[] {
    this.#sorted ??= [...this.#runs].sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0));
    const sorted = this.#sorted;
    const lower = rest.toLowerCase();
    const key = lower.slice(0, keyCharacters);
    let from = 0;
    let to = sorted.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((sorted[middle]?.key ?? '') < key) from = middle + 1;
      else to = middle;
    }
    const found: DelimiterPlace[] = [];
    for (let index = from; index < sorted.length; index += 1) {
      const run = sorted[index];
      if (run === undefined || !run.key.startsWith(key)) break;
      if (run.end - run.start < dashes) continue;
      const tail = run.end + rest.length;
      const there = this.#text.slice(run.end, tail);
      const at = run.end - dashes;
      if (there === rest) found.push({ at, tail, folded: false });
      else if (there.toLowerCase() === lower && boundary !== '') found.push({ at, tail, folded: true });
    }
    return found;
  }

  /** A boundary of dashes alone: the run must be as long as the delimiter, or as the closing one. */
  #dashesOnly(dashes: number): DelimiterPlace[] {
    const found: DelimiterPlace[] = [];
    for (const run of this.#runs) {
      const length = run.end - run.start;
      if (length !== dashes && length !== dashes + 2) continue;
      // Two dashes and text are the delimiter of another boundary.
      if (!/^[\s\0]?$/.test(this.#text.slice(run.end, run.end + 1)) || !this.#behindLineEnd(run.start)) continue;
      found.push({ at: run.start, tail: run.start + dashes, folded: false });
    }
    return found;
  }

  /** Runs of dashes at the beginning of a line (behind blanks too) in a range, as `[start, end of the run]`. */
  *dashLines(start: number, end: number): Generator<readonly [number, number], void, undefined> {
    const runs = this.#runs;
    let from = 0;
    let to = runs.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((runs[middle]?.start ?? 0) < start) from = middle + 1;
      else to = middle;
    }
    for (let index = from; index < runs.length; index += 1) {
      const run = runs[index];
      if (run === undefined || run.start >= end) return;
      if (run.start === start || this.#behindLineEnd(run.start)) yield [run.start, run.end];
    }
  }

  #behindLineEnd(at: number): boolean {
    let before = at - 1;
    for (let count = 0; count < 64 && (this.bytes[before] === 0x20 || this.bytes[before] === 0x09); count += 1) {
      before -= 1;
    }
    const byte = this.bytes[before];
    return byte === undefined || byte === 0x0a || byte === 0x0d;
  }

  /** Whether a long run of base64 characters begins in a range. */
  hasBase64Run(start: number, end: number): boolean {
    this.#base64Runs ??= this.#indexBase64();
    return anyBetween(this.#base64Runs, start, end);
  }

  #indexBase64(): number[] {
    const { bytes } = this;
    const found: number[] = [];
    let length = 0;
    let last = -base64StepBytes;
    for (let at = 0; at < bytes.length; at += 1) {
      if (base64Bytes[bytes[at] as number] === 0) {
        length = 0; // at < bytes.length
        continue;
      }
      length += 1;
      if (length !== base64RunBytes) continue;
      length = 0;
      if (at - last < base64StepBytes) continue;
      last = at;
      found.push(at);
    }
    return found;
  }

  /** Whether `mark` stands in a range, in any case of its letters as given. */
  hasMark(mark: string, start: number, end: number): boolean {
    let places = this.#marks.get(mark);
    if (places === undefined) {
      places = [];
      for (let at = this.bytes.indexOf(mark); at >= 0 && places.length < fieldsMax; ) {
        places.push(at);
        at = this.bytes.indexOf(mark, at + mark.length);
      }
      this.#marks.set(mark, places);
    }
    return anyBetween(places, start, end);
  }

  /** Where lines that begin like a Content-* or MIME-Version field start, in a range. */
  partFields(start: number, end: number): readonly number[] {
    this.#partFields ??= this.#indexFields();
    const places = this.#partFields;
    return places.slice(firstFrom(places, start), firstFrom(places, end));
  }

  #indexFields(): number[] {
    const found: number[] = [];
    for (const match of this.#text.matchAll(partField)) {
      if (found.length >= fieldsMax) {
        this.complete = false;
        break;
      }
      found.push(match.index + (/^[\r\n\v\f\0]/.test(match[0]) ? 1 : 0));
    }
    return found;
  }
}

/** The index of the first of the sorted `places` that is not before `at`. */
export function firstFrom(places: readonly number[], at: number): number {
  let from = 0;
  let to = places.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((places[middle] ?? 0) < at) from = middle + 1;
    else to = middle;
  }
  return from;
}

function anyBetween(places: readonly number[], start: number, end: number): boolean {
  const place = places[firstFrom(places, start)];
  return place !== undefined && place < end;
}
