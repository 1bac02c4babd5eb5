/**
 * Every plausible reading of a message that is not strictly well-formed: where its bodies are and how they may be
 * encoded. Choices are made for each entity alone and joined, never multiplied with those of its siblings, and an
 * entity that several readings share is read once. Which reading is right is not asked; nothing here throws.
 */
import { performance } from 'node:perf_hooks';
import { limits } from '../runtime/limits.js';
import type { EntityFacts } from './entity.js';
import { Framer, type Leaf } from './framer.js';
import { type ViewEncoding, type Views, viewEncodings } from './view.js';
import { boundaryCandidates } from './view-boundary.js';
import { ContainerSources } from './view-container.js';
import { type Cut, cutsBy, guessedBoundaries, leavesOpen, standsBehind } from './view-cut.js';
import { declaredEncodings } from './view-encodings.js';
import { factsOf } from './view-facts.js';
import { type BodyStart, type HeaderView, readHeaderView } from './view-header.js';
import { LeafSet } from './view-leaves.js';
import { ViewSource } from './view-source.js';

interface Options {
  /** ms; the clock that the bound on time is measured with */
  readonly now?: () => number;
}

/** A range that may hold a header and a body. */
interface Entity {
  readonly source: ViewSource;
  readonly start: number;
  readonly end: number;
  readonly depth: number;
  readonly view: string;
  /** the body has no header of its own: it was decoded, and these are its container's boundaries and facts */
  readonly container: { readonly boundaries: readonly string[]; readonly facts: EntityFacts } | undefined;
  readonly digest: boolean;
  /** encoded containers around it */
  readonly decodes: number;
}

/** nesting that is followed; the framer calls less than half of it too deep */
const depthMax = limits.mime.depthMax * 2;
/** inner multiparts that go on behind the end of an outer one, in one source */
const extendedMax = 64;
/** bytes framed between two looks at the clock */
const pieceBytes = 262_144;
/** blocks of fields in one body, above which each is taken to end where the next begins */
const openBlocksMax = 8;
/** encoded containers in each other; readers that open them at all stop earlier */
const decodesMax = 16;
/** places where the body of an encoded container may begin */
const decodedBodiesMax = 4;
const headerLike =
  /^(?:[^a-z\r\n]{0,8}|[\s\0]{0,64}|[\s\0]{0,64}From [^\r\n]{0,200}[\r\n]{1,2})(?:content-|mime-version|(?:from|to|cc|subject|date|received|return-path|message-id|reply-to|sender|delivered-to|x-[a-z-]{1,40})[ \t]{0,8}:)/i;
/** a type with parameters that have one reading, one of them the boundary */
const exactMultipart =
  /^multipart\/[a-z0-9.+-]+(?:;\s*(?!boundary)[a-z-]+=(?:"[^"\\;=]*"|[a-z0-9./+-]+))*;\s*boundary=(?:"[0-9a-z'+_./:=? -]*[0-9a-z'+_./:=?-]"|[0-9a-z+_./:=?-]+)(?:;\s*(?!boundary)[a-z-]+=(?:"[^"\\;=]*"|[a-z0-9./+-]+))*;?$/i;
const messageType = /message[\s"]{0,8}\/|rfc822/i;

/** Every plausible reading of a message (or of a body that may be one). Never throws. */
export function readViews(raw: Buffer, options: Options = {}): Views {
  return new Reading(raw, options.now ?? (() => performance.now())).run();
}

class Reading {
  readonly #raw: ViewSource;
  readonly #now: () => number;
  readonly #deadline: number;
  readonly #leaves = new LeafSet();
  readonly #containers: ContainerSources;
  readonly #queue: Entity[] = [];
  readonly #known = new Set<string>();
  /** leaves whose inside was looked at */
  readonly #followed = new Set<string>();
  readonly #extended = new Map<number, number>();
  #count = 0;
  #complete = true;
  /** parts and gaps handled; together with entities it bounds the work */
  #steps = 0;
  #looks = 0;

  constructor(raw: Buffer, now: () => number) {
    this.#raw = new ViewSource(raw, 0);
    this.#now = now;
    this.#deadline = now() + limits.views.timeMs;
    this.#containers = new ContainerSources(this.#raw);
  }

  run(): Views {
    const raw = this.#raw;
    this.#strictLeaves();
    const end = raw.bytes.length;
    this.#push({ source: raw, start: 0, end, depth: 0, view: '', container: undefined, digest: false, decodes: 0 });
    for (let index = 0; index < this.#queue.length; index += 1) {
      const entity = this.#queue[index];
      if (entity === undefined || this.#exhausted()) break;
      if (entity.container === undefined) this.#readEntity(entity);
      else this.#readBody(entity, entity.container);
    }
    const { leaves, complete } = this.#leaves.finish();
    return {
      leaves,
      count: this.#count,
      complete: this.#complete && complete && raw.complete && this.#containers.complete,
    };
  }

  #exhausted(): boolean {
    const over =
      this.#count >= limits.views.entitiesMax || this.#steps >= stepsMax || this.#leaves.full || this.#late();
    if (over) this.#complete = false;
    return over;
  }

  #late(): boolean {
    this.#looks += 1;
    return (this.#looks & 7) === 1 && this.#now() > this.#deadline;
  }

  /** What the one strict reading finds comes first, so that no bound can cost it. */
  #strictLeaves(): void {
    const found: Leaf[] = [];
    const framer = new Framer({ onLeaf: (leaf) => found.push(leaf), onHeader: () => undefined });
    const { bytes } = this.#raw;
    for (let at = 0; at < bytes.length && found.length <= limits.views.leavesMax; at += pieceBytes) {
      if (this.#exhausted()) return;
      framer.write(bytes.subarray(at, at + pieceBytes));
    }
    framer.finish();
    for (const { facts, start, end } of found) {
      const declared = new Set<ViewEncoding>();
      if (facts.encoding === 'base64') declared.add(viewEncodings.base64);
      if (facts.encoding === 'quoted-printable') declared.add(viewEncodings.quotedPrintable);
      this.#leaves.add(this.#raw, start, end, { view: 'strict', facts, declared, sameText: false });
    }
  }

  #push(entity: Entity): void {
    const within = entity.container === undefined ? '' : `in ${entity.container.boundaries.slice(0, 64).join('\0')}`;
    const key = `${entity.source.id}:${entity.start}:${entity.end}:${within}`;
    this.#steps += 1;
    if (this.#known.has(key) || entity.start > entity.end) return;
    if (entity.depth > depthMax) {
      this.#complete = false;
      return;
    }
    this.#known.add(key);
    this.#queue.push(entity);
  }

  #readEntity(entity: Entity): void {
    this.#count += 1;
    const { source, start, end } = entity;
    const header = readHeaderView(source, start, end);
    if (!header.complete) this.#complete = false;
    const facts = factsOf(header, entity.digest);
    const declared = declaredEncodings(header.encodings, header.types);
    const { candidates, complete } = boundaryCandidates(header.types);
    if (!complete) this.#complete = false;
    const firstBody = header.bodies[0]?.at ?? start;
    const digest = header.types.some((type) => /digest/i.test(type));
    const used = this.#cutByAll(entity, candidates, firstBody, digest);
    const certain = used && header.types.length === 1 && exactMultipart.test(header.types[0] ?? '');
    const multipart = header.types.some((type) => /multipart|boundary/i.test(type));
    if (multipart) this.#leaves.inherit(declared);
    // Where one clean boundary is declared and used, no reader guesses.
    if (multipart && !certain) this.#cutByAll(entity, guessedBoundaries(source, firstBody, end), firstBody, digest);
    const message = entity.digest || header.types.some((type) => messageType.test(type));
    if (!certain || declared.size > 0) this.#bodies(entity, header, facts, declared, message);
    this.#decodeContainer(entity, header, facts, declared, [...candidates], multipart || message);
  }

  /** The body of an encoded multipart, decoded: it may be cut by its container's boundaries, or be a message. */
  #readBody(entity: Entity, container: { boundaries: readonly string[]; facts: EntityFacts }): void {
    this.#count += 1;
    const { start, end } = entity;
    this.#cutByAll(entity, new Set(container.boundaries), start, false);
    this.#leaf(entity, start, container.facts, new Set(), false, entity.view, true);
    if (end > start) this.#push({ ...entity, container: undefined });
  }

  /** True when the delimiter of some candidate stands in the entity. */
  #cutByAll(entity: Entity, candidates: ReadonlySet<string>, bodyAt: number, digest: boolean): boolean {
    const { source, start, end } = entity;
    let used = false;
    for (const boundary of candidates) {
      this.#steps += 1;
      const cuts = cutsBy(source, boundary, start, end, bodyAt);
      if (cuts.length > 0) used = true;
      // Work was done for each delimiter, whether or not it leads anywhere new.
      for (const { delimiters } of cuts) this.#steps += delimiters;
      for (const cut of cuts) {
        if (this.#exhausted()) return used;
        this.#followCut(entity, boundary, cut, digest);
      }
      // A reader that obeys only the inner boundary reads on behind the outer delimiter.
      if (cuts.length === 0 || end >= source.bytes.length) continue;
      if (standsBehind(source, boundary, end) || leavesOpen(source, boundary, start, end)) this.#extend(entity);
    }
    return used;
  }

  #extend(entity: Entity): void {
    const { source } = entity;
    const extended = (this.#extended.get(source.id) ?? 0) + 1;
    this.#extended.set(source.id, extended);
    if (extended > extendedMax) return;
    this.#push({ ...entity, end: source.bytes.length, view: `${entity.view}, beyond the outer delimiter` });
  }

  #followCut(entity: Entity, boundary: string, cut: Cut, digest: boolean): void {
    this.#count += 1;
    const view = `${entity.view} / ${JSON.stringify(boundary.slice(0, 40))} ${cut.how}`;
    const next = {
      source: entity.source,
      depth: entity.depth + 1,
      view,
      container: undefined,
      digest,
      decodes: entity.decodes,
    };
    for (const part of cut.parts) this.#push({ ...next, ...part });
    for (const gap of cut.gaps) this.#gap({ ...next, ...gap });
  }

  /** Text between parts, when something in it could be a part. */
  #gap(entity: Entity): void {
    const { source, start, end } = entity;
    const fields = source.partFields(start, end);
    this.#steps += 1;
    const body = source.text(start, Math.min(end, start + 256)).trim();
    if (body === '' && fields.length === 0 && !source.hasBase64Run(start, end)) return;
    this.#push(entity);
  }

  #bodies(
    entity: Entity,
    header: HeaderView,
    facts: EntityFacts,
    declared: ReadonlySet<ViewEncoding>,
    message: boolean,
  ): void {
    for (const { at, why, sameText } of header.bodies) {
      this.#leaf(entity, at, facts, declared, sameText, `${entity.view}, body at ${why}`, message);
    }
    const at = strictBody(header.bodies)?.at;
    if (at === undefined) return;
    for (const length of header.lengths) {
      const end = at + length;
      if (end >= entity.end) continue;
      const view = `${entity.view}, Content-Length`;
      this.#leaves.add(entity.source, at, end, { view, facts, declared, sameText: false });
    }
  }

  #leaf(
    entity: Entity,
    start: number,
    facts: EntityFacts,
    declared: ReadonlySet<ViewEncoding>,
    sameText: boolean,
    view: string,
    message: boolean,
  ): void {
    const { source, end, depth, decodes } = entity;
    if (start > end) return;
    this.#steps += 1;
    this.#leaves.add(source, start, end, { view, facts, declared, sameText });
    const key = `${source.id}:${start}:${end}`;
    if (this.#followed.has(key) || end - start < 4) return;
    this.#followed.add(key);
    const inner = { source, start, end, depth: depth + 1, view, container: undefined, digest: false, decodes };
    if (sameText) return;
    if (message || headerLike.test(source.text(start, Math.min(end, start + 400)))) this.#push(inner);
    const cut = this.#cutByAll(inner, guessedBoundaries(source, start, end), start, false);
    if (!cut) this.#fieldBlocks(inner);
  }

  /** Blocks of Content-* fields inside of a body, without any delimiter: each may be the header of what follows. */
  #fieldBlocks(entity: Entity): void {
    const { source, start, end } = entity;
    const fields = source.partFields(start, end);
    const starts: number[] = [];
    let before = -blockBytes;
    for (const at of fields) {
      if (at - before >= blockBytes || source.text(before, at).includes('\n\r\n')) starts.push(at);
      before = at;
    }
    for (const [index, at] of starts.entries()) {
      const stop = starts[index + 1] ?? end;
      const view = `${entity.view}, a header inside`;
      this.#push({ ...entity, start: at, end: stop, view });
      if (index === 0 && stop < end && starts.length <= openBlocksMax) this.#push({ ...entity, start: at, view });
    }
  }

  /** RFC 2045 §6.4 forbids it, and some readers decode first and then read the result as an entity. */
  #decodeContainer(
    entity: Entity,
    header: HeaderView,
    facts: EntityFacts,
    declared: ReadonlySet<ViewEncoding>,
    boundaries: readonly string[],
    structured: boolean,
  ): void {
    const wanted = (beginning: string) => structured || headerLike.test(beginning);
    const bodies = header.bodies.filter(({ at, sameText }) => !sameText && at < entity.end).slice(-decodedBodiesMax);
    for (const encoding of declared) {
      for (const { at } of bodies) {
        const body = entity.source.bytes.subarray(at, entity.end);
        for (const source of this.#containers.decode(body, encoding, wanted)) {
          const view = `${entity.view}, decoded from ${encoding}`;
          const next = { source, start: 0, end: source.bytes.length, depth: entity.depth + 1, view, digest: false };
          const decodes = entity.decodes + 1;
          if (decodes > decodesMax) this.#complete = false;
          else this.#push({ ...next, decodes, container: { boundaries, facts } });
        }
      }
    }
  }
}

/** parts, gaps and bodies of one message; a bound on work that no honest mail comes near */
const stepsMax = 250_000;
/** fields farther apart than this belong to different headers */
const blockBytes = 1024;

/** The body where readers agree on the separator: the first behind an empty line, else the first of all. */
function strictBody(bodies: readonly BodyStart[]): BodyStart | undefined {
  return bodies.find(({ why }) => why === 'the first empty line') ?? bodies[0];
}
