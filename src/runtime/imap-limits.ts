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
