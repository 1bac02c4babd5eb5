/**
 * The contract between the outbox and whoever speaks SMTP for a release: exact bytes out, the next hop's own words
 * back for every recipient. The quarantine knows no SMTP; the daemon injects an implementation.
 */
import type { SpoolSource } from '../runtime/spool-source.js';

/** Where mail of ours goes. */
export interface Route {
  readonly host: string;
  readonly port: number;
  readonly tls: 'none' | 'starttls' | 'implicit';
  /** whether the certificate must be valid for `servername` */
  readonly verify: boolean;
  /** name for SNI and the certificate; `host` when undefined */
  readonly servername?: string | undefined;
  /** PEM; the system's authorities when undefined */
  readonly ca?: string | undefined;
  /** the server requires a PROXY header on this port */
  readonly proxyHeader?: boolean | undefined;
  /** a release by this route meets a gate that shares our release key, so it carries the signed re-entry field */
  readonly reentry: boolean;
}

export type RouteKind = 'notice' | 'release' | 'administrator';

/** The route of today's configuration for mail that belongs to a listener; undefined when that listener is gone. */
export type RouteTable = (kind: RouteKind, listener: string) => Route | undefined;

export interface DeliveryRequest {
  readonly route: Route;
  /** empty for the null reverse-path */
  readonly mailFrom: string;
  /** for MAIL, verbatim; those whose extension the next hop does not offer are dropped by the implementation */
  readonly mailParameters: readonly string[];
  readonly recipients: readonly { readonly address: string; readonly parameters: readonly string[] }[];
  /** the content in order: bytes of ours, and ranges of `source` */
  readonly pieces: readonly (Buffer | { readonly start: number; readonly end: number })[];
  readonly source: SpoolSource;
}

/** What the next hop said about one recipient, and at which stage. */
export interface RecipientReply {
  readonly address: string;
  readonly stage: 'connect' | 'mail' | 'rcpt' | 'data' | 'end';
  /** undefined when no reply came at all */
  readonly code: number | undefined;
  /** the reply as received, or what went wrong with the connection */
  readonly reply: string;
  readonly delivered: boolean;
  /** a 5xx: trying again will not help */
  readonly permanent: boolean;
}

/**
 * One transaction. Resolves with one reply per recipient in the order of `request.recipients`, also when the
 * connection fails; a rejection counts as a temporary failure for all of them.
 */
export type Deliver = (request: DeliveryRequest, signal: AbortSignal) => Promise<readonly RecipientReply[]>;
