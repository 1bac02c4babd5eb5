/** Bounds of one IMAP session; the part of limits.ts that is about its sockets, its commands and their order. */
export const imapSessionLimits = {
  /** bytes of a command that is read as a whole with its literals: FETCH, SELECT, LOGIN and the like; long sets of UIDs have 60,000. */
  collectedBytes: 131_072,
  /** bytes of such a command before the login, when anybody may send it. */
  loginBytes: 16_384,
  /** bytes that a client may send in one authentication; tokens of OAuth have some thousand. */
  authBytes: 65_536,
  /** commands under way at a time; more wait in the client's socket. */
  pipelineMax: 64,
  /** bytes that wait for a client; above it nothing more is read from the server for it. */
  clientBacklogBytes: 524_288,
  /**
   * bytes that wait behind a message under judgement, with those of the messages themselves; above it nothing more is
   * read from the server. What is shown is written down for all of them together, which is what a mailbox of small mail
   * is read the faster for.
   */
  judgedBacklogBytes: 2_097_152,
  /** bytes that are copied together for one write; several pieces cost the system more than that. */
  joinedBytes: 8192,
  /** bytes that wait for the server; above it nothing more is read from the client. */
  upstreamBacklogBytes: 524_288,
  /** bytes that stand for a place in the order that is not filled yet, besides those of the response that waits. */
  reservationWeight: 1024,
  /** bytes that a slow client must take within the stall timeout to count as alive. */
  progressBytes: 65_536,
  /** protocol events of one session that are logged; all are counted. */
  eventsLogged: 20,
  /** characters of a CAPABILITY or ENABLED list; Dovecot's has 400. */
  capabilityCharacters: 16_384,
  /** searches whose results are kept up to date for one client; of more, the oldest tell nothing further. */
  searchContextsMax: 64,
  /** COPYUID codes of one MOVE; a server may send one for each of its batches. */
  copyCodesMax: 1000,
  /** bytes of what a server says until its greeting and the answers before TLS are done. */
  greetingBytes: 65_536,
} as const;

export const releaseSwapLimits = {
  /** released messages that get a new UID in one SELECT, whose client waits; the rest have their turn at the next. */
  perSelect: 50,
  /** ms; after it no further swap is begun in this SELECT. Some clients wait no longer than a minute for an answer. */
  beginMs: 15_000,
  /** messages of the same size and date that may be an interrupted copy; each is read to compare its digest. */
  candidatesMax: 16,
} as const;

export const storedMessageLimits = {
  /** parts of a message whose structure is shown; what lies beyond belongs to the last of them. */
  partsMax: 10_000,
  /** nesting of multipart and message/rfc822 in it. */
  depthMax: 64,
  /** fields of one header block that are told apart. */
  fieldsMax: 10_000,
  /** bytes in front of a colon that may be a field's name; RFC 5322 §2.1.1 allows lines of 998. */
  fieldNameBytes: 998,
  /** bytes of one field that ENVELOPE and BODYSTRUCTURE show. */
  fieldBytes: 65_536,
  /** addresses of one field that ENVELOPE shows. */
  addressesMax: 2000,
  /** encoded bytes of a text that a preview is looked for in, and its characters (RFC 8970 §3.1). */
  previewBytes: 65_536,
  previewCharacters: 200,
} as const;

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

export const imapFetchLimits = {
  /** bytes of a response, but for long literals, that are copied out of what was read. */
  copiedBytes: 1024,
  /** messages taken in by one FETCH whose octets are still wanted; then nothing more is read until some are judged. */
  heldMax: 256,
  /** places kept in its output; most wait until it is written down that their messages are shown. */
  placesMax: 1024,
  /** literals of one response that are kept; what has more is asked for again when its message is judged. */
  heldLiteralsMax: 16,
  /** pieces of one response between literals; more of them tell nothing that is kept. */
  responsePartsMax: 1000,
  /** messages named by UID that are looked up before a FETCH; clients that know what they want name fewer. */
  sureMessagesMax: 1000,
  /** responses whose showing is written down together. */
  shownTogetherMax: 256,
  /** messages that one FETCH asks for again; some 100 bytes each. */
  pendingMax: 250_000,
  /** times that messages are judged and asked for again in one FETCH, as others may change them meanwhile. */
  roundsMax: 3,
  /** messages that are asked for with one command of ours, and the characters of their set: servers bound their lines. */
  askedTogetherMax: 1000,
  askedSetCharacters: 4000,
  /** messages judged together at first, and bytes of them above which the next time there are fewer. */
  bodiesTogetherLeast: 16,
  bodiesTogetherBytes: 8_388_608,
  /** values and nesting of a BODYSTRUCTURE that may tell a message without attachment; they have some fifty. */
  structureValuesMax: 1000,
  structureDepthMax: 24,
} as const;

export const imapJudgeLimits = {
  /** messages whose rows are written in one transaction; a few ms of the database thread. */
  batchRows: 2048,
  /** messages whose remembered facts are read at a time; some MB. */
  settleRows: 1000,
  /** messages decided again in one go before the event loop gets its turn; a few ms. */
  settleSlice: 100,
  /** pairs of a COPY written in one transaction. */
  copyRows: 2000,
  /** characters of what is remembered of one message for a later judgement; more is judged from its content again. */
  factsCharacters: 32_768,
  /** notices in memory; some 10 KB each. */
  noticesMax: 500,
  /** trace fields at the top of a message that may have been added to a released one; a mail makes a dozen hops. */
  traceFieldsMax: 128,
  /** endings of one message that are hashed to recognise it; each is of the length of a quarantined message. */
  endingsMax: 4,
  /** Delivered-To and X-Original-To fields that are read, and characters of an address in them. */
  recipientsMax: 16,
  addressCharacters: 1000,
  /** rows removed in one transaction from mailboxes that nobody opened for long; a few ms of the database thread. */
  expireRows: 2000,
} as const;

export const censusLimits = {
  /**
   * rows of messages that may be gone: a mailbox is asked which are left when there are more than this many for each
   * message that it has, and some more. So each time at least as many go as messages were judged since the last time.
   */
  rowsPerMessage: 2,
  rowsFree: 1000,
  /** ms between two times for one mailbox, whether the server answered or not. */
  pauseMs: 3_600_000,
  /** messages above which a mailbox is not asked: the answer has some 9 bytes for each, and is in memory as a whole. */
  messagesMax: 1_000_000,
  /** mailboxes of which it is known that they are to be asked when they are opened next; some 300 bytes each. */
  mailboxesMax: 10_000,
  /** rows looked at, and at the most removed, in one transaction; a few ms of the database thread. */
  windowRows: 1000,
  /** ms between two such transactions, which are left to everybody else. */
  windowPauseMs: 20,
} as const;

export const readAheadLimits = {
  /** messages asked for one after the other before those behind them are read ahead. */
  stepsLeast: 2,
  /** ms between two of them; a program that goes through a mailbox is faster, a person who reads is not. */
  paceMs: 300,
  /** numbers that a step may be in UIDs, of which some are gone. */
  uidGap: 8,
  /** messages read ahead at first, each time twice as many; at the most, what is judged in some ms as the client waits. */
  messagesLeast: 2,
  messagesMax: 16,
  /** bytes read ahead, as the server announces them. The end of the client's command waits for them. */
  bytesMax: 1_048_576,
} as const;
