/** Bounds of releases as an archive with a password. */
export const parcelLimits = {
  /** bytes of a message that can be released as a ZIP archive; some three times as much is in memory for a moment. */
  messageBytes: 50_331_648,
  /** bytes of all attachments together; encodings that grow when they are undone are rare and old. */
  contentBytes: 100_663_296,
  /** attachments in one archive; the parser of mail stops at twice as many parts. */
  membersMax: 500,
  /** characters of a member's name; common file systems take 255 bytes. */
  nameCharacters: 60,
  /** characters of text written in the open; a longer one goes into the archive. */
  textCharacters: 1_000_000,
  /** characters of HTML that a text is made of: a hostile million takes half a minute, these a second. */
  htmlCharacters: 200_000,
  subjectCharacters: 500,
  /** addresses of one field that are written down again. */
  addressesMax: 200,
  /** of objects; the bytes of files do not count. */
  heapMegabytes: 256,
  /** ms for one; 50 MB of parsing, AES and base64 take some 10 s. */
  buildMs: 120_000,
} as const;
