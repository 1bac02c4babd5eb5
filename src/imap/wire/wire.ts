/**
 * IMAP as values: what the readers make of octets, on either side. Grammar: RFC 9051 §9, RFC 3501 §9. The octets of
 * everything that is only passed on are kept beside the values.
 */

/** Announced at the end of a line (RFC 9051 §4.3, RFC 7888, RFC 3516 §4.4). */
export interface Literal {
  /** octets */
  readonly size: number;
  /** `{n}`: its sender waits for a continuation request */
  readonly synchronizing: boolean;
  /** `~{n}`: may hold NUL */
  readonly binary: boolean;
}

/** A piece of a client's command. A command is `line (data* line)*`; the line without a literal ends it. */
export type CommandPiece =
  | {
      readonly kind: 'line';
      /** without CRLF, with the literal's announcement */
      readonly bytes: Buffer;
      readonly literal: Literal | undefined;
    }
  /** octets of the announced literal; `end` with the last (also for an empty one) */
  | { readonly kind: 'data'; readonly bytes: Buffer; readonly end: boolean }
  /** the rest of the input cannot be trusted to begin at a command */
  | { readonly kind: 'fault'; readonly fault: WireFault };

export type WireFault =
  | 'line-too-long'
  | 'bare-line-end'
  | 'nul'
  | 'literal-size'
  | 'response-too-long'
  | 'nesting'
  | 'syntax';

/** An argument, or a value of a response. Quoted strings and literals are both `string`. */
export type Token =
  | { readonly kind: 'atom'; readonly bytes: Buffer }
  | { readonly kind: 'string'; readonly bytes: Buffer; readonly form: 'quoted' | 'literal' | 'literal8' }
  | { readonly kind: 'list'; readonly items: readonly Token[] };

/** A whole command in memory. */
export interface Command {
  /** latin1 */
  readonly tag: string;
  /** upper case, `UID FETCH` as one */
  readonly verb: string;
  readonly args: readonly Token[];
}

export interface Section {
  /** part numbers, empty for the message itself */
  readonly part: readonly number[];
  readonly text: 'HEADER' | 'HEADER.FIELDS' | 'HEADER.FIELDS.NOT' | 'TEXT' | 'MIME' | undefined;
  /** field names, for HEADER.FIELDS and HEADER.FIELDS.NOT; octets as latin1 */
  readonly fields: readonly string[];
}

/** One item that a client asks for. */
export interface FetchItem {
  /** upper case: `FLAGS`, `BODY`, `BODY[]`, `BODY.PEEK[]`, `RFC822.SIZE`, `BINARY[]`, `BINARY.PEEK[]`, `BINARY.SIZE[]`, `PREVIEW` … */
  readonly name: string;
  /** of the names that end in `[]` */
  readonly section: Section | undefined;
  /** `<offset.count>`; without a count, up to the end */
  readonly partial: { readonly offset: number; readonly count: number | undefined } | undefined;
  /** `PREVIEW (LAZY)` (RFC 8970) */
  readonly lazy: boolean;
}

export interface FetchRequest {
  readonly uid: boolean;
  /** as written; `$` is the saved result (RFC 5182) */
  readonly set: string;
  /** macros expanded; never empty */
  readonly items: readonly FetchItem[];
  /** CHANGEDSINCE and VANISHED (RFC 7162), upper case, without parentheses; empty when there are none */
  readonly modifiers: string;
}

export interface ResponseCode {
  /** upper case */
  readonly name: string;
  /** what follows it, as latin1 */
  readonly text: string;
}

/**
 * What a server says. `raw` is the whole response with its CRLF and literals. Buffers are slices of what was read and
 * stay valid; only those of `fetch-data` are valid until they are written to the client, and whoever keeps them longer
 * copies them.
 */
export type ServerEvent =
  | { readonly kind: 'continuation'; readonly raw: Buffer }
  | {
      readonly kind: 'tagged';
      readonly tag: string;
      readonly status: 'OK' | 'NO' | 'BAD';
      readonly code: ResponseCode | undefined;
      readonly raw: Buffer;
    }
  | {
      readonly kind: 'status';
      readonly status: 'OK' | 'NO' | 'BAD' | 'BYE' | 'PREAUTH';
      readonly code: ResponseCode | undefined;
      readonly raw: Buffer;
    }
  | {
      readonly kind: 'data';
      /** upper case: `LIST`, `EXISTS`, `CAPABILITY` … */
      readonly name: string;
      /** of `* 5 EXISTS` and `* 5 EXPUNGE` */
      readonly number: number | undefined;
      readonly raw: Buffer;
    }
  | FetchEvent
  | { readonly kind: 'fault'; readonly fault: WireFault };

/**
 * A FETCH response. One that is wholly in what was read is a single `fetch` with `open: false`. A longer one begins
 * with a `fetch` whose last item is the announced literal (`open: true`); `fetch-data` brings the literal's octets, and
 * then `fetch-more` the items behind it, again with `open` when the next literal is long too.
 */
export type FetchEvent =
  | {
      readonly kind: 'fetch';
      /** message sequence number */
      readonly sequence: number;
      readonly items: readonly ResponseItem[];
      readonly raw: Buffer;
      readonly open: boolean;
    }
  | { readonly kind: 'fetch-data'; readonly bytes: Buffer; readonly end: boolean }
  | {
      readonly kind: 'fetch-more';
      readonly items: readonly ResponseItem[];
      readonly raw: Buffer;
      readonly open: boolean;
    };

/** One item of a FETCH response, as ranges in the event's `raw`. */
export interface ResponseItem {
  /** upper case, as in FetchItem: `UID`, `FLAGS`, `BODY[]`, `BINARY.SIZE[]` … */
  readonly name: string;
  /** what stands between the brackets, latin1 as written; empty when there are none */
  readonly section: string;
  /** `<n>` behind the brackets */
  readonly origin: number | undefined;
  readonly form: 'number' | 'atom' | 'nil' | 'quoted' | 'literal' | 'literal8' | 'list';
  /** of a number; else 0 */
  readonly number: number;
  /** where the item's name begins in `raw` */
  readonly start: number;
  /** where its value begins: of a literal the first octet behind the announcement, of a quoted string that behind the quote */
  readonly valueStart: number;
  /** where its value ends, without the closing quote; for an open literal `raw.length` */
  readonly valueEnd: number;
  /** where the item ends in `raw` */
  readonly end: number;
  /** octets of a literal, also of an open one; else 0 */
  readonly literalBytes: number;
}

/** Octets for the server, without tag and final CRLF; a literal is written in the form that the server takes. */
export type OutgoingCommand = readonly (Buffer | { readonly literal: Buffer })[];
