/** Bounds of scoring elsewhere, by clamd and over HTTP, with their units and reasons. */

/** of a gate that asks clamd */
export const clamdLimits = {
  /** ms for a connection; clamd accepts at once unless its own queue of connections is full. */
  connectTimeoutMs: 5000,
  /** ms that a file waits for one of the connections; less than the deadline of most messages. */
  slotWaitMs: 15_000,
  /** bytes of a reply; a line with one name. */
  replyBytes: 4096,
  /** ms between two questions for the version: the signatures change some times a day. */
  pollIntervalMs: 60_000,
  /** ms between two questions while clamd is away. */
  pollDownMs: 2000,
  /** ms for the answer to such a question. */
  pollTimeoutMs: 10_000,
  /** ms for clamd to refuse a length; it does so before any content. */
  sizeProbeMs: 1000,
  /** characters of the version that are kept. */
  versionCharacters: 100,
} as const;

/** of a gate that asks a service over HTTP */
export const scoringHttpLimits = {
  /** ms for a connection, with its TLS handshake. */
  connectTimeoutMs: 5000,
  /** ms that a question waits for one of the connections; less than the deadline of most messages. */
  slotWaitMs: 15_000,
  /** bytes of an answer; a result has some hundred. */
  answerBytes: 65_536,
  /** bytes of an answer's header. */
  headerBytes: 16_384,
  /** times that a question is put while it is not answered, or answered with a failure that may pass. */
  attemptsMax: 3,
  /** ms before it is put again, doubled each time and shortened by chance, so that gates do not come in step. */
  backOffMs: 200,
  backOffMaxMs: 5000,
  /** ms between two looks at an analysis, whatever the service says of it, and where it says nothing. */
  pollLeastMs: 250,
  pollMostMs: 60_000,
  pollFirstMs: 500,
  /** characters of an address that a service gives for a result. */
  locationChars: 2048,
  /** ms between two questions for the version: signatures change some times a day. */
  engineIntervalMs: 60_000,
  /** ms between two questions while the service is away. */
  engineDownMs: 2000,
  /** ms for the answer to such a question. */
  engineTimeoutMs: 10_000,
  /** characters of a token; a signed one has up to some thousand. */
  tokenChars: 8192,
  tokenFileBytes: 16_384,
  /** ms between two looks at the date of the token's file. */
  tokenCheckMs: 1000,
  /** candidate names of a file that are sent where that is wanted, and bytes of the header field with them. */
  namesMax: 8,
  namesBytes: 2048,
  /** characters of a service's own words in a log line. */
  wordsChars: 200,
} as const;

/** of `sluice scoring-server` */
export const scoringServerLimits = {
  /** files taken in at a time; each may need its size on the disk. */
  uploadsMax: 16,
  /** analyses under way, whose files lie on the disk; above it a file is refused with 429. */
  analysesMax: 64,
  /** results in memory; some 400 bytes each. */
  resultsMax: 50_000,
  /** ms for which a result is remembered; feeds and rules of this server do not change while it runs. */
  resultMs: 3_600_000,
  /** connections at a time. */
  connectionsMax: 512,
  /** ms for the header of a request, and for silence on a connection in the midst of one. */
  silenceMs: 30_000,
  /** ms for a whole request; 100 MiB at 3 Mbit/s. */
  requestMs: 300_000,
  keepAliveMs: 30_000,
  /** ms that requests under way get when the server is told to stop. */
  stopGraceMs: 10_000,
  /** s after which a client that was refused for the time being may come again. */
  retryAfterSeconds: 1,
  /** ms that a request waits for its result; then the client is told where it will be. */
  answerWithinMs: 10_000,
  /** ms for the scores of one file. */
  scoreMs: 120_000,
  /** bytes of a file of injected answers. */
  injectionBytes: 1_048_576,
  /** ms between two looks at its date. */
  injectionCheckMs: 100,
  /** characters of a path; ours have some 80. */
  pathChars: 256,
} as const;
