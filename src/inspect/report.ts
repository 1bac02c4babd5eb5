/**
 * The inspection report: what was found in one message, as plain values that cross threads and print as JSON. It holds
 * facts only; whether they are bad is for scoring and policy.
 */
import type { Problem } from '../mime/problem.js';

/** Facts of the bytes that rules look at: a closed list. What a name looks like is the rules' own business. */
export const partFlags = {
  eicar: 'eicar',
  /** nobody can look inside without a key or password: mail, archive or document */
  encrypted: 'encrypted',
  undecodable: 'undecodable',
  /** executable code by content, whatever the operating system */
  executable: 'executable',
  /** script source by content: shell, PowerShell, JScript, VBScript, batch, HTA, Windows script files */
  script: 'script',
  /** script source of Unix and its interpreters, by its first line: no system runs it because it was opened */
  unixScript: 'unix-script',
  /** a document with a VBA project or another macro language */
  macro: 'macro',
  /** macros that run when the document is opened or closed */
  macroAutorun: 'macro-autorun',
  /** Excel 4.0 macro sheets */
  macroSheet: 'macro-sheet',
  /** an Office document that loads a template, frame or object from elsewhere */
  externalTemplate: 'external-template',
  /** an OLE object or package inside of a document */
  embeddedObject: 'embedded-object',
  /** dynamic data exchange: a field or formula that starts a program */
  dde: 'dde',
  pdfJavascript: 'pdf-javascript',
  /** a PDF action that starts a program or opens a file */
  pdfLaunch: 'pdf-launch',
  pdfEmbeddedFile: 'pdf-embedded-file',
  rtfObject: 'rtf-object',
  onenoteFile: 'onenote-file',
  /** a Windows shortcut or another file that only points at a program or address */
  shortcut: 'shortcut',
  diskImage: 'disk-image',
  /** script in HTML or SVG that builds a file in the reader's browser */
  htmlSmuggling: 'html-smuggling',
  /** HTML or SVG with script of any kind */
  activeContent: 'active-content',
  /** valid in two formats that have nothing to do with each other */
  polyglot: 'polyglot',
  /** content, name and declared type contradict each other in a way that matters */
  typeConflict: 'type-conflict',
  /** an archive whose directory and local headers disagree, so that programs unpack different files */
  archiveMismatch: 'archive-mismatch',
  /** members whose names leave the folder they are unpacked into */
  memberNameUnsafe: 'member-name-unsafe',
  /** one of several volumes */
  multiVolume: 'multi-volume',
} as const;
export type PartFlag = (typeof partFlags)[keyof typeof partFlags];

/** One leaf of the message, or one member inside a leaf. Digests and size are of the decoded bytes. */
export interface PartFacts {
  /**
   * RFC 9051 §6.4.5 numbering, `1.2`; members inside a file continue it with `!`, `1.2!1`. Where another reading of
   * the message is plausible, `0` is the raw message itself as one more file, and `~1`, `~2!1` are parts that only
   * other readings have.
   */
  readonly path: string;
  /** every candidate name, decoded and raw, without repeats; empty when the part has none */
  readonly names: readonly string[];
  /** lower case `type/subtype` as declared, or the default that applies (RFC 2045 §5.2) */
  readonly declaredType: string;
  /** media type by content; undefined when nothing was recognised or the part was not sniffed */
  readonly detectedType: string | undefined;
  /**
   * What was undone to reach these bytes: a transfer encoding (`7bit`, `8bit`, `binary`, `base64`,
   * `quoted-printable`), or for a member the format it was taken from (`zip`, `tnef`, `uuencode`)
   */
  readonly encoding: string;
  /**
   * The reading of an ambiguous message in which this part was found, as its choices; empty for the reading that a
   * well-formed message has.
   */
  readonly view: string;
  readonly disposition: string | undefined;
  /** every leaf that is not an inline text body of the top multipart; when in doubt true */
  readonly attachment: boolean;
  readonly bytes: number;
  /** lower-case hex of the decoded bytes; this and the next two are empty for a text body unless they were asked for */
  readonly sha256: string;
  readonly sha1: string;
  readonly md5: string;
  /** the encoded body in the raw message, `[start, end)`; members of archives have none */
  readonly range: { readonly start: number; readonly end: number } | undefined;
  readonly flags: readonly PartFlag[];
  readonly members: readonly PartFacts[];
}

/** Path of the raw message as one more file; no part has this number in RFC 9051 §6.4.5. */
export const rawMessagePath = '0';

/** What the message itself says of its sender and receivers; for the address lists and for incidents. */
export interface BodyAddresses {
  /** From, Sender and Reply-To, `local@domain` as written, without repeats */
  readonly sender: readonly string[];
  /** To and Cc */
  readonly receiver: readonly string[];
  /**
   * Those of `sender` that may *allow*: their field (From or Sender) is there once, with one mailbox, in a header that
   * can be read in one way. Anything may block.
   */
  readonly certainSender: readonly string[];
  /** the same of `receiver` (To, Cc) */
  readonly certainReceiver: readonly string[];
}

export interface InspectionReport {
  /** size of the raw message (dots unstuffed), in bytes */
  readonly bytes: number;
  readonly ambiguous: boolean;
  readonly unscannable: boolean;
  readonly problems: readonly Problem[];
  readonly addresses: BodyAddresses;
  /** decoded Subject, bounded to 998 characters; undefined when absent */
  readonly subject: string | undefined;
  readonly messageId: string | undefined;
  /** raw From field body decoded and bounded, for notices and the record */
  readonly from: string | undefined;
  readonly date: string | undefined;
  readonly parts: readonly PartFacts[];
  /** ways in which the message was read; 1 when it is well-formed */
  readonly views: number;
  /** some part (or member) is an attachment */
  readonly hasAttachment: boolean;
}

/** All parts and members, depth first. */
export function* everyPart(parts: readonly PartFacts[]): Generator<PartFacts, void, undefined> {
  for (const part of parts) {
    yield part;
    yield* everyPart(part.members);
  }
}
