/** Bounds of what tells others about mail: durable counters, log collectors, files that turn bad late. Part of limits.ts. */

export const counterLimits = {
  /** ms between two writes of what was counted: a killed process loses no more. */
  flushMs: 2000,
  /** ms between two looks at the audit table for what other processes did. */
  auditMs: 2000,
  /** audit rows taken in one transaction, so that holds never wait long behind it. */
  auditRows: 500,
  /** ms between two looks for slices to merge. */
  mergeMs: 3_600_000,
  /** rounds that wait for a store that does not answer. */
  roundsMax: 8,
  /** slices that wait for a store that cannot take them: a day. */
  slicesMax: 144,
  /** ms after which slices of ten minutes become hours, and hours become days. */
  hoursAfterMs: 604_800_000,
  daysAfterMs: 7_776_000_000,
} as const;

export const syslogLimits = {
  /** files of one message that are told of one by one; further ones are counted. */
  filesMax: 20,
  /** recipients of one message that are named; the count is always there. */
  recipientsMax: 20,
  /** reasons of one verdict. */
  reasonsMax: 10,
  /** characters of one value; names and subjects are as long as strangers like. */
  valueCharacters: 500,
  /** bytes of one record: every receiver of datagrams takes 2048 (RFC 5426 §3.2), of streams 8192 (RFC 5425 §4.3.1). */
  datagramBytes: 2048,
  streamBytes: 8192,
  /** bytes of records that wait for a collector: some 10,000, which is a minute of a busy gate. */
  queueBytes: 8_388_608,
  /** bytes given to the connection at a time; while they are under way nothing else is. */
  batchBytes: 65_536,
  /** datagrams given to the socket at a time. */
  datagramsAtOnce: 64,
  /** ms for a connection, TLS included. */
  connectTimeoutMs: 10_000,
  /** ms in which a collector must take what was written before its connection counts as dead. */
  stallMs: 30_000,
  /** ms between two attempts to connect: the first, and at most. */
  retryFirstMs: 500,
  retryMaxMs: 30_000,
  /** ms that a stopping gate waits for collectors to take what is left. */
  stopGraceMs: 3000,
  /** ms for the close of a connection whose last records are written. */
  closeGraceMs: 500,
} as const;

export const deliveredLimits = {
  /** files of delivered mail that are remembered; some 500 bytes each. */
  filesMax: 20_000,
  /** files of one message. */
  filesPerMessage: 100,
  /** recipients of one message that are remembered with its files. */
  recipientsMax: 100,
  /** incidents written, and files that a log collector is told of, after one reload; a feed that calls everything bad shall not fill the database. */
  incidentsMax: 1000,
  /** ms for which they are; feeds learn of most files within a day. */
  keptMs: 86_400_000,
  /** files looked at before the event loop gets its turn; a few ms. */
  slice: 500,
} as const;
