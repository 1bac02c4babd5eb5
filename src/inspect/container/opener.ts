/**
 * The contract of an opener: something that recognises one format by its content and takes out the files in it. It
 * sees whole decoded bytes in memory, hands members over as they are decoded, and knows nothing of bounds beyond
 * obeying `write` and `exhausted`. It never uses a member's name as a path or an argument.
 */
import type { ProblemCode } from '../../mime/problem.js';
import type { PartFlag } from '../report.js';

/** A file that is looked into: a leaf of the message, a member of another file, or the message itself. */
export interface OpenFile {
  /** all decoded bytes; never changed, and not kept beyond the call */
  readonly content: Buffer;
  /** every candidate name; a hint at best, names are the sender's choice */
  readonly names: readonly string[];
  /** lower-case media type as declared; empty for members that declare none */
  readonly declaredType: string;
  /** media type by content; undefined when unknown */
  readonly detectedType: string | undefined;
  /** charset as declared, lower case, for texts */
  readonly charset: string | undefined;
}

/** What is known of a member before its bytes. */
export interface MemberAbout {
  /** every candidate name, decoded and raw; empty when it has none */
  readonly names: readonly string[];
  /** how it was taken out, e.g. `zip`, `tnef`, `uuencode`; becomes its `encoding` in the report */
  readonly method: string;
  /** as declared inside of the container; absent when nothing is declared */
  readonly declaredType?: string;
  readonly charset?: string | undefined;
  readonly flags?: readonly PartFlag[];
  /** the choices that lead to it, when it is from another reading of an ambiguous message */
  readonly view?: string;
  /** nothing is looked for inside: it is only the encoded form of what is taken beside it */
  readonly closed?: boolean;
  /** it may be no file at all: that it cannot be read to its end then says nothing about what was missed */
  readonly guess?: boolean;
}

/** A member whose bytes are being handed over. */
export interface MemberWriter {
  /** Takes the next bytes, which may be reused afterwards. False: a bound was reached, decode no further. */
  write(chunk: Uint8Array): boolean;
  /** All bytes were written (or no more will come): it is hashed, typed and opened in turn. */
  end(flags?: readonly PartFlag[]): Promise<void>;
}

/** Where an opener puts what it finds in one file. */
export interface OpenOutput {
  /** Starts a member; undefined when the bound of members or depth was reached: stop. */
  member(about: MemberAbout): MemberWriter | undefined;
  /** A member whose bytes are at hand. False when a bound was reached: stop. */
  add(about: MemberAbout, content: Uint8Array): Promise<boolean>;
  /** A fact about the file that is being opened. */
  flag(flag: PartFlag): void;
  /** A problem of the file that is being opened, from the closed list. */
  problem(code: ProblemCode): void;
  /** bytes that may still be decoded; decoders with a limit of their own are given this one */
  readonly bytesLeft: number;
  /** time or bytes are used up: stop, `unpack-limit` is already recorded */
  readonly exhausted: boolean;
  /** the file is a body of a message whose plausible readings were all taken, so they need not be taken again */
  readonly readInAllWays?: boolean;
}

/**
 * One format. All openers that match are run on a file (a file may be valid in several formats, and readers choose
 * differently); their members are joined, without repeats by digest. What `open` throws becomes `opener-failed`.
 */
export interface Opener {
  /** the format's name, lower case */
  readonly id: string;
  /** Cheap and certain: signatures, not names or declared types alone, unless the format has no signature. */
  matches(file: OpenFile): boolean;
  open(file: OpenFile, out: OpenOutput): void | Promise<void>;
}
