/**
 * Writes mail in the manner of one program: its field order, boundaries, quoting, encodings and names. The manners are
 * in honest-program.ts; what the mails say is in honest-content.ts.
 */
import { numberOf, octetsOf } from './ambiguous-payload.js';
import { base64Lines } from './mail.js';

export interface HonestMail {
  readonly id: string;
  readonly mail: Buffer;
  /** written by a program that is in use and kept up to date */
  readonly today: boolean;
}

export type NameStyle = 'plain' | 'token' | 'words' | 'extended' | 'both' | 'sections' | 'raw';

/** How one program writes. */
export interface Program {
  readonly name: string;
  readonly today: boolean;
  /** of the nth multipart of a mail; `unique` differs between mails */
  readonly boundary: (level: number, unique: string) => string;
  /** parameters without quotes where they need none */
  readonly bare?: boolean;
  readonly version?: string;
  /** fields behind the usual ones, whole lines */
  readonly fields?: readonly string[];
  readonly typeFirst?: boolean;
  readonly text: 'quoted-printable' | 'base64' | '7bit' | '8bit';
  readonly charset: string;
  /** further parameters of plain text */
  readonly flowed?: string;
  readonly preamble?: string;
  readonly names: NameStyle;
  /** a parameter begins a line, behind this */
  readonly fold?: string;
  /** `Content-Disposition` and the encoding come before the type */
  readonly dispositionFirst?: boolean;
  readonly upper?: boolean;
  /** no line end behind the last delimiter */
  readonly unended?: boolean;
}

export interface HonestFile {
  readonly name: string;
  readonly type: string;
  readonly content: Buffer;
  readonly inline?: boolean;
}

/** What is said, whoever writes it. */
export interface Content {
  readonly id: string;
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
  readonly images?: readonly HonestFile[];
  readonly files?: readonly HonestFile[];
  readonly forwarded?: Buffer;
}

export function isAscii(text: string): boolean {
  return /^[\x20-\x7e\r\n\t]*$/.test(text);
}

/** An encoded word of RFC 2047, `B`. */
export function word(text: string, charset = 'utf-8'): string {
  return isAscii(text) ? text : `=?${charset}?B?${Buffer.from(text).toString('base64')}?=`;
}

function percent(text: string): string {
  return encodeURIComponent(text).replace(/['()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}

function parameter(program: Program, key: string, name: string): string {
  const fold = program.fold ?? ' ';
  const quote = program.bare === true && /^[\w.-]+$/.test(name) ? name : `"${name}"`;
  const upper = program.upper === true ? key.toUpperCase() : key;
  if (isAscii(name)) return `;${fold}${upper}=${program.names === 'token' && /^[\w.-]+$/.test(name) ? name : quote}`;
  const words = `;${fold}${upper}="${word(name, 'UTF-8')}"`;
  const extended = `;${fold}${upper}*=utf-8''${percent(name)}`;
  switch (program.names) {
    case 'raw':
      return `;${fold}${upper}="${Buffer.from(name).toString('latin1')}"`;
    case 'extended':
      return key === 'name' ? words : extended;
    case 'both':
      return key === 'name' ? words : `;${fold}${upper}="${name.replace(/[^ -~]/g, '_')}"${extended}`;
    case 'sections': {
      const pieces = (percent(name).match(/(?:%..|.){1,20}/g) ?? []).map(
        (piece, index) => `;${fold}${upper}*${index}*=${index === 0 ? "utf-8''" : ''}${piece}`,
      );
      return pieces.join('');
    }
    default:
      return words;
  }
}

type TextEncoding = Program['text'];

/** The charset that the text is written in: the program's own, unless it cannot hold the text. */
function charsetOf(program: Program, text: string): string {
  if (isAscii(text)) return program.charset;
  const western = /^(?:iso-8859-1|windows-1252)$/i.test(program.charset) && /^[\0-\xff]*$/.test(text);
  return western ? program.charset : 'UTF-8';
}

function textBody(encoding: TextEncoding, charset: string, text: string): string {
  const octets = Buffer.from(text, charset.toLowerCase() === 'iso-8859-1' ? 'latin1' : 'utf8');
  if (encoding === 'base64') return base64Lines(octets);
  const raw = octets.toString('latin1');
  if (encoding !== 'quoted-printable') return raw;
  return raw
    .split('\r\n')
    .map((line) => foldQuoted(line))
    .join('\r\n');
}

/** One line in quoted-printable, with only what needs it escaped, as programs do. */
function foldQuoted(line: string): string {
  let folded = '';
  let width = 0;
  for (let at = 0; at < line.length; at += 1) {
    const octet = line.charCodeAt(at);
    const blankAtEnd = at === line.length - 1 && (octet === 32 || octet === 9);
    const plain = ((octet >= 32 && octet < 127) || octet === 9) && octet !== 61 && !blankAtEnd;
    const written = plain ? line.charAt(at) : `=${octet.toString(16).toUpperCase().padStart(2, '0')}`;
    if (width + written.length > 75) {
      folded += '=\r\n';
      width = 0;
    }
    folded += written;
    width += written.length;
  }
  return folded;
}

class Writer {
  readonly #program: Program;
  readonly #unique: string;
  #level = 0;

  constructor(program: Program, unique: string) {
    this.#program = program;
    this.#unique = unique;
  }

  #multipart(subtype: string, parts: readonly string[], parameters = ''): string {
    const program = this.#program;
    this.#level += 1;
    const boundary = program.boundary(this.#level, this.#unique);
    const needsQuotes = program.bare !== true || !/^[\w.+-]+$/.test(boundary);
    const type = program.upper === true ? `MULTIPART/${subtype.toUpperCase()}` : `multipart/${subtype}`;
    const key = program.upper === true ? 'BOUNDARY' : 'boundary';
    const value = needsQuotes ? `"${boundary}"` : boundary;
    const head = `Content-Type: ${type}${parameters};${program.fold ?? ' '}${key}=${value}\r\n`;
    const preamble = this.#level === 1 ? (program.preamble ?? '') : '';
    const end = program.unended === true ? '' : '\r\n';
    return `${head}\r\n${preamble}${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--${end}`;
  }

  #text(type: string, text: string): string {
    const program = this.#program;
    const ascii = isAscii(text);
    const encoding =
      ascii && program.text === '8bit' ? '7bit' : !ascii && program.text === '7bit' ? 'quoted-printable' : program.text;
    const charset = charsetOf(program, text);
    const quote = program.bare === true ? charset : `"${charset}"`;
    const flowed = type === 'plain' ? (program.flowed ?? '') : '';
    const typed = program.upper === true ? `TEXT/${type.toUpperCase()}` : `text/${type}`;
    const typeLine = `Content-Type: ${typed};${program.fold ?? ' '}charset=${quote}${flowed}`;
    const encodingLine = `Content-Transfer-Encoding: ${encoding}`;
    const lines = program.dispositionFirst === true ? [encodingLine, typeLine] : [typeLine, encodingLine];
    return `${lines.join('\r\n')}\r\n\r\n${textBody(encoding, charset, text)}`;
  }

  #file(file: HonestFile): string {
    const program = this.#program;
    const type = program.upper === true ? file.type.toUpperCase() : file.type;
    const kind = file.inline === true ? 'inline' : 'attachment';
    const typeLine = `Content-Type: ${type}${parameter(program, 'name', file.name)}`;
    const disposition = `Content-Disposition: ${kind}${parameter(program, 'filename', file.name)}`;
    const encoding = `Content-Transfer-Encoding: ${program.upper === true ? 'BASE64' : 'base64'}`;
    const id = file.inline === true ? ['Content-ID: <image001@client.example>'] : [];
    const lines =
      program.dispositionFirst === true
        ? [disposition, typeLine, ...id, encoding]
        : [typeLine, ...id, disposition, encoding];
    return `${lines.join('\r\n')}\r\n\r\n${base64Lines(file.content)}`;
  }

  entity(content: Content): string {
    const program = this.#program;
    let entity = this.#text('plain', content.text);
    if (content.html !== undefined) {
      let html = this.#text('html', content.html);
      if (content.images !== undefined) {
        html = this.#multipart(
          'related',
          [html, ...content.images.map((image) => this.#file(image))],
          program.typeFirst === true ? '; type="text/html"' : '',
        );
      }
      entity = this.#multipart('alternative', [entity, html]);
    }
    const files = (content.files ?? []).map((file) => this.#file(file));
    if (content.forwarded !== undefined) {
      const name = program.names === 'token' ? '' : '; name="Forwarded message.eml"';
      files.push(
        `Content-Type: message/rfc822${name}\r\nContent-Disposition: attachment\r\n\r\n${content.forwarded.toString('latin1')}`,
      );
    }
    return files.length === 0 ? entity : this.#multipart('mixed', [entity, ...files]);
  }
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** One mail of one program. */
export function write(program: Program, content: Content): HonestMail {
  const id = `${program.name}-${content.id}`;
  const unique = octetsOf(id, 16).toString('hex');
  const day = 1 + numberOf(id, 28);
  const entity = new Writer(program, unique).entity(content);
  const head = [
    `Received: from mx.client.example (mx.client.example [192.0.2.10])\r\n\tby mail.example.org with ESMTPS id ${unique.slice(0, 10)}\r\n\tfor <bob@example.org>; Mon, 02 Feb 2026 10:00:00 +0100 (CET)`,
    'From: "Ann Example" <ann@client.example>',
    'To: Bob Example <bob@example.org>',
    `Subject: ${word(content.subject)}`,
    `Date: ${day} ${months[numberOf(`${id} month`, 12)]} 2025 10:00:00 +0000`,
    `Message-ID: <${unique}@client.example>`,
  ];
  const version = program.version ?? 'MIME-Version: 1.0';
  const lines =
    program.typeFirst === true
      ? [...head, ...(program.fields ?? []), '']
      : [...head, version, ...(program.fields ?? []), ''];
  // Exchange and others write the version behind the type, which is the first field of the entity.
  const [type = '', ...rest] = entity.split(/(?<=\r\n)(?![ \t])/);
  const body = program.typeFirst === true ? `${type}${version}\r\n${rest.join('')}` : entity;
  return { id, mail: Buffer.from(lines.join('\r\n') + body, 'latin1'), today: program.today };
}
