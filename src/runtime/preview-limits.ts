/** Bounds of looking at a withheld message. */
export const previewLimits = {
  /** bytes of an original that is opened to be looked at; opening takes a second for each 90 MB. */
  sealedBytes: 67_108_864,
  /** bytes of it that are parsed, held in memory; the text comes before the attachments in nearly all mail. */
  messageBytes: 16_777_216,
  /** characters of plain text that are shown; some 60 pages. */
  textCharacters: 200_000,
  /** characters of HTML that are read, and of what is made of it; newsletters have 100,000. */
  htmlCharacters: 524_288,
  shownHtmlCharacters: 2_097_152,
  /** nesting of elements; tables in tables of newsletters have 40. */
  nestingMax: 100,
  /** characters of a link's target; who reads more does not read it. */
  targetCharacters: 300,
  /** fields of a header shown to administrators, and characters of each. */
  fieldsMax: 200,
  fieldCharacters: 2000,
  /** ms for parsing one message before its thread counts as hung. */
  timeMs: 5000,
  /** MiB of heap of that thread. */
  memoryMb: 256,
  /** messages waiting to be parsed; one is at a time, and a reader tries again. */
  queueMax: 8,
  /** previews kept, so that a page and the frame in it cost one opening; up to 3 MB each. */
  keptMax: 8,
  keptMs: 60_000,
  threadIdleMs: 60_000,
} as const;
