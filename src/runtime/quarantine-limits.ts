/** Bounds of held mail: what is kept of it, its threads, its database, and how long its releases wait. */
export const quarantineLimits = {
  /** findings kept with an item or incident; a mail with more attachments is told by its first and a count. */
  findingsMax: 100,
  /** problem codes kept with an item. */
  problemsMax: 50,
  /** ms in which the same message and envelope is taken for a client that never saw our 250. */
  repeatWindowMs: 3_600_000,
  /** sealing threads; age is pure JavaScript at some 90 MB/s, and the inspection threads need the other cores. */
  sealThreads: 2,
  /** seals and openings waiting for a thread; above it a hold fails with 451. */
  sealQueueMax: 256,
  /** ms for one seal, opening or set of notices before its thread counts as hung; 10 GB of age at 90 MB/s. */
  sealTimeoutMs: 120_000,
  /** ms an idle sealing thread is kept; starting one costs some 50 ms. */
  sealIdleMs: 60_000,
  /** calls waiting for the database thread; a durable commit takes 0.2-5 ms. */
  storeQueueMax: 4096,
  /** ms that one connection waits for another process's write transaction. */
  busyTimeoutMs: 5000,
  /** characters of a next hop's reply that are kept; enough for any explanation. */
  replyCharacters: 1000,
  /** different replies of one release attempt that go into the audit row. */
  repliesMax: 20,
  /** characters of the reason with which a request is denied; a few sentences. */
  reasonCharacters: 500,
  /** rows of one list in the command line. */
  listMax: 10_000,
  /** items expired in one transaction, so that holds never wait long behind a sweep. */
  sweepBatch: 200,
  /** rows removed by one call, and old items, incidents or mails looked at by it, so that a hold waits no longer than some 10 ms. */
  purgeRows: 100,
  purgeScan: 200,
  /** ms between two such calls, which are left to everybody else. */
  purgePauseMs: 20,
  /** released messages that are still known when their items are forgotten; some 200 bytes each. */
  marksMax: 1_000_000,
  /** ms for which the re-entry field of a release vouches; the MTA's own queue may hold the mail for days (RFC 5321 §4.5.4.1). */
  reentryMs: 432_000_000,
  /** ms a stopping outbox waits for deliveries under way before it abandons them. */
  stopGraceMs: 10_000,
  /** ms that abandoned deliveries get to close their connections. */
  abortGraceMs: 1000,
  /** ms a release from the command line waits for its answer; RFC 5321 §4.5.3.2.6 gives the next hop 10 minutes after the dot. */
  commandReleaseMs: 900_000,
  /** ms between two looks at a release that another process works on. */
  watchIntervalMs: 200,
  /** ms of silence on a connection that sends a notice (RFC 5321 §4.5.3.2 says 5 minutes, 10 after the dot). */
  mailerTimeoutMs: 300_000,
  mailerConnectTimeoutMs: 30_000,
} as const;
