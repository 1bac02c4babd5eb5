/**
 * Cuts a raw message into entities while it arrives: header blocks, leaves as byte ranges, multipart and message
 * nesting. It never throws, keeps no body bytes, and its result does not depend on how the input was split. What a
 * leaf contains is not its business.
 */
import { limits } from '../runtime/limits.js';
import { type DelimiterMatch, Delimiters } from './delimiters.js';
import { type EntityFacts, readEntity } from './entity.js';
import { GapCheck } from './gap.js';
import { type Field, HeaderReader } from './header.js';
import type { Problem, ProblemCode } from './problem.js';

export interface Leaf {
  /** RFC 9051 §6.4.5 part number */
  readonly path: string;
  readonly facts: EntityFacts;
  /** encoded body in the raw message, `[start, end)`, without the line end that belongs to the delimiter */
  readonly start: number;
  readonly end: number;
  /** some message/rfc822 around it has a name or is an attachment, or the structure could not be followed */
  readonly enclosed: boolean;
}

/** Called during `write` and `finish`, in the order of the message. */
export interface FramerHandler {
  onLeaf(leaf: Leaf): void;
  /** the top header block; `raw` may be kept */
  onHeader(raw: Buffer, fields: readonly Field[], end: number): void;
}

interface Level {
  readonly kind: 'message' | 'multipart';
  readonly path: string;
  readonly digest: boolean;
  readonly enclosed: boolean;
  readonly facts: EntityFacts | undefined;
  readonly start: number;
  children: number;
  closed: boolean;
}

/** subtypes whose content is no message, or is not opened as one: reports, fragments, other protocols */
const plainMessages =
  /^message\/(?:(?:global-)?(?:delivery-status|disposition-notification|headers)|partial|external-body|feedback-report|tracking-status|s?-?http|sip|sipfrag|cpim|imdn\+xml|vnd\..+|ohttp-.+|bhttp)$/;

type State = 'header' | 'leaf' | 'gap' | 'opaque';

const empty = Buffer.alloc(0);

export class Framer {
  readonly problems: Problem[] = [];
  readonly #handler: FramerHandler;
  readonly #delimiters = new Delimiters();
  readonly #levels: Level[] = [];
  readonly #reader: HeaderReader;
  readonly #seen = new Set<string>();
  #state: State = 'header';
  #carry: Buffer = empty;
  /** offset in the message of the first byte of the buffer at hand */
  #base = 0;
  /** the two bytes before that */
  #before = [0, 0];
  /** where the current header, body or gap began */
  #start = 0;
  #facts: EntityFacts | undefined;
  #path = '';
  #enclosed = false;
  #entities = 0;
  #gap: GapCheck | undefined;
  #dropped = false;

  constructor(handler: FramerHandler) {
    this.#handler = handler;
    this.#levels.push(messageLevel('', false, 0));
    this.#reader = new HeaderReader((raw, start, end) => this.#delimiterInHeader(raw, start, end));
  }

  /** The next bytes of the message; not kept. */
  write(chunk: Buffer): void {
    if (chunk.length === 0) return;
    let buffer = chunk;
    if (this.#carry.length > 0) {
      buffer = Buffer.concat([this.#carry, chunk]);
      this.#carry = empty;
    }
    const at = this.#run(buffer, false);
    // The carry is a possible delimiter line, so it is short; copying it lets go of the caller's buffer.
    if (at < buffer.length) this.#carry = Buffer.from(buffer.subarray(at));
    this.#advance(buffer, at);
  }

  #advance(buffer: Buffer, at: number): void {
    if (at >= 2) this.#before = [buffer[at - 2] ?? 0, buffer[at - 1] ?? 0];
    else if (at === 1) this.#before = [this.#before[1] ?? 0, buffer[0] ?? 0];
    this.#base += at;
  }

  /** The message is complete. Returns its size. */
  finish(): number {
    const rest = this.#carry;
    this.#carry = empty;
    const at = this.#run(rest, true);
    this.#advance(rest, at);
    while (this.#state === 'header') {
      this.#reader.finish();
      if (this.#reader.state === 'delimiter') this.#delimiterAfterHeader();
      else this.#endHeader();
    }
    this.#endBody(this.#base);
    this.#closeLevels(1, this.#base);
    return this.#base;
  }

  #run(buffer: Buffer, last: boolean): number {
    let at = 0;
    for (;;) {
      const from = at;
      const state = this.#state;
      at = state === 'header' ? this.#readHeader(buffer, at) : this.#scanBody(buffer, at, last);
      if (at >= buffer.length || (at === from && this.#state === state) || this.#stalled) return at;
    }
  }

  /** the scan stopped before a candidate that needs more bytes */
  #stalled = false;

  // Header blocks

  #beginHeader(start: number): void {
    this.#state = 'header';
    this.#start = start;
    this.#reader.reset();
  }

  #readHeader(buffer: Buffer, at: number): number {
    const end = this.#reader.write(buffer, at);
    if (this.#reader.state === 'delimiter') this.#delimiterAfterHeader();
    else if (this.#reader.state !== 'reading') this.#endHeader();
    return end;
  }

  /** A delimiter line inside a header block: the entity has no body. */
  #delimiterAfterHeader(): void {
    const { raw, end, consumed } = this.#reader;
    const match = this.#delimiters.match(raw, end + 2, consumed, true);
    const lineStart = this.#start + end;
    const next = this.#start + consumed;
    this.#endHeader();
    if (match.kind !== 'delimiter') return;
    if (match.padded) this.#report('delimiter-padding', this.#levels[match.level]?.path ?? '');
    this.#delimiter(lineStart, next, match.level, match.close);
  }

  #delimiterInHeader(raw: Buffer, start: number, end: number): boolean {
    if (this.#delimiters.empty) return false;
    return this.#delimiters.match(raw, start + 2, end, true).kind === 'delimiter';
  }

  #endHeader(): void {
    const reader = this.#reader;
    const parent = this.#levels.at(-1);
    const index = this.#levels.length - 1;
    const top = this.#entities === 0;
    this.#entities += 1;
    if (parent === undefined) return;
    const problems = new Set<ProblemCode>(reader.problems);
    const raw = top ? reader.takeRaw() : reader.raw;
    if (top) this.#handler.onHeader(raw, reader.fields, reader.fieldsEnd);
    const message = parent.kind === 'message';
    const defaultType = parent.digest ? 'message/rfc822' : 'text/plain';
    const facts = readEntity(raw, reader.fields, defaultType, message, problems);
    if (reader.bareLf) this.#reportBareLf();
    if (top && reader.fields.length === 0 && reader.state === 'complete') problems.add('header-empty');
    // RFC 2046 §5.1.1 allows a part without an empty line, but readers that look for one read on.
    if (reader.state === 'delimiter') problems.add('header-unterminated');
    parent.children += message ? 0 : 1;
    const path = this.#pathOf(parent, facts);
    this.#facts = facts;
    this.#path = path;
    this.#enclosed = parent.enclosed;
    this.#start += reader.end;
    if (reader.state === 'overflow' || this.#entities > limits.mime.partsMax) {
      if (reader.state !== 'overflow') this.#report('parts-too-many', '');
      this.#state = 'opaque';
    } else {
      this.#state = this.#open(facts, path, index, problems);
    }
    for (const code of problems) this.#report(code, top ? '' : path);
  }

  #pathOf(parent: Level, facts: EntityFacts): string {
    const prefix = parent.path === '' ? '' : `${parent.path}.`;
    if (parent.kind === 'multipart') return `${prefix}${parent.children}`;
    return facts.boundary === undefined ? `${prefix}1` : parent.path;
  }

  /** Decides what the body is: a container to descend into, or a leaf. */
  #open(facts: EntityFacts, path: string, index: number, problems: Set<ProblemCode>): State {
    const { type } = facts;
    const nested = type === 'message/rfc822' || type === 'message/global' || type === 'message/news';
    if (type === 'message/partial') problems.add('message-partial');
    if (type === 'message/external-body') problems.add('message-external');
    if (!nested && type.startsWith('message/') && !plainMessages.test(type)) problems.add('message-unknown');
    if (facts.boundary === undefined && !nested) return 'leaf';
    if (nested && (facts.encoding === 'base64' || facts.encoding === 'quoted-printable')) {
      problems.add('encoding-on-message');
      return 'leaf';
    }
    if (this.#levels.length > limits.mime.depthMax) {
      problems.add('nesting-too-deep');
      this.#enclosed = true;
      return 'leaf';
    }
    const enclosed = this.#enclosed;
    if (nested) {
      const named = facts.names.length > 0 || (facts.disposition ?? 'inline') !== 'inline';
      this.#levels.push(messageLevel(path, enclosed || named, this.#start));
      this.#beginHeader(this.#start);
      return 'header';
    }
    const level: Level = {
      kind: 'multipart',
      path,
      digest: type === 'multipart/digest',
      enclosed,
      facts,
      start: this.#start,
      children: 0,
      closed: false,
    };
    this.#levels.push(level);
    const boundary = Buffer.from(facts.boundary ?? '', 'latin1');
    if (this.#delimiters.push(index + 1, boundary)) problems.add('boundary-reused');
    this.#gap = new GapCheck();
    return 'gap';
  }

  // Bodies

  /** Looks for the next delimiter from `from`; returns how far the buffer is dealt with. */
  #scanBody(buffer: Buffer, from: number, last: boolean): number {
    this.#stalled = false;
    if (this.#delimiters.empty) {
      this.#fillGap(buffer, from, buffer.length);
      return buffer.length;
    }
    const { needle } = this.#delimiters;
    let search = from;
    for (;;) {
      const hit = buffer.indexOf(needle, search);
      if (hit < 0) return this.#keepTail(buffer, from, Math.max(search, from), last);
      const match = this.#delimiters.match(buffer, hit + 2, buffer.length, last);
      if (match.kind === 'more') return this.#stallBefore(buffer, from, hit);
      if (match.kind !== 'none') {
        const end = this.#judge(buffer, from, hit, match);
        if (end !== undefined) return end;
      }
      search = hit + 1;
    }
  }

  /** Acts on a candidate; undefined when it is no delimiter after all. */
  #judge(buffer: Buffer, from: number, hit: number, match: DelimiterMatch): number | undefined {
    if (match.kind === 'none' || match.kind === 'more') return undefined;
    const before = hit > 0 ? buffer[hit - 1] : this.#before[1];
    const atStart = this.#base + hit === this.#start;
    const lineStart = atStart || before === 0x0a;
    const path = this.#levels[match.level]?.path ?? '';
    if (match.kind === 'junk') {
      this.#report('delimiter-junk', path);
      return undefined;
    }
    if (!lineStart) {
      this.#report('delimiter-misplaced', path);
      return undefined;
    }
    let end = hit;
    if (!atStart) {
      const first = hit > 1 ? buffer[hit - 2] : this.#before[hit];
      const crlf = first === 0x0d && this.#base + hit - 2 >= this.#start;
      if (!crlf) this.#reportBareLf();
      end -= crlf ? 2 : 1;
    }
    if (match.bareLf) this.#reportBareLf();
    this.#fillGap(buffer, from, hit);
    if (match.padded) this.#report('delimiter-padding', path);
    if (match.prefix) this.#report('boundary-prefix', path);
    this.#delimiter(this.#base + end, this.#base + match.end, match.level, match.close);
    return match.end;
  }

  #stallBefore(buffer: Buffer, from: number, hit: number): number {
    this.#stalled = true;
    this.#fillGap(buffer, from, hit);
    return hit;
  }

  /** No needle in the rest of the buffer: all of it is body, but for what may be the beginning of one. */
  #keepTail(buffer: Buffer, from: number, search: number, last: boolean): number {
    const { needle } = this.#delimiters;
    let at = buffer.length;
    if (!last) {
      at = buffer.indexOf(0x2d, Math.max(search, buffer.length - needle.length + 1));
      while (at >= 0 && buffer.compare(needle, 0, buffer.length - at, at, buffer.length) !== 0) {
        at = buffer.indexOf(0x2d, at + 1);
      }
      if (at < 0) at = buffer.length;
      else this.#stalled = true;
    }
    this.#fillGap(buffer, from, at);
    return at;
  }

  #fillGap(buffer: Buffer, from: number, to: number): void {
    if (this.#state === 'gap' && from < to) this.#gap?.write(buffer, from, to);
  }

  #delimiter(bodyEnd: number, next: number, index: number, close: boolean): void {
    this.#endBody(Math.max(bodyEnd, this.#start));
    this.#closeLevels(index + 1, bodyEnd);
    const level = this.#levels[index];
    if (level === undefined) return;
    if (level.closed) this.#report('delimiter-after-close', level.path);
    if (close) {
      level.closed = true;
      this.#state = 'gap';
      this.#gap = new GapCheck();
      this.#start = next;
    } else {
      this.#beginHeader(next);
    }
  }

  /** What was being read ends at `end`. */
  #endBody(end: number): void {
    const level = this.#levels.at(-1);
    if (this.#state === 'gap' && level !== undefined) {
      const early = level.children === 0 && !level.closed;
      if (this.#gap?.suspicious === true) this.#report(early ? 'preamble-content' : 'epilogue-content', level.path);
      this.#gap = undefined;
    } else if (this.#facts !== undefined && (this.#state === 'leaf' || this.#state === 'opaque')) {
      const enclosed = this.#enclosed || this.#state === 'opaque';
      if (this.#entities <= limits.mime.partsMax) {
        this.#handler.onLeaf({ path: this.#path, facts: this.#facts, start: this.#start, end, enclosed });
      }
    }
  }

  /** Levels from `index` on end at `end` without their own delimiter. */
  #closeLevels(index: number, end: number): void {
    while (this.#levels.length > Math.max(index, 1)) {
      const level = this.#levels.pop();
      if (level?.kind !== 'multipart') continue;
      if (!level.closed) this.#report(level.children === 0 ? 'multipart-empty' : 'delimiter-missing', level.path);
      if (level.children === 0 && level.facts !== undefined) this.#emptyMultipart(level, level.facts, end);
    }
    this.#delimiters.truncate(Math.max(index, 1));
  }

  /** Without parts, its body is still content that some reader shows. */
  #emptyMultipart(level: Level, facts: EntityFacts, end: number): void {
    const path = level.path === '' ? '1' : level.path;
    this.#handler.onLeaf({ path, facts, start: level.start, end: Math.max(end, level.start), enclosed: true });
  }

  #reportBareLf(): void {
    this.#report(this.#reader.crlf ? 'lines-mixed' : 'lines-bare-lf', '');
  }

  #report(code: ProblemCode, part: string): void {
    const key = `${code} ${part}`;
    if (this.#seen.has(key)) return;
    if (this.problems.length >= limits.mime.problemsMax) {
      if (!this.#dropped) this.problems.push({ code: 'problems-too-many', part: '' });
      this.#dropped = true;
      return;
    }
    this.#seen.add(key);
    this.problems.push({ code, part });
  }
}

function messageLevel(path: string, enclosed: boolean, start: number): Level {
  return { kind: 'message', path, digest: false, enclosed, facts: undefined, start, children: 0, closed: false };
}
