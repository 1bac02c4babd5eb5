/**
 * How tricks become mails. A leaf trick is one entity that carries a payload; a shape trick is an entity around a part.
 * Text is held as latin1 strings, one character for each octet. What the tricks are is told elsewhere.
 */
import { anyPayload, base64, numberOf } from './ambiguous-payload.js';

export interface AmbiguousCase {
  /** class, trick and place */
  readonly id: string;
  readonly mail: Buffer;
  /** what some reader extracts, byte by byte */
  readonly payload: Buffer;
  readonly class: string;
}

/** An entity (header, empty line, body), and what a reader takes from it when that is not the given payload. */
export type LeafResult = string | { readonly entity: string; readonly payload: Buffer };

export interface LeafTrick {
  readonly class: string;
  readonly id: string;
  /** the payload must do without a transfer encoding */
  readonly text?: boolean;
  readonly leaf: (payload: Buffer) => LeafResult;
}

export interface ShapeTrick {
  readonly class: string;
  readonly id: string;
  /** an entity around `part`, which is an entity of its own */
  readonly shape: (part: string) => string;
  /** makes the message itself, envelope fields included; for what must stand at its very start */
  readonly message?: boolean;
}

export type Trick = LeafTrick | ShapeTrick;

export const envelope = [
  'From: Ann Example <ann@client.example>',
  'To: bob@example.org',
  'Subject: Report for February',
  'Date: Mon, 02 Feb 2026 10:00:00 +0000',
  'Message-ID: <20260202100000.1@client.example>',
  'MIME-Version: 1.0',
  '',
].join('\r\n');

export const textPart = 'Content-Type: text/plain; charset=us-ascii\r\n\r\nHello Bob, here it is.\r\n';

/** Fields without a transfer encoding, each with its CRLF. */
export const fileFields =
  'Content-Type: application/octet-stream; name="update.exe"\r\nContent-Disposition: attachment; filename="update.exe"\r\n';

export const base64Field = 'Content-Transfer-Encoding: base64\r\n';

/** A file with the given further fields, each with its CRLF, and body. */
export function file(fields: string, body: string): string {
  return `${fileFields}${fields}\r\n${body}`;
}

/** A file as every client writes it. */
export function plainFile(payload: Buffer): string {
  return file(base64Field, base64(payload));
}

/** Delimiters and parts, without a header. */
export function body(boundary: string, parts: readonly string[], last = `--${boundary}--\r\n`): string {
  return `${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}${last}`;
}

export function multipart(boundary: string, parts: readonly string[], subtype = 'mixed'): string {
  return `Content-Type: multipart/${subtype}; boundary="${boundary}"\r\n\r\n${body(boundary, parts)}`;
}

const places: Readonly<Record<string, (entity: string) => string>> = {
  only: (entity) => entity,
  part: (entity) => multipart('=_place', [textPart, entity]),
  first: (entity) => multipart('=_place', [entity, textPart]),
  deep: (entity) => multipart('=_outer', [textPart, multipart('=_place', [textPart, entity], 'related')]),
  mail: (entity) => multipart('=_outer', [textPart, `Content-Type: message/rfc822\r\n\r\n${envelope}${entity}`]),
};

const leafPlaces = ['only', 'part', 'first', 'deep', 'mail'];
const shapePlaces = ['only', 'deep', 'mail'];

export function caseOf(
  className: string,
  id: string,
  entity: string,
  payload: Buffer,
  fields = envelope,
): AmbiguousCase {
  return { id: `${className}-${id}`, mail: Buffer.from(fields + entity, 'latin1'), payload, class: className };
}

/** `only`, `part`, and one deeper place that the trick's name chooses. */
function placesOf(id: string, all: readonly string[], always: number): string[] {
  const rest = all.slice(always);
  return [...all.slice(0, always), rest[numberOf(id, rest.length)] ?? 'only'];
}

export function leafOf(trick: LeafTrick, seed: string): { entity: string; payload: Buffer } {
  const payload = anyPayload(seed, trick.text === true);
  const result = trick.leaf(payload);
  return typeof result === 'string' ? { entity: result, payload } : result;
}

/** One trick at its places. */
export function* casesOf(trick: Trick): Generator<AmbiguousCase> {
  const name = `${trick.class}-${trick.id}`;
  if ('leaf' in trick) {
    for (const place of placesOf(name, leafPlaces, 2)) {
      const { entity, payload } = leafOf(trick, `${name}-${place}`);
      yield caseOf(trick.class, `${trick.id}-${place}`, places[place]?.(entity) ?? entity, payload);
    }
    return;
  }
  for (const place of trick.message === true ? ['only'] : placesOf(name, shapePlaces, 1)) {
    const payload = anyPayload(`${name}-${place}`, false);
    const entity = trick.shape(plainFile(payload));
    const fields = trick.message === true ? '' : envelope;
    yield caseOf(trick.class, `${trick.id}-${place}`, places[place]?.(entity) ?? entity, payload, fields);
  }
}

/** A leaf trick inside a shape trick. */
export function pairOf(shape: ShapeTrick, leaf: LeafTrick): AmbiguousCase {
  const id = `${shape.id}+${leaf.class}-${leaf.id}`;
  const { entity, payload } = leafOf(leaf, `${shape.class}-${id}`);
  return caseOf(shape.class, id, shape.shape(entity), payload, shape.message === true ? '' : envelope);
}

/** A leaf trick inside a shape trick inside another; the number keeps ids apart. */
export function tripleOf(outer: ShapeTrick, inner: ShapeTrick, leaf: LeafTrick, number: number): AmbiguousCase {
  const id = `${outer.id}+${inner.class}-${inner.id}+${leaf.class}-${leaf.id}-${number}`;
  const { entity, payload } = leafOf(leaf, `${outer.class}-${id}`);
  return caseOf(outer.class, id, outer.shape(inner.shape(entity)), payload, outer.message === true ? '' : envelope);
}

/** A mail as a file in another mail. */
export function wrappedOf(id: string, one: AmbiguousCase, wrap: (mail: Buffer) => string): AmbiguousCase {
  return caseOf('A60', `wrapped-${id}-${one.id}`, multipart('=_wrap', [textPart, wrap(one.mail)]), one.payload);
}
