/** Feeds of known bad files: text files of digests, each with a score and a name. Loaded whole and swapped whole. */
import { createHash } from 'node:crypto';
import type { ConfigProblem } from '../config/problem.js';
import { readListFile } from '../config/text-lines.js';
import type { PartFacts } from '../inspect/report.js';
import { type ByteTable, ByteTableBuilder } from '../runtime/byte-table.js';
import { limits } from '../runtime/limits.js';

export interface FeedMatch {
  readonly score: number;
  readonly name: string;
}

const digestForm = 'an MD5, SHA-1 or SHA-256 digest, then if wanted a score from 0 to 1 and a name';

/** What all feeds together say; of repeated digests the first counts. */
export class HashFeeds {
  readonly #digests: ByteTable;
  readonly #names: ByteTable;
  readonly #scores: Float32Array;
  readonly #nameOf: Uint32Array;
  /** changes with every entry */
  readonly version: string;
  /** some entry is an MD5 or SHA-1 digest, so that parts need those too */
  readonly hasShortDigests: boolean;

  constructor(
    digests: ByteTable,
    names: ByteTable,
    scores: Float32Array,
    nameOf: Uint32Array,
    about: { readonly version: string; readonly hasShortDigests: boolean },
  ) {
    this.#digests = digests;
    this.#names = names;
    this.#scores = scores;
    this.#nameOf = nameOf;
    this.version = about.version;
    this.hasShortDigests = about.hasShortDigests;
  }

  static async none(): Promise<HashFeeds> {
    return new FeedBuilder().finish();
  }

  get count(): number {
    return this.#digests.count;
  }

  /** The worst of what is known of the part's digests; MD5 and SHA-1 can be forged to look bad, not to look good. */
  find(part: PartFacts): FeedMatch | undefined {
    if (this.#digests.count === 0) return undefined;
    let worst: FeedMatch | undefined;
    for (const digest of [part.sha256, part.sha1, part.md5]) {
      if (digest === '') continue;
      const length = scratch.write(digest, 'hex');
      const index = this.#digests.find(scratch, 0, length);
      if (index === -1) continue;
      const score = this.#scores[index] ?? 1;
      if (worst === undefined || score > worst.score) worst = { score, name: this.#nameAt(index) };
    }
    return worst;
  }

  #nameAt(index: number): string {
    return this.#names.keyAt(this.#nameOf[index] ?? 0).toString('utf8');
  }
}

const scratch = Buffer.alloc(64);

/** Wrong lines are skipped and reported with file and line; a file that cannot be read is an error. */
export async function loadHashFeeds(
  files: readonly string[],
): Promise<{ readonly feeds: HashFeeds; readonly problems: readonly ConfigProblem[] }> {
  const builder = new FeedBuilder();
  const problems: ConfigProblem[] = [];
  for (const file of files) problems.push(...(await readListFile({ file, onEntry: (entry) => builder.add(entry) })));
  if (builder.full) {
    problems.push({
      severity: 'error',
      path: 'scoring.backends',
      value: '',
      expected: `at most ${limits.lists.entriesMax} digests in all feeds`,
    });
  }
  return { feeds: await builder.finish(), problems };
}

class FeedBuilder {
  readonly #digests = new ByteTableBuilder();
  readonly #names = new ByteTableBuilder();
  readonly #seen = new Map<string, number>();
  readonly #hash = createHash('sha256');
  #scores = new Float32Array(256);
  #nameOf = new Uint32Array(256);
  full = false;
  #short = false;

  constructor() {
    this.#names.add(Buffer.from('known-bad-file'));
  }

  /** What is wrong with the entry, if anything. */
  add(entry: string): string | undefined {
    const match = /^([0-9a-f]+)(?:[\s,;]+(\S.*))?$/i.exec(entry);
    const digest = match?.[1] ?? '';
    if (digest.length !== 32 && digest.length !== 40 && digest.length !== 64) return digestForm;
    const rest = /^(?:(-?\d*\.?\d+)(?=$|[\s,;]))?[\s,;]*(.*)$/.exec(match?.[2] ?? '');
    const score = rest?.[1] === undefined ? 1 : Number(rest[1]);
    if (score < 0 || score > 1) return digestForm;
    this.#short ||= digest.length !== 64;
    const index = this.#digests.add(Buffer.from(digest, 'hex'));
    if (index === -1) {
      this.full = true;
      return undefined;
    }
    this.#reserve(index);
    this.#scores[index] = score;
    this.#nameOf[index] = this.#nameIndex(printable(rest?.[2] ?? ''));
    this.#hash.update(`${entry}\n`);
    return undefined;
  }

  async finish(): Promise<HashFeeds> {
    const version = this.#hash.digest('hex').slice(0, 16);
    const scores = this.#scores.slice(0, this.#digests.count);
    const nameOf = this.#nameOf.slice(0, this.#digests.count);
    const about = { version, hasShortDigests: this.#short };
    return new HashFeeds(await this.#digests.finish(), await this.#names.finish(), scores, nameOf, about);
  }

  #reserve(index: number): void {
    if (index < this.#scores.length) return;
    const scores = new Float32Array(this.#scores.length * 2);
    const nameOf = new Uint32Array(this.#scores.length * 2);
    scores.set(this.#scores);
    nameOf.set(this.#nameOf);
    this.#scores = scores;
    this.#nameOf = nameOf;
  }

  #nameIndex(name: string): number {
    if (name === '') return 0;
    const known = this.#seen.get(name);
    if (known !== undefined) return known;
    const index = this.#names.add(Buffer.from(name, 'utf8'));
    if (index === -1) return 0;
    if (this.#seen.size < limits.scoring.namesRemembered) this.#seen.set(name, index);
    return index;
  }
}

function printable(text: string): string {
  return text
    .replace(/\p{C}+/gu, ' ')
    .trim()
    .slice(0, limits.scoring.nameChars);
}
