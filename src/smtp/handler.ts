/**
 * What the SMTP session asks of whoever judges messages. The session knows the protocol and no policy; the handler
 * knows policy and never sees a socket.
 */
import type { Spool } from '../runtime/spool.js';
import type { Reply } from './reply.js';

export interface SmtpPeer {
  readonly address: string;
  readonly port: number;
  readonly helo: string;
  readonly tls: boolean;
  readonly authenticated: boolean;
}

export interface SmtpRecipient {
  readonly address: string;
  /** ESMTP parameters as written, e.g. `NOTIFY=NEVER` */
  readonly parameters: readonly string[];
}

/** The transaction at the moment its content begins: only recipients that upstream accepted. */
export interface SmtpEnvelope {
  readonly peer: SmtpPeer;
  /** without angle brackets; empty for the null reverse-path */
  readonly mailFrom: string;
  readonly mailParameters: readonly string[];
  readonly recipients: readonly SmtpRecipient[];
}

/** A run of bytes to relay: our own, or a range of the spooled message. */
export type Piece = Buffer | { readonly start: number; readonly end: number };

/** What became of a message that was relayed: upstream's final reply, or that the connection was lost first. */
export type RelayOutcome =
  | { readonly kind: 'replied'; readonly code: number; readonly line: string }
  | { readonly kind: 'lost' };

export type Judgement =
  | { readonly kind: 'relay'; readonly pieces: readonly Piece[]; settled(outcome: RelayOutcome): void }
  | { readonly kind: 'answer'; readonly reply: Reply };

/** One message on its way in. */
export interface Intake {
  /** Message bytes in order, dots removed. The chunk is valid only during the call. */
  write(chunk: Buffer): void;
  /** Called once, when all bytes are in the spool. Never rejects: a failure is a judgement too. */
  judge(): Judgement | Promise<Judgement>;
  /** The transaction ended without a judgement (client gone, syntax refused, too large). */
  abort(reason: string): void;
}

export interface SmtpHandler {
  open(envelope: SmtpEnvelope, spool: Spool): Intake;
  /** whether messages may be tagged, so that the SIZE we announce leaves room for it */
  mayTag(): boolean;
}
