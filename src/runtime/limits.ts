/**
 * Every bound of the gate that is not a configuration key, with its unit and its reason. A bound that an
 * administrator would tune is in the configuration schema instead.
 */

import { consoleLimits } from './console-limits.js';
import {
  censusLimits,
  imapFetchLimits,
  imapJudgeLimits,
  imapSessionLimits,
  imapWireLimits,
  readAheadLimits,
  releaseSwapLimits,
  storedMessageLimits,
} from './imap-limits.js';
import { parcelLimits } from './parcel-limits.js';
import { previewLimits } from './preview-limits.js';
import { quarantineLimits } from './quarantine-limits.js';
import { clamdLimits, scoringHttpLimits, scoringServerLimits } from './scoring-limits.js';
import { settingsLimits } from './settings-limits.js';
import { counterLimits, deliveredLimits, syslogLimits } from './telling-limits.js';

export const limits = {
  smtp: {
    /** bytes; RFC 5321 §4.5.3.1.4 says 512 for a command, extensions (RFC 1870, 3461, 6152, 6531) add to it. */
    commandLineBytes: 2048,
    /** bytes; RFC 4954 §4 asks for 12288 in an authentication exchange. */
    authLineBytes: 12288,
    /** bytes; a reply line of 512 (RFC 5321 §4.5.3.1.5) is often exceeded by enhanced texts. */
    replyLineBytes: 4096,
    /** lines; EHLO lists and policy texts stay far below; an endless reply is an attack on our memory. */
    replyLinesMax: 256,
    /** commands; sent upstream and not yet answered. RFC 2920 sets no bound, a TCP window of MAIL/RCPT does. */
    pipelineMax: 256,
    /** bytes held for a client that sends faster than we may parse; then its socket is paused. */
    clientBufferBytes: 65536,
    /** bytes of replies that a client has not read; above it none of its commands are run, or they would pile up. */
    clientBacklogBytes: 65536,
    /** keep-alive NOOPs in one transaction; Exim's smtp_accept_max_nonmail is 10, and other commands count too. */
    keepAliveMax: 8,
    keepAliveIntervalMs: 60_000,
    /** bytes; room for the three warning fields and a prefixed subject, taken from the SIZE we announce. */
    tagReserveBytes: 16384,
  },
  proxy: {
    /** bytes; a PROXY v1 line is at most 107, a v2 header with TLVs rarely above 1 KiB. */
    headerBytes: 4096,
  },
  releaseSwap: releaseSwapLimits,
  storedMessage: storedMessageLimits,
  imap: imapWireLimits,
  imapSession: imapSessionLimits,
  imapFetch: imapFetchLimits,
  readAhead: readAheadLimits,
  census: censusLimits,
  config: {
    /** characters of a configuration file; big lists belong into files of their own. */
    fileBytes: 4_194_304,
    /** expansions of YAML aliases; more is an alias bomb. */
    aliasesMax: 100,
    /** problems reported for one list file; more of them only raise a counter. */
    listProblemsMax: 20,
    /** bytes of a list file handled in one go, so that loading a big one never holds the event loop for long; a few ms. */
    listChunkBytes: 32_768,
    /** ms of quiet after a file event before files are looked at: editors write in several steps. */
    watchSettleMs: 200,
    /** ms between looks at the files, for file systems that send no events. */
    watchPollMs: 5000,
    /** ms after which a file that a killed process left beside the configuration is removed; nobody saves that long. */
    leftoverMs: 3_600_000,
  },
  readMemory: {
    /** bytes for the next read of a connection that rests; there may be thousands. */
    smallBytes: 4096,
    /**
     * bytes for the next read of one under load: a mail of usual size comes in one or two. A server far away fills a
     * part of each, and a client who does not take it holds the whole: of sizes between, that is what is twice as large.
     */
    largeBytes: 131_072,
    betweenBytes: [16_384, 65_536],
    /** pieces of each size kept for whoever needs one next. */
    spareMax: 16,
    /** pieces of a connection that wait to be used again; the octets of a reader who takes nothing stay in theirs. */
    lentMax: 8,
  },
  spool: {
    /** bytes of one message kept in memory; most mail is smaller. */
    messageMemoryBytes: 262_144,
    /** bytes of all messages kept in memory; beyond it new bytes go to files at once. */
    totalMemoryBytes: 67_108_864,
    /** bytes waiting for the disk in one message; then its sender is paused. */
    pendingWriteBytes: 1_048_576,
    /** bytes read from the spool file at a time while relaying. */
    readChunkBytes: 262_144,
    /** ms after an aborted worker task before its file is closed: the dying thread may still be inside pread. */
    abortGraceMs: 2000,
  },
  log: {
    /** bytes of log lines gathered before they are written: a system call per message is a tenth of its cost. */
    bufferBytes: 8192,
    /** ms after which gathered lines are written all the same, so that somebody who watches sees them. */
    flushIntervalMs: 250,
    /** bytes of lines that wait while none can be written; about as many as a busy gate writes in a minute. */
    waitingBytes: 8_388_608,
    /** ms that the last lines get to be written before the process ends without them. */
    flushMs: 2000,
    /** levels of a record that are looked through for addresses; ours have three. */
    depthMax: 8,
  },
  mime: {
    /** bytes of one header block that are kept; what lies beyond is not read as fields and the report says so. */
    headerBytes: 1_048_576,
    /** fields in one header block. */
    headerFieldsMax: 10_000,
    /** entities in one message: every leaf is hashed, so this bounds work. */
    partsMax: 10_000,
    /** nesting of multipart and message/rfc822. */
    depthMax: 64,
    /** bytes of a boundary that is accepted; RFC 2046 §5.1.1 allows 70. */
    boundaryBytes: 998,
    /** parameters of one Content-* field. */
    parametersMax: 256,
    /** addresses collected from one message for the lists. */
    addressesMax: 10_000,
    /** problem records kept in one report; more of them only raise a counter. */
    problemsMax: 200,
    /** files taken out of one text in encodings older than MIME; a forwarded digest of Usenet has dozens. */
    carriedFilesMax: 1000,
  },
  views: {
    /** bytes of a message whose readings are enumerated; it is in memory as a whole. */
    messageBytes: 50_331_648,
    /** places of bodies in all readings of one message; honest odd mail has a handful. */
    leavesMax: 4096,
    /** header blocks read in all readings of one message. */
    entitiesMax: 16_384,
    /** decodings of one body; the readers known to us have fewer. */
    decodingsMax: 96,
    /** decodings taken of a body that only looks as if it were encoded. */
    undeclaredDecodingsMax: 12,
    /** bytes of all decodings of one body, which are in memory together. */
    heldBytes: 100_663_296,
    /** bytes decoded in all readings of one message, as a multiple of its size; and the least that is allowed. */
    decodedRatioMax: 32,
    decodedFreeBytes: 33_554_432,
    /** bytes decoded in all readings of one message, whatever its size; at 20 to 400 MB/s. */
    decodedBytesMax: 268_435_456,
    /** ms for all readings of one message. */
    timeMs: 8_000,
  },
  inspect: {
    /** bytes of an encoded part in memory that is examined on the main thread: at most 0.3 ms, while a worker trip costs 0.2. */
    inlineBytes: 131_072,
    /** types by content remembered in a thread, by digest; about 150 bytes each. */
    knownTypes: 4096,
    /** files whose content is remembered, by digest; about 500 bytes each, and as much for each member. */
    knownFiles: 2048,
    /** members of a file above which it is opened again each time. */
    knownFileMembers: 32,
    /** bytes of decoded memory that an inspection thread keeps from one file to the next. */
    keptBytes: 8_388_608,
    /** bytes at each end of a file too large to be held, by which it is told whether somebody must open it. */
    largeFileEndBytes: 131_072,
    /** bytes of decoded content handed to type detection. */
    sniffBytes: 8192,
    /** ms an idle inspection thread is kept, but for one; starting one costs 100 ms and 30 MB. */
    threadIdleMs: 600_000,
    /** inspection threads; the machine's cores are shared with the main thread and the sealing worker. */
    threads: 2,
    /** parts waiting for a thread; above it the message is answered 451. */
    queueMax: 4096,
    /** small parts sent to a worker together: a trip costs some 25 microseconds, a deadline covers all of them. */
    batchParts: 64,
    /** bytes; the same for their encoded size. */
    batchBytes: 262_144,
    /** ms for one part in a worker before it counts as hung. */
    partTimeoutMs: 60_000,
  },
  open: {
    /** bytes of files held in memory at a time while one leaf is opened, all nesting together; the leaf itself may have as many. */
    heldBytes: 33_554_432,
    /** bytes that may be decoded out of one leaf, all nesting together; 256 MiB take about a second. */
    totalBytes: 268_435_456,
    /** decoded bytes for each encoded one; Office documents reach 30, logs 50, bombs a thousand. */
    ratioMax: 200,
    /** bytes that may be decoded whatever the ratio: small files of zeros are no bomb. */
    ratioFreeBytes: 16_777_216,
    /** members in one leaf, all nesting together. */
    membersMax: 10_000,
    /** members of one leaf whose type libmagic is asked for, where signatures do not know it; it takes up to a ms each. */
    detectionsMax: 256,
    /** nesting of files in files. */
    depthMax: 16,
    /** ms for one leaf; the last resort, as a loaded machine is no bomb. */
    timeMs: 12_000,
    /** bytes of a member's name that are kept. */
    nameBytes: 1024,
    /** end records of one ZIP file that are followed; honest files have one. */
    zipDirectoriesMax: 64,
    /** bytes of a ZIP file that are decoded, as a multiple of its size: members of honest files do not overlap. */
    zipReadRatioMax: 16,
    /** size of a member marked as encrypted, as a multiple of its data, up to which it is tried without a key. */
    zipLieRatioMax: 32,
    /** bytes of memory that 7-Zip may take for one archive: a dictionary of 64 MiB, which is what `-mx=9` uses, and its tables. */
    sevenZipMemoryBytes: 117_440_512,
    /** bytes of members that 7-Zip unpacks before they are looked into; it cannot be paused, so the rest is a second run. */
    sevenZipBatchBytes: 16_777_216,
  },
  document: {
    /** bytes of a text that are looked through for script; what it is shows at its beginning. */
    scriptBytes: 65_536,
    /** objects of a PDF; books of thousands of pages have 300,000. */
    pdfObjectsMax: 500_000,
    /** bytes read again when objects of a PDF lie in each other, as a multiple of its size, and what is always allowed. */
    pdfRereadRatio: 4,
    pdfRereadFreeBytes: 16_777_216,
    /** bytes decoded out of a PDF only to be looked at: object streams, scripts, forms. */
    pdfLookBytes: 67_108_864,
    /** bytes of VBA code and source that are looked through; the largest projects have a few MiB. */
    vbaBytes: 33_554_432,
    /** entries of an Office package; workbooks with many sheets and pictures have a few thousand. */
    partsMax: 20_000,
    /** bytes of one part of a package that is looked at, and of all of them. */
    partBytes: 16_777_216,
    packageBytes: 67_108_864,
  },
  cms: {
    /** octet strings in pieces in pieces; nobody writes more than one level, OpenSSL reads five. */
    nestingMax: 64,
  },
  compound: {
    /** entries in a compound file's directory; a message with 500 attachments has some 30,000. */
    entriesMax: 65_536,
    /** nesting of storages; a path is as long as its nesting. */
    depthMax: 40,
  },
  lists: {
    /** entries of one table: all allowed addresses, all blocked hashes, …; this many take some 200 to 400 MB. */
    entriesMax: 5_000_000,
    /** bytes of the keys of one table. */
    keyBytesMax: 536_870_912,
    /** bytes of a line of a list file; longer ones are reported and skipped. */
    lineBytes: 4096,
    /** entries put into a table before the event loop gets its turn; a few ms. */
    buildSlice: 8192,
  },
  policy: {
    /** reasons of one kind kept in a verdict; the worst come first. */
    reasonsMax: 50,
  },
  scoring: {
    /** verdicts in memory; about 200 bytes each. */
    cacheEntries: 50_000,
    /** parts of one message that are asked about at the same time. */
    partsAtOnce: 16,
    /** different files sent to backends for one message; each costs a scan, and members are unpacked once more for it. */
    filesSentMax: 1000,
    /** scans under way in all messages; above it the answer is `out-of-resources`. */
    flightsMax: 1024,
    /** ms after which a scan that nobody waits for any more is ended too. */
    flightMaxMs: 600_000,
    /** new answers given to the store together. */
    storeBatch: 256,
    /** ms until gathered answers go to the store; a crash loses that much, and only costs scans. */
    storeDelayMs: 1000,
    /** calls to the store under way; above it nothing is looked up or kept there. */
    storeCallsMax: 64,
    /** rows of answers in the store; some 200 bytes each. */
    storedMax: 500_000,
    /** failures in a row before a backend is left alone for a while. */
    breakerFailures: 5,
    breakerPauseMs: 10_000,
    /** characters of a threat's name in a feed. */
    nameChars: 200,
    /** bytes of a file that YARA looks at, held in memory while it does; and of one file of rules. */
    yaraBytes: 67_108_864,
    yaraFileBytes: 67_108_864,
    /** distinct names remembered while a feed is read, so that common ones are stored once. */
    namesRemembered: 4096,
  },
  clamd: clamdLimits,
  http: scoringHttpLimits,
  scoringServer: scoringServerLimits,
  delivered: deliveredLimits,
  outbox: {
    /** rows taken in one poll. */
    claimMax: 20,
    pollIntervalMs: 1000,
    /** ms a claimed row belongs to its claimant; after a crash it is taken again. */
    leaseMs: 300_000,
    retryFirstMs: 30_000,
    retryMaxMs: 3_600_000,
    /** ms after which a mail that always met temporary failures is given up and marked failed: RFC 5321 §4.5.4.1 says 4-5 days. */
    giveUpMs: 432_000_000,
    concurrentDeliveries: 4,
    /** ms between two times that the database's log is emptied of what was sent; each costs two syncs of the disk. */
    emptyLogMs: 5000,
  },
  quarantine: quarantineLimits,
  counters: counterLimits,
  syslog: syslogLimits,
  parcel: parcelLimits,
  imapJudge: imapJudgeLimits,
  portal: {
    /** bytes of a form; ours has one field. */
    bodyBytes: 1024,
    /** characters of a token in a link; ours have 32. */
    tokenCharacters: 64,
    /** connections at a time; the page is one request long. */
    connectionsMax: 256,
    /** ms for a whole request, so that slow senders do not fill the connections. */
    requestTimeoutMs: 10_000,
    keepAliveMs: 5000,
    /** requests of one address: a person who reads his notices, with a whole office behind one address in mind. */
    peerBurst: 60,
    peerPerSecond: 2,
    /** requests of all together: each is a call in the thread that also writes down held mail, which comes first. */
    burst: 200,
    perSecond: 50,
    /** addresses remembered; some 100 bytes each. */
    peersMax: 10_000,
  },
  preview: previewLimits,
  console: consoleLimits,
  settings: settingsLimits,
  notice: {
    /** characters of one mail-derived string; a reader needs no more to recognise his mail. */
    fieldCharacters: 200,
    /** characters of configured text; a mail that nobody scrolls through. */
    messageCharacters: 4000,
    /** attachments listed by name; further ones are counted. */
    findingsShown: 10,
    /** recipients named in an administrator's mail. */
    recipientsShown: 10,
    /** events listed in one digest; further ones are counted. */
    digestEvents: 50,
    /** ms between two mails to one administrator, so that an outbreak does not become a mail bomb. */
    digestIntervalMs: 60_000,
  },
} as const;
