/**
 * The inspection report: what was found in one message, as plain values that cross threads and print as JSON. It holds
 * facts only; whether they are bad is for scoring and policy.
 */
import type { Problem } from '../mime/problem.js';

/** Facts that rules look at. Later inspection depth adds to this closed list. */
export const partFlags = {
  eicar: 'eicar',
  encrypted: 'encrypted',
  undecodable: 'undecodable',
} as const;
export type PartFlag = (typeof partFlags)[keyof typeof partFlags];

/** One leaf of the message, or one member inside a leaf. Digests and size are of the decoded bytes. */
export interface PartFacts {
  /**
   * RFC 9051 §6.4.5 numbering, `1.2`; members inside a file continue it with `!`, `1.2!1`. `0` is the raw message
   * itself, listed as one more file when another reading of it is plausible.
   */
  readonly path: string;
  /** every candidate name, decoded and raw, without repeats; empty when the part has none */
  readonly names: readonly string[];
  /** lower case `type/subtype` as declared, or the default that applies (RFC 2045 §5.2) */
  readonly declaredType: string;
  /** media type by content; undefined when nothing was recognised or the part was not sniffed */
  readonly detectedType: string | undefined;
  /** the transfer encoding that was undone: `7bit`, `8bit`, `binary`, `base64`, `quoted-printable` */
  readonly encoding: string;
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
