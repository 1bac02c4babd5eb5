/** Bounds of the administrators' pages; the part of limits.ts that is about their sign-in, their sessions and their forms. */
export const consoleLimits = {
  /** passwords checked at a time; each takes 32 MiB and a quarter of a second of a core that mail needs too. */
  passwordsAtOnce: 2,
  /** sign-ins that wait for their check; above it the answer is 503. */
  passwordsWaiting: 8,
  /** characters of a new password; NIST SP 800-63B asks for 8, and nothing else protects this one. */
  passwordCharactersMin: 12,
  /** bytes of a password that is looked at. */
  passwordBytes: 1024,
  /** bytes of a file with a password's record; ours have some 120. */
  recordBytes: 1024,
  /** bytes that one check may take, whatever the record asks for. */
  scryptMemoryBytes: 268_435_456,
  /** wrong passwords that are forgiven as slips before the next try has to wait. */
  failuresFree: 5,
  /** ms to wait after that, doubled with each failure up to the second; short enough for whoever it was that forgot. */
  delayFirstMs: 30_000,
  delayMaxMs: 900_000,
  /** ms after which failures are forgotten. */
  failuresForgottenMs: 86_400_000,
  /** counters of failures that are kept; some 100 bytes each. */
  failureRowsMax: 20_000,
  /** failed sign-ins written to the audit log in an hour, the rest as one sum: it only grows. */
  failuresAudited: 60,
  auditWindowMs: 3_600_000,
  /** ms without a request after which a session ends, and ms after which it ends however busy it is. */
  sessionIdleMs: 1_800_000,
  sessionMaxMs: 43_200_000,
  /** sessions of one administrator; the oldest ends when another begins. */
  sessionsMax: 10,
  /** ms between two notes that a session is in use. */
  touchMs: 60_000,
  /** ms for which a browser that signed in once is known. */
  deviceMs: 7_776_000_000,
  /** bytes of a form behind the sign-in, and of the form of the sign-in itself. */
  formBytes: 262_144,
  signInBytes: 8192,
  /** characters of an address to go to after the sign-in. */
  nextCharacters: 2000,
  /** sentences about what was done, kept for the page after it, and ms for which they are. */
  flashesMax: 256,
  flashMs: 300_000,
  /** rows that one call of the database thread looks at for a list; some 20 ms, in which no mail is written down. */
  scanRows: 2000,
  /** rows that are looked at for one page of a list; whoever wants more goes on to the next. */
  scanMax: 100_000,
  /** rows of one page of a list. */
  pageRows: 50,
  /** messages that one form acts upon. */
  bulkMax: 100,
  /** characters of a search. */
  searchCharacters: 200,
  /** addresses and attachments shown in a row of a list; others are counted. */
  linePeopleMax: 2,
  lineFindingsMax: 2,
  /** recipients, attachments, mails and audit rows listed on the page of one message; others are counted. */
  relatedMax: 200,
  /** incidents summed up for the overview; some 100 ms of the database thread. */
  summedMax: 10_000,
  /** ms for which sums are kept, so that a page that is reloaded costs nothing. */
  sumsKeptMs: 10_000,
  /** rows counted for a number at a glance; beyond it the number is told as more than that. */
  countedMax: 10_000,
  /** requests shown on the overview, and mails that fail on the page of health. */
  requestsShown: 10,
  failingShown: 50,
  /** ms for which the check of the whole audit table is believed. */
  auditCheckedMs: 300_000,
  /** ms that a page waits for the answers of a release that was just ordered, and ms between two looks. */
  releaseWaitMs: 3000,
  releaseLookMs: 150,
  /** characters of a comment or a reason. */
  commentCharacters: 4000,
  /** comments on one incident; they are read and written as a whole. */
  commentsMax: 500,
} as const;
