/**
 * Answers every FETCH item that is about content from one message in memory, so that size, envelope, structure and
 * all pieces of it agree. What only a mailbox knows of a message (flags, UID, dates of the server) is not here.
 */
import { createHash } from 'node:crypto';
import { contentLiteral, imapString } from '../wire/nstring.js';
import type { FetchItem, Section } from '../wire/wire.js';
import { envelope } from './message-envelope.js';
import { readFields } from './message-field.js';
import { type MessagePart, partNumbered, readParts } from './message-parts.js';
import { decodedContent, preview } from './message-preview.js';
import { header, messageOf, sectionBytes, sectionText } from './message-section.js';
import { bodyStructure } from './message-structure.js';

export interface StoredMessage {
  readonly bytes: Buffer;
  readonly root: MessagePart;
}

/** Never throws, whatever the octets are. They must not change afterwards. */
export function parseStored(bytes: Buffer): StoredMessage {
  return { bytes, root: readParts(bytes) };
}

const whole: Section = { part: [], text: undefined, fields: [] };
const nil = [Buffer.from('NIL')];

/** `NAME[section]<origin>`: the count of a partial is not said back (RFC 9051 §7.5.2). */
function label(name: string, item: FetchItem): Buffer {
  const section = item.section === undefined ? '' : sectionText(item.section);
  const origin = item.partial === undefined ? '' : `<${item.partial.offset}>`;
  return Buffer.from(`${name.replace('[]', () => `[${section}]`)}${origin} `, 'latin1');
}

/** RFC 9051 §6.4.5: what lies behind the end is cut, and past the end there is the empty string. */
function clamped(bytes: Buffer, { partial }: FetchItem): Buffer {
  if (partial === undefined) return bytes;
  return bytes.subarray(partial.offset, partial.count === undefined ? bytes.length : partial.offset + partial.count);
}

function content(item: FetchItem, bytes: Buffer | undefined, binary = false): readonly Buffer[] {
  return bytes === undefined ? nil : contentLiteral(clamped(bytes, item), binary);
}

/**
 * A section of RFC 3516, decoded; the whole message has no encoding of its own. Sections with words, which are Dovecot's
 * addition, name what they name in BODY: fields are not encoded, and a text is encoded as its message says.
 */
function binaryContent({ bytes, root }: StoredMessage, section: Section): Buffer | undefined {
  if (section.text === 'TEXT') {
    const message = messageOf(root, section.part);
    return message === undefined ? undefined : decodedContent(bytes, message);
  }
  if (section.text !== undefined) return sectionBytes(bytes, root, section);
  if (section.part.length === 0) return bytes;
  const part = partNumbered(root, section.part);
  return part === undefined ? undefined : decodedContent(bytes, part);
}

/** RFC 8474 §5.1: a function of the octets alone, in its alphabet. */
function emailId(bytes: Buffer): string {
  return `N${createHash('sha256').update(bytes).digest('hex').slice(0, 40)}`;
}

function previewValue({ bytes, root }: StoredMessage): readonly Buffer[] {
  return [Buffer.from(imapString(preview(bytes, root).toString('latin1')), 'latin1')];
}

type Answer = (message: StoredMessage, item: FetchItem) => readonly Buffer[];

function text(value: string | number): readonly Buffer[] {
  return [Buffer.from(String(value), 'latin1')];
}

function sectionAnswer({ bytes, root }: StoredMessage, item: FetchItem): readonly Buffer[] {
  return content(item, sectionBytes(bytes, root, item.section ?? whole));
}

/** The items of RFC 3501 that name a section by a word. */
function named(section: Partial<Section>): Answer {
  return ({ bytes, root }, item) => content(item, sectionBytes(bytes, root, { ...whole, ...section }));
}

const answers: Readonly<Record<string, Answer>> = {
  'RFC822.SIZE': ({ bytes }) => text(bytes.length),
  ENVELOPE: ({ bytes, root }) => text(envelope(bytes, readFields(bytes, header(root)))),
  BODYSTRUCTURE: ({ bytes, root }) => text(bodyStructure(bytes, root, true)),
  BODY: ({ bytes, root }) => text(bodyStructure(bytes, root, false)),
  'BODY[]': sectionAnswer,
  RFC822: named({}),
  'RFC822.HEADER': named({ text: 'HEADER' }),
  'RFC822.TEXT': named({ text: 'TEXT' }),
  'BINARY[]': (message, item) => content(item, binaryContent(message, item.section ?? whole), true),
  'BINARY.SIZE[]': (message, item) => text(binaryContent(message, item.section ?? whole)?.length ?? 0),
  PREVIEW: previewValue,
  EMAILID: ({ bytes }) => text(`(${emailId(bytes)})`),
};

/** Whether `answerItem` knows an item, by the name of `FetchItem`. */
export function isContentItem(name: string): boolean {
  return Object.hasOwn(answers, name.replace('.PEEK', ''));
}

/**
 * One item of a FETCH response, name and value, without blanks around it. An item that is not about content, like
 * FLAGS, and a section that the message has not are answered with NIL. Never throws.
 */
export function answerItem(message: StoredMessage, item: FetchItem): Buffer {
  const name = item.name.replace('.PEEK', '');
  const answer = Object.hasOwn(answers, name) ? answers[name] : undefined;
  return Buffer.concat([label(name, item), ...(answer?.(message, item) ?? nil)]);
}
