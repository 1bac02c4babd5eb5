/** One list of addresses, as large as memory allows: which entry matches an address, and where that entry was written. */
import { addressBytesMax, type SplitAddress } from '../config/address-pattern.js';
import type { ByteTable, ByteTableBuilder } from '../runtime/byte-table.js';

export interface AddressMatch {
  /** the entry in its normal form: `name@domain`, `*@domain`, `*@*.domain` */
  readonly entry: string;
  /** `config`, or the list file's name and line */
  readonly source: string;
}

/** Where entries come from: index 0 is the configuration itself. */
export class EntrySources {
  readonly #names: string[] = ['config'];
  #files = new Uint16Array(256);
  #lines = new Uint32Array(256);

  addFile(name: string): number {
    return this.#names.push(name) - 1;
  }

  set(index: number, source: number, line: number): void {
    if (index >= this.#files.length) {
      const size = Math.max(this.#files.length * 2, index + 1);
      const files = new Uint16Array(size);
      const lines = new Uint32Array(size);
      files.set(this.#files);
      lines.set(this.#lines);
      this.#files = files;
      this.#lines = lines;
    }
    this.#files[index] = source;
    this.#lines[index] = line;
  }

  at(index: number): string {
    const source = this.#files[index] ?? 0;
    return source === 0 ? 'config' : `${this.#names[source] ?? ''}:${this.#lines[index] ?? 0}`;
  }

  /** Gives back what was reserved for growth. */
  trim(count: number): void {
    this.#files = this.#files.slice(0, count);
    this.#lines = this.#lines.slice(0, count);
  }

  get heldBytes(): number {
    return this.#files.byteLength + this.#lines.byteLength;
  }
}

/** Keys are those of `parsePattern`. All three forms are suffixes of `local@domain`, so a look-up writes the address once and slices it. */
export class AddressTable {
  readonly #table: ByteTable;
  readonly #sources: EntrySources;

  constructor(table: ByteTable, sources: EntrySources) {
    this.#table = table;
    this.#sources = sources;
  }

  static async build(builder: ByteTableBuilder, sources: EntrySources): Promise<AddressTable> {
    sources.trim(builder.count);
    return new AddressTable(await builder.finish(), sources);
  }

  get count(): number {
    return this.#table.count;
  }

  /** changes with every entry */
  get version(): string {
    return this.#table.version;
  }

  get heldBytes(): number {
    return this.#table.heldBytes + this.#sources.heldBytes;
  }

  /** The most specific entry: the address itself, its domain, then the nearest domain above. */
  find(address: SplitAddress): AddressMatch | undefined {
    for (const match of this.#matches(address)) return match;
    return undefined;
  }

  /** Every entry that matches, most specific first; for the person who asks why. */
  findAll(address: SplitAddress): AddressMatch[] {
    return [...this.#matches(address)];
  }

  *#matches({ local, domain }: SplitAddress): Generator<AddressMatch, void, undefined> {
    if (this.#table.count === 0) return;
    const text = `${local}@${domain}`;
    const end = scratch.write(text, 'utf8');
    // What does not fit is no address of ours, and a cut-off one must not match.
    if (Buffer.byteLength(text) !== end) return;
    const at = end - Buffer.byteLength(domain) - 1;
    const exact = this.#table.find(scratch, 0, end);
    const whole = this.#table.find(scratch, at, end);
    const parents: number[] = [];
    for (let dot = scratch.indexOf(0x2e, at + 1); dot !== -1 && dot < end - 1; dot = scratch.indexOf(0x2e, dot + 1)) {
      const found = this.#table.find(scratch, dot, end);
      if (found !== -1) parents.push(found);
    }
    // All look-ups are done before the first yield: the scratch buffer is shared.
    if (exact !== -1) yield this.#match(exact);
    if (whole !== -1) yield this.#match(whole);
    for (const index of parents) yield this.#match(index);
  }

  #match(index: number): AddressMatch {
    const key = this.#table.keyAt(index).toString('utf8');
    const entry = key.startsWith('@') ? `*${key}` : key.startsWith('.') && !key.includes('@') ? `*@*${key}` : key;
    return { entry, source: this.#sources.at(index) };
  }
}

const scratch = Buffer.alloc(addressBytesMax * 2);
