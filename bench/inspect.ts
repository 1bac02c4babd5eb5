/**
 * How fast messages are framed and inspected, and what that costs the main thread. Numbers of one run on one machine;
 * compare ratios.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { examine } from '../src/inspect/examine.js';
import { signatureType } from '../src/inspect/file-signature.js';
import { createInspector, type Inspector } from '../src/inspect/inspection.js';
import { taskOf } from '../src/inspect/part-task.js';
import { Base64Decoder } from '../src/mime/base64.js';
import { Framer } from '../src/mime/framer.js';
import { SpoolPool } from '../src/runtime/spool.js';

/** a socket's usual read */
const chunkBytes = 65_536;

interface Row {
  readonly name: string;
  readonly bytes: number;
  readonly messagesPerSecond: number;
  readonly megabytesPerSecond: number;
  /** user and system time of the main thread; undefined where only wall time was taken */
  readonly mainThreadMicroseconds: number | undefined;
  /** ways in which a message was read; undefined where it was only framed or decoded */
  readonly views: number | undefined;
}

const header = [
  'Received: from mx.example.org (mx.example.org [192.0.2.1])',
  '\tby gate.example.net with ESMTPS id 4F5B21A003C',
  '\tfor <bob@example.net>; Sat, 21 Nov 2026 10:00:00 +0000 (UTC)',
  'From: Alice <alice@example.org>',
  'To: Bob <bob@example.net>',
  'Subject: figures',
  'Date: Sat, 21 Nov 2026 10:00:00 +0000',
  'Message-ID: <123@example.org>',
  'MIME-Version: 1.0',
].join('\r\n');

/** A text mail of `bytes` bytes. */
function plainMail(bytes: number): Buffer {
  const head = `${header}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n`;
  const line = 'Lorem ipsum dolor sit amet, consectetur adipisicing elit.\r\n';
  return Buffer.from((head + line.repeat(Math.ceil(bytes / line.length))).slice(0, bytes - 2).concat('\r\n'));
}

/** A mail with a short text and one base64 attachment of about `bytes` encoded bytes; `more` is put into its header. */
function attachmentMail(bytes: number, more = ''): Buffer {
  const content = Buffer.alloc(Math.ceil((bytes / 78) * 57));
  for (let at = 0; at < content.length; at += 1) content[at] = (at * 31 + (at >> 8)) & 0xff;
  content.write('%PDF-1.7\n');
  const encoded = content.toString('base64').replace(/.{1,76}/g, '$&\r\n');
  return Buffer.from(
    `${header}${more}\r\nContent-Type: multipart/mixed; boundary="----=_Part_1"\r\n\r\n------=_Part_1\r\n\r\nSee the file.\r\n` +
      `------=_Part_1\r\nContent-Type: application/pdf; name="a.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n` +
      `${encoded}------=_Part_1--\r\n`,
  );
}

function row(
  name: string,
  bytes: number,
  count: number,
  seconds: number,
  more: { readonly mainSeconds?: number; readonly views?: number } = {},
): Row {
  const { mainSeconds, views } = more;
  return {
    name,
    bytes,
    views,
    messagesPerSecond: Math.round(count / seconds),
    megabytesPerSecond: Math.round((bytes * count) / seconds / 1e6),
    mainThreadMicroseconds: mainSeconds === undefined ? undefined : Math.round(((mainSeconds * 1e6) / count) * 10) / 10,
  };
}

function benchLoop(name: string, bytes: number, seconds: number, run: () => void): Row {
  for (let warm = 0; warm < 3; warm += 1) run();
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < seconds * 1000) {
    run();
    count += 1;
  }
  return row(name, bytes, count, (performance.now() - start) / 1000);
}

function frameMail(message: Buffer): void {
  const framer = new Framer({ onLeaf: () => {}, onHeader: () => {} });
  for (let at = 0; at < message.length; at += chunkBytes) framer.write(message.subarray(at, at + chunkBytes));
  framer.finish();
}

function decodeBase64(encoded: Buffer): void {
  const decoder = new Base64Decoder(new Set());
  for (let at = 0; at < encoded.length; at += chunkBytes) decoder.write(encoded.subarray(at, at + chunkBytes));
  decoder.finish();
}

/** Framed, decoded, hashed and typed in this thread alone: what the work itself costs, without spool and hand-over. */
function examineMail(message: Buffer): void {
  const framer = new Framer({
    onLeaf: (leaf) => void examine(taskOf(leaf, true, false), [message.subarray(leaf.start, leaf.end)], signatureType),
    onHeader: () => {},
  });
  for (let at = 0; at < message.length; at += chunkBytes) framer.write(message.subarray(at, at + chunkBytes));
  framer.finish();
}

/** One message through spool and inspection, as a session does it. Gives the number of readings. */
function inspectMail(inspector: Inspector, pool: SpoolPool, message: Buffer): Promise<number> | number {
  const spool = pool.create();
  const inspection = inspector.start(spool);
  for (let at = 0; at < message.length; at += chunkBytes) {
    const chunk = message.subarray(at, at + chunkBytes);
    spool.append(chunk);
    inspection.write(chunk);
  }
  const report = inspection.finish();
  if (!(report instanceof Promise)) {
    spool.release();
    return report.views;
  }
  return report.then(({ views }) => {
    spool.release();
    return views;
  });
}

/** Other octets in the attachment, so that nothing is known of the file. The signature at its beginning stays. */
function makeDistinct(message: Buffer, number: number): void {
  const digits = Buffer.from(number.toString().padStart(12, '0')).toString('base64');
  message.write(digits, message.indexOf('JVBERi') + 2 * 78);
}

interface Bench {
  readonly inspector: Inspector;
  readonly pool: SpoolPool;
  /** each message has another file */
  readonly distinct?: boolean;
}

async function benchInspection(
  name: string,
  message: Buffer,
  seconds: number,
  concurrency: number,
  { inspector, pool, distinct = false }: Bench,
): Promise<Row> {
  const warmUntil = performance.now() + 300;
  while (performance.now() < warmUntil) await inspectMail(inspector, pool, message);
  const start = performance.now();
  const idle = performance.eventLoopUtilization();
  let count = 0;
  let views = 0;
  const session = async () => {
    while (performance.now() - start < seconds * 1000) {
      if (distinct) makeDistinct(message, count);
      const pending = inspectMail(inspector, pool, message);
      views = pending instanceof Promise ? await pending : pending;
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, session));
  const elapsed = (performance.now() - start) / 1000;
  const { utilization } = performance.eventLoopUtilization(idle);
  // Without a wait in it the loop never idles, and the utilization reads 0 in one turn.
  const busy = concurrency === 1 && utilization === 0 ? 1 : utilization;
  return row(name, message.length, count, elapsed, { mainSeconds: busy * elapsed, views });
}

function print(rows: readonly Row[]): void {
  process.stdout.write(
    `${'what'.padEnd(44)}${'bytes'.padStart(10)}${'msgs/s'.padStart(10)}${'MB/s'.padStart(8)}${'main us'.padStart(10)}${'views'.padStart(7)}\n`,
  );
  for (const { name, bytes, messagesPerSecond, megabytesPerSecond, mainThreadMicroseconds, views } of rows) {
    const columns = [
      name.padEnd(44),
      String(bytes).padStart(10),
      String(messagesPerSecond).padStart(10),
      String(megabytesPerSecond).padStart(8),
      String(mainThreadMicroseconds ?? '').padStart(10),
      String(views ?? '').padStart(7),
    ];
    process.stdout.write(`${columns.join('')}\n`);
  }
}

/** `bench inspect [--seconds N] [--json]`: a table, and with `--json` the same as one JSON line. */
export async function benchInspect(argv: string[]): Promise<void> {
  const at = argv.indexOf('--seconds');
  const seconds = at < 0 ? 1 : Number(argv[at + 1]);
  if (!(seconds > 0)) throw new RangeError('--seconds wants a positive number');
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const pool = new SpoolPool(directory);
  const inspector = createInspector();
  try {
    const small = plainMail(1024);
    const medium = attachmentMail(100 * 1024);
    const large = attachmentMail(10 * 1024 * 1024);
    const lines = large.subarray(large.indexOf('JVBERi'), large.lastIndexOf('\r\n------='));
    // Two values for one field: the only thing that is odd about it.
    const doubtful = attachmentMail(100 * 1024, '\r\nContent-Type: text/plain');
    const use = { inspector, pool };
    const rows = [
      benchLoop('framer, 1 KiB text', small.length, seconds, () => frameMail(small)),
      benchLoop('framer, 10 MiB base64 attachment', large.length, seconds, () => frameMail(large)),
      benchLoop('base64 decoder, 10 MiB', lines.length, seconds, () => decodeBase64(lines)),
      benchLoop('framed, decoded, hashed; one thread, 100 KiB', medium.length, seconds, () => examineMail(medium)),
      benchLoop('framed, decoded, hashed; one thread, 10 MiB', large.length, seconds, () => examineMail(large)),
      await benchInspection('inspection, 1 KiB text', small, seconds, 1, use),
      await benchInspection('inspection, 100 KiB attachment, 1 at a time', medium, seconds, 1, use),
      await benchInspection('inspection, 100 KiB attachment, 8 at a time', medium, seconds, 8, use),
      await benchInspection('inspection, 100 KiB, all distinct', medium, seconds, 1, { ...use, distinct: true }),
      await benchInspection('inspection, 100 KiB, ambiguous', doubtful, seconds, 1, use),
      await benchInspection('inspection, 10 MiB attachment, 1 at a time', large, seconds, 1, use),
      await benchInspection('inspection, 10 MiB attachment, 4 at a time', large, seconds, 4, use),
    ];
    print(rows);
    if (argv.includes('--json'))
      process.stdout.write(`${JSON.stringify({ bench: 'inspect', node: process.version, rows })}\n`);
  } finally {
    await inspector.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
