/**
 * Recognises a message that we released ourselves and that passes the gate once more. The mark is a signed field; mail
 * servers on the way may have put trace fields on top of it, so what it vouches for is the end of the message.
 */
import { createHash } from 'node:crypto';
import { openReentry, reentryFieldName, verifyReentry } from '../quarantine/reentry.js';
import type { Spool } from '../runtime/spool.js';
import type { Case } from './services.js';

const markName = reentryFieldName.toLowerCase();
/** What mail servers add on the way; RFC 5321 §4.4, RFC 8601 and common practice. */
const traceNames = new Set([
  'received',
  'return-path',
  'delivered-to',
  'x-original-to',
  'authentication-results',
  markName,
]);

/** Whether the message claims to be a release; the claim is not checked here. */
export function carriesMark({ inspection }: Pick<Case, 'inspection'>): boolean {
  for (const { name } of inspection.header.fields) {
    if (name.length === markName.length && name.toLowerCase() === markName) return true;
  }
  return false;
}

/** The id of the release, when the message carries a mark that holds; undefined for all other mail, without a promise. */
export function findReadmission(found: Case): Promise<string | undefined> | undefined {
  return carriesMark(found) ? verify(found) : undefined;
}

async function verify({ inspection, spool, envelope, services }: Case): Promise<string | undefined> {
  const { fields } = inspection.header;
  const marks = fields.filter(({ name }) => name.toLowerCase() === markName);
  const mark = marks[0];
  const refuse = (why: string): undefined => {
    services.log.warn({ why }, 'the release mark of a message is not accepted');
    return undefined;
  };
  if (mark === undefined || marks.length > 1) return refuse('the field is there more than once');
  const field = (await readRange(spool, mark.start, mark.end)).toString('latin1');
  const value = field.slice(field.indexOf(':') + 1);
  const now = services.clock();
  // Only who has the key may make us read the whole message once more.
  const signed = openReentry(services.releaseKey, value, now);
  if (!signed.ok) return refuse(signed.why);
  const start = spool.length - signed.bytes;
  if (start < mark.end) return refuse('the length does not fit');
  const onlyTrace = fields.every(({ name, start: at, end }) =>
    at < start ? end <= start && traceNames.has(name.toLowerCase()) : true,
  );
  if (!onlyTrace) return refuse('there are other fields before the original');
  const claim = {
    bytes: signed.bytes,
    sha256: await digest(spool, start, spool.length),
    recipients: envelope.recipients.map(({ address }) => address),
    now,
  };
  const result = verifyReentry(services.releaseKey, value, claim);
  return result.ok ? result.id : refuse(result.why);
}

async function readRange(spool: Spool, start: number, end: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let at = start; at < end; ) {
    const chunk = await spool.readChunk(at, end);
    chunks.push(chunk);
    at += chunk.length;
  }
  return Buffer.concat(chunks);
}

async function digest(spool: Spool, start: number, end: number): Promise<string> {
  const hash = createHash('sha256');
  for (let at = start; at < end; ) {
    const chunk = await spool.readChunk(at, end);
    hash.update(chunk);
    at += chunk.length;
  }
  return hash.digest('hex');
}
