/**
 * The closed list of ways in which a message is not strictly well-formed. Parsing never throws: it returns values and
 * these. `effect` says what a code means for the verdict: `note` is worth recording and has only one reading,
 * `ambiguous` has several plausible readings, `unscannable` means that a bound was hit or content could not be read.
 */
export type ProblemEffect = 'note' | 'ambiguous' | 'unscannable';

export const problemEffects = {
  // Line ends
  /** every line ends in a bare LF: a file from a Unix mailbox, one reading */
  'lines-bare-lf': 'note',
  /** some structural lines end in CRLF and some in LF: readers that want CRLF see fewer lines */
  'lines-mixed': 'ambiguous',

  // Header blocks
  /** more bytes or fields than are read: what lies beyond could be anything */
  'header-too-long': 'unscannable',
  /** a message that starts with an empty line: some readers skip it and find a header below */
  'header-empty': 'ambiguous',
  /** a line that is no field and no continuation: some readers skip it, some start the body here */
  'header-no-colon': 'ambiguous',
  /** an mbox `From ` line in front: some readers skip it, some end the header with it */
  'header-mbox-line': 'note',
  /** the block starts with a continuation line, so its field has no name */
  'header-leading-fold': 'ambiguous',
  /** a continuation line of blanks only: the end of the header for some readers */
  'header-blank-fold': 'ambiguous',
  /** NUL: readers in C stop here */
  'header-nul': 'ambiguous',
  /** CR without LF: a line end for some readers, which then see another field */
  'header-bare-cr': 'ambiguous',
  /** VT, FF or a separator of ASCII: a line end for some readers */
  'header-control': 'ambiguous',
  /** bytes above 127: raw UTF-8 (RFC 6532) or an undeclared charset, with no effect on structure */
  'header-8bit': 'note',
  /** a line beyond the 998 octets of RFC 5322 §2.1.1 */
  'header-line-long': 'note',
  /** a line beyond 64 KiB: readers cut it, and miss what stands behind the cut */
  'header-line-huge': 'ambiguous',
  /** blanks before the colon, which hide the field from readers that want an exact name */
  'header-name-space': 'ambiguous',
  /** control or 8-bit bytes in a field name, which may or may not hide a Content-* field */
  'header-name-invalid': 'ambiguous',
  /** a Content-* or MIME-Version field on the continuation line of another field */
  'header-hidden-field': 'ambiguous',
  /** the message or part ends, or a delimiter comes, before the empty line */
  'header-unterminated': 'ambiguous',

  // Content-* fields
  /** Content-Type twice: first and last reading differ */
  'type-duplicate': 'ambiguous',
  /** Content-Type is not `type/subtype` and parameters */
  'type-odd': 'ambiguous',
  /** Content-Type is one word, as before MIME and in mail of old Sun workstations: text for every reader known */
  'type-without-subtype': 'note',
  /** Content-Transfer-Encoding twice */
  'encoding-duplicate': 'ambiguous',
  /** comments, quotes, lists or junk around the encoding's name */
  'encoding-odd': 'ambiguous',
  /** an encoding that RFC 2045 §6.1 does not know: raw for most readers, decoded by some */
  'encoding-unknown': 'ambiguous',
  /** base64 or quoted-printable on a multipart, forbidden by RFC 2045 §6.4: read raw or decoded first */
  'encoding-on-multipart': 'ambiguous',
  /** an encoded message/rfc822, forbidden by RFC 2046 §5.2.1: read as a file, or decoded and opened */
  'encoding-on-message': 'ambiguous',
  /** Content-Disposition twice: every name is kept, but whether it is shown inline differs */
  'disposition-duplicate': 'note',
  /** MIME fields without MIME-Version: all of today's readers still obey them */
  'mime-version-missing': 'note',
  /** MIME-Version repeated, or not 1.0 */
  'mime-version-odd': 'note',
  /** parameters beyond the bound are not read: the boundary may be among them */
  'parameters-too-many': 'unscannable',
  /** a parameter twice, or plain and in RFC 2231 form with another value */
  'parameter-duplicate': 'note',
  /** junk around parameters: text behind a closing quote, missing quote, missing `=`, comments */
  'parameter-odd': 'note',
  /** RFC 2231 sections with gaps, repeats or a start other than 0 */
  'parameter-sections-odd': 'note',

  // Multipart structure
  /** a multipart without a usable boundary: some readers guess one from the body */
  'boundary-missing': 'ambiguous',
  /** more bytes than are compared */
  'boundary-too-long': 'unscannable',
  /** several candidates for the boundary: duplicate parameters, RFC 2231 forms, escapes, comments */
  'boundary-ambiguous': 'ambiguous',
  /** characters that RFC 2046 §5.1.1 forbids, or an unquoted value that ends early for some readers */
  'boundary-odd': 'ambiguous',
  /** a boundary on something that is no multipart: some readers cut it all the same */
  'boundary-on-leaf': 'ambiguous',
  /** an inner multipart uses the boundary of an outer one */
  'boundary-reused': 'ambiguous',
  /** one delimiter line fits two open multiparts for readers that compare only its beginning; Eudora wrote them so for years */
  'boundary-prefix': 'note',
  /** text behind a boundary on its line: a delimiter by RFC 2046 §5.1.1, none for exact readers */
  'delimiter-junk': 'ambiguous',
  /** blanks behind a delimiter: allowed by RFC 2046 §5.1.1, but exact readers see no delimiter */
  'delimiter-padding': 'ambiguous',
  /** a delimiter behind blanks or text on its line, or behind a bare CR */
  'delimiter-misplaced': 'ambiguous',
  /** a multipart has parts behind its closing delimiter; they are inspected too */
  'delimiter-after-close': 'ambiguous',
  /** a multipart ends without its closing delimiter */
  'delimiter-missing': 'ambiguous',
  /** a multipart in which no delimiter was found; its body is inspected as one file */
  'multipart-empty': 'ambiguous',
  /** part-like content in front of the first delimiter */
  'preamble-content': 'ambiguous',
  /** part-like content behind the last delimiter */
  'epilogue-content': 'ambiguous',
  /** deeper nesting than is followed */
  'nesting-too-deep': 'unscannable',
  /** more parts than are inspected */
  'parts-too-many': 'unscannable',
  /** message/partial: only all fragments together could be inspected (CVE-2002-1121) */
  'message-partial': 'unscannable',
  /** a message/* subtype that is not registered: some readers open it as a message */
  'message-unknown': 'ambiguous',
  /** message/external-body: the content is elsewhere and may change; it is never fetched */
  'message-external': 'unscannable',

  // Bodies
  /** characters outside of the base64 alphabet: skipped here, a shift or an end for others */
  'base64-junk': 'ambiguous',
  /** `-` or `_`: the URL-safe alphabet for some readers, junk for others */
  'base64-url-safe': 'ambiguous',
  /** data behind padding: some readers stop at the first `=` */
  'base64-inner-padding': 'ambiguous',
  /** padding missing, too long or misplaced: the last bytes differ between readers */
  'base64-bad-padding': 'ambiguous',
  /** unused bits that are not zero: the same bytes from another text, so a filter on text is evaded */
  'base64-trailing-bits': 'note',
  /** blanks inside of lines, ignored by every reader known */
  'base64-blanks': 'note',
  /** `=` that begins no escape: kept as it is here, dropped by others */
  'qp-bad-escape': 'ambiguous',
  /** lower-case digits, forbidden by RFC 2045 §6.7 and understood by everyone */
  'qp-lower-case': 'note',
  /** blanks at the end of a line, removed as RFC 2045 §6.7 (3) says; some readers keep them */
  'qp-trailing-blanks': 'note',
  /** bytes above 127 or control characters that should have been escaped */
  'qp-raw-bytes': 'note',
  /** an escaped CR in front of a line end: one line end for readers that store LF, else one and a half */
  'qp-escaped-cr': 'ambiguous',
  /** an identity body that starts with lines of base64: some readers decode it */
  'body-looks-encoded': 'ambiguous',
  /** a body that begins with Content-* fields: the header goes on here for readers that skip a blank line */
  'body-starts-as-header': 'ambiguous',
  /** a text that quotes a MIME part with its delimiter: shown as text, opened by readers that guess boundaries */
  'body-embedded-part': 'note',
  /** uuencode, yEnc or BinHex data in a text: many readers offer it as a file */
  'body-embedded-file': 'note',

  /** uuencode, xxencode or yEnc data without its end, or with lines that do not fit their length */
  'embedded-file-damaged': 'note',

  // Readings
  /** more plausible readings, decodings or bytes than are inspected */
  'views-too-many': 'unscannable',

  // Files
  /** decoding a file reached a bound of bytes, ratio, members, depth or time: an archive bomb, or close to one */
  'unpack-limit': 'unscannable',
  /** a file that cannot be read to its end, though it began like one that can */
  'file-damaged': 'note',
  /** an opener gave up where it should have given an answer: what it did not see may be anything */
  'opener-failed': 'unscannable',
  /** an archive that is damaged: a repairing program may find what we did not */
  'archive-damaged': 'unscannable',
  /** an archive in a format or with a compression method that nothing here can undo */
  'archive-unsupported': 'unscannable',

  /** the report holds no more problems; more were found */
  'problems-too-many': 'unscannable',
} as const satisfies Record<string, ProblemEffect>;

export type ProblemCode = keyof typeof problemEffects;

/** Notes behind which another reader may find other content, though the strict reading is the one that nearly all have. */
const notesWithViews: ReadonlySet<ProblemCode> = new Set([
  'header-mbox-line',
  'type-without-subtype',
  'boundary-prefix',
  'qp-trailing-blanks',
  'disposition-duplicate',
  'mime-version-odd',
  'parameter-duplicate',
  'parameter-odd',
  'parameter-sections-odd',
  'body-embedded-part',
  'body-embedded-file',
] as const);

/** Beyond the bounds of the first reading a message is unscannable; other readings would only say so at more cost. */
const beyondBounds: ReadonlySet<ProblemCode> = new Set([
  'header-too-long',
  'parts-too-many',
  'nesting-too-deep',
] as const);

/** Whether a message with these problems is read in every plausible way. */
export function isDoubtful(codes: readonly ProblemCode[]): boolean {
  return codes.some(wantsViews) && !codes.some((code) => beyondBounds.has(code));
}

/** Whether a message with this problem is read in every plausible way, and not in the strict one alone. */
export function wantsViews(code: ProblemCode): boolean {
  const effect: ProblemEffect = problemEffects[code];
  return effect !== 'note' || notesWithViews.has(code);
}

export interface Problem {
  readonly code: ProblemCode;
  /** the part it was found in, as PartFacts.path; empty for the message header */
  readonly part: string;
  /** bounded and printable; for a person */
  readonly detail?: string;
}
