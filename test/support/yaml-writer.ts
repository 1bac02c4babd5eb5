/** Writes values as YAML the way people do, each time in another style, and says of every line which key it belongs to. */

export interface WrittenLine {
  readonly text: string;
  /** of the key or list item on it; undefined for comments and blank lines */
  readonly path: string | undefined;
  /** the value is on this line, or around it */
  readonly whole: boolean;
  /** the item of a list that stands on it */
  readonly item: unknown;
}

export interface WrittenFile {
  readonly text: string;
  readonly lines: readonly WrittenLine[];
}

type Choice = (below: number) => number;

/** @param seed decides all styles */
export function choices(seed: number): Choice {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

export class YamlWriter {
  readonly #choose: Choice;
  readonly #lines: WrittenLine[] = [];
  readonly #step: number;
  #comments = 0;
  readonly #anchors = new Map<string, string>();

  constructor(seed: number) {
    this.#choose = choices(seed);
    this.#step = 1 + this.#choose(4);
  }

  file(value: Readonly<Record<string, unknown>>): WrittenFile {
    if (this.#choose(8) === 0) this.#plain('---');
    this.#entries(value, '', 0);
    if (this.#choose(3) === 0) this.#plain(this.#comment());
    const eol = this.#choose(3) === 0 ? '\r\n' : '\n';
    const mark = this.#choose(10) === 0 ? '\ufeff' : '';
    const text = mark + this.#lines.map(({ text }) => text).join(eol);
    return { text: this.#choose(4) === 0 ? text : text + eol, lines: this.#lines };
  }

  #plain(text: string): void {
    this.#lines.push({ text, path: undefined, whole: false, item: undefined });
  }

  #comment(): string {
    this.#comments += 1;
    return `# c${this.#comments}:\t- "it's" {a} [b] &c *d`;
  }

  /** Comments and blank lines before an entry. */
  #above(column: number): void {
    if (this.#choose(4) === 0) this.#plain('');
    if (this.#choose(4) === 0)
      this.#plain(' '.repeat(this.#choose(2) === 0 ? column : this.#choose(12)) + this.#comment());
  }

  #behind(): string {
    return this.#choose(3) === 0
      ? `${' '.repeat(1 + this.#choose(5))}${this.#comment()}`
      : ' '.repeat(this.#choose(6) === 0 ? 2 : 0);
  }

  #entries(value: Readonly<Record<string, unknown>>, above: string, column: number): void {
    for (const [key, item] of Object.entries(value)) {
      this.#above(column);
      const path = above === '' ? key : `${above}.${key}`;
      const head = `${' '.repeat(column)}${this.#key(key)}:`;
      this.#value(head, item, path, column);
    }
  }

  #key(key: string): string {
    return ['"', "'", '', '', '', ''].map((quote) => `${quote}${key}${quote}`)[this.#choose(6)] ?? key;
  }

  #value(head: string, value: unknown, path: string, column: number): void {
    const line = (text: string, whole: boolean) => this.#lines.push({ text, path, whole, item: undefined });
    const block = typeof value === 'object' && value !== null && Object.keys(value).length > 0 && this.#choose(4) > 0;
    const literal = typeof value === 'string' && /^[a-z]+(\n[a-z #]+[a-z])+\n?$/.test(value) && this.#choose(2) === 0;
    if (block) {
      line(`${head}${this.#behind()}`, false);
      if (Array.isArray(value))
        this.#items(value, path, column + (this.#choose(2) === 0 && column > 0 ? 0 : this.#step));
      else this.#entries(value as Record<string, unknown>, path, column + this.#step);
    } else if (literal) {
      line(`${head} ${value.endsWith('\n') ? '|' : '|-'}${this.#choose(3) === 0 ? ` ${this.#comment()}` : ''}`, true);
      for (const text of value.replace(/\n$/, '').split('\n')) line(' '.repeat(column + this.#step) + text, true);
    } else if (Array.isArray(value) && value.length > 0 && this.#choose(3) === 0) {
      line(`${head} [${this.#behind()}`, true);
      value.forEach((item, index) => {
        const comma = index < value.length - 1 || this.#choose(2) === 0 ? ',' : '';
        line(`${' '.repeat(column + this.#step)}${this.#flow(item)}${comma}${this.#behind()}`, true);
      });
      line(`${' '.repeat(column + this.#step)}]${this.#behind()}`, true);
    } else {
      line(`${head} ${this.#shared(value)}${this.#behind()}`, true);
    }
  }

  /** A value that stands there already may be an alias of it. */
  #shared(value: unknown): string {
    const name = JSON.stringify(value);
    const anchor = this.#anchors.get(name);
    if (anchor !== undefined && this.#choose(2) === 0) return `*${anchor}`;
    if (value === '' || this.#choose(4) > 0) return this.#flow(value);
    const made = `a${this.#anchors.size}`;
    this.#anchors.set(name, made);
    return `&${made} ${this.#flow(value)}`;
  }

  #items(list: readonly unknown[], path: string, column: number): void {
    for (const item of list) {
      this.#above(column);
      const dash = `${' '.repeat(column)}-`;
      const compact = typeof item === 'object' && item !== null && !Array.isArray(item) && this.#choose(2) === 0;
      const entries = compact ? Object.entries(item) : [];
      const [first, ...others] = entries;
      if (first === undefined) {
        this.#lines.push({ text: `${dash} ${this.#flow(item)}${this.#behind()}`, path, whole: true, item });
        continue;
      }
      const text = `${dash} ${first[0]}: ${this.#flow(first[1])}${this.#behind()}`;
      this.#lines.push({ text, path, whole: true, item });
      this.#entries(Object.fromEntries(others), path, column + 2);
    }
  }

  #flow(value: unknown): string {
    const pad = this.#choose(2) === 0 ? ' ' : '';
    if (Array.isArray(value)) {
      const tail = value.length > 0 && this.#choose(5) === 0 ? ',' : '';
      return `[${pad}${value.map((item) => this.#flow(item)).join(this.#choose(2) === 0 ? ',' : ', ')}${tail}${pad}]`;
    }
    if (typeof value === 'object' && value !== null) {
      const pairs = Object.entries(value).map(([key, item]) => `${this.#key(key)}: ${this.#flow(item)}`);
      return `{${pad}${pairs.join(', ')}${pad}}`;
    }
    if (typeof value !== 'string') return String(value);
    if (/^[a-z][a-z0-9.@]*$/.test(value) && !/^(true|false|null|y|n|yes|no|on|off)$/.test(value) && this.#choose(3) > 0)
      return value;
    if (/^[\x20-\x7e]*$/.test(value) && this.#choose(2) === 0) return `'${value.replaceAll("'", "''")}'`;
    return JSON.stringify(value);
  }
}
