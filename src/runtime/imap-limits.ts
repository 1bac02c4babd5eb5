/** Bounds of one IMAP session; the part of limits.ts that is about its sockets, its commands and their order. */
export const imapSessionLimits = {
  /** bytes of a command that is read as a whole with its literals: FETCH, SELECT, LOGIN and the like; long sets of UIDs have 60,000. */
  collectedBytes: 131_072,
  /** bytes that a client may send in one authentication; tokens of OAuth have some thousand. */
  authBytes: 65_536,
  /** commands under way at a time; more wait in the client's socket. */
  pipelineMax: 64,
  /** bytes that wait for a client; above it nothing more is read from the server for it. */
  clientBacklogBytes: 524_288,
  /** bytes that wait for the server; above it nothing more is read from the client. */
  upstreamBacklogBytes: 524_288,
  /** bytes that stand for a place in the order that is not filled yet: a message under judgement has a spool and more. */
  reservationWeight: 4096,
  /** bytes that a slow client must take within the stall timeout to count as alive. */
  progressBytes: 65_536,
  /** COPYUID codes of one MOVE; a server may send one for each of its batches. */
  copyCodesMax: 1000,
  /** bytes of what a server says until its greeting and the answers before TLS are done. */
  greetingBytes: 65_536,
} as const;

/** Of the octets of both sides. */
export const imapWireLimits = {
  /**
   * bytes of one response without its streamed literals. A SEARCH answer of a million messages takes 8 MiB; a message
   * of 10,000 parts has a structure of some 3 MiB.
   */
  responseBytes: 16_777_216,
  /** bytes of a literal that is waited for, so that a small message is one response in one piece. */
  inlineLiteralBytes: 32_768,
  /** bytes of a response with all its literals that is waited for; above it even a small one is passed as it comes. */
  inlineResponseBytes: 65_536,
  /** items of one FETCH response (between two streamed literals); a client may ask for a few hundred. */
  responseItemsMax: 10_000,
  /** parentheses in each other in a response; Dovecot nests MIME parts 100 deep, each costs up to three. */
  responseDepthMax: 1000,
  /** bytes of one literal; sizes of messages have 32 bits in RFC 3501 §9. */
  literalBytes: 4_294_967_295,
  /** bytes of a client's line; sets of scattered UIDs are long, and Dovecot and Cyrus take as many. */
  commandLineBytes: 65_536,
  /** bytes of a tag, which we keep and repeat; clients use 3 to 36. */
  tagBytes: 256,
  /** lists in lists in a command; SEARCH keys of real clients nest a few deep, Dovecot takes 100 in them. */
  commandDepthMax: 100,
  /** arguments in one command with those in its lists; each costs some 100 bytes for as long as the command lives. */
  commandTokensMax: 10_000,
  /** header fields that one FETCH item names; mail programs ask for some thirty. */
  sectionFieldsMax: 1000,
  /** numbers in one part specifier; MIME parts are nested 100 deep at most by the servers that we know. */
  sectionDepthMax: 200,
  /** items in one FETCH command. */
  fetchItemsMax: 500,
  /** ranges in one set; more than fit into a line. */
  setRangesMax: 50_000,
  /** messages of one COPYUID code that are told apart; two numbers may stand for four billion, and a lost one is judged again. */
  copyUidPairsMax: 250_000,
  /** bytes of a string that is sent between quotes; Cyrus and others bound such strings, never literals. */
  quotedBytes: 1024,
} as const;
