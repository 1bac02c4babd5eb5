/** Rows of the audit log in words. What is not known here is shown as it was written. */
import { cleanLine } from '../../notice/clean.js';

const words: Readonly<Record<string, string>> = {
  held: 'Withheld',
  release: 'Release ordered',
  released: 'Released',
  'partly-released': 'Released to some',
  delivery: 'Delivery tried',
  'release-requested': 'Release requested',
  'request-denied': 'Request denied',
  deleted: 'Deleted',
  expired: 'Expired',
  'held-again': 'Withheld again',
  'original-missing': 'Sealed original missing',
  exported: 'Original written out',
  'exported-sealed': 'Sealed original given out',
  incident: 'Incident changed',
  'mail-failed': 'Mail given up',
  'sign-in': 'Signed in',
  'sign-in-failed': 'Sign-in failed',
  'sign-out': 'Signed out',
  'statistics-cleared': 'Statistics cleared',
};

/** Actions that a list of audit rows can be narrowed to. */
export const auditActions: readonly (readonly [string, string])[] = Object.entries(words);

export function auditWords(action: string): string {
  return Object.hasOwn(words, action) ? (words[action] ?? action) : cleanLine(action, 60);
}

/** characters of one value that are shown */
const valueMax = 300;

/** @param detail JSON, as the row has it */
export function AuditDetail({ detail }: { readonly detail: string }) {
  const facts = factsOf(detail);
  return (
    <>
      {facts.map(([name, value]) => (
        <div key={name}>
          <span class="soft">{name}: </span>
          <bdi>{value}</bdi>
        </div>
      ))}
    </>
  );
}

export function factsOf(detail: string): (readonly [string, string])[] {
  let value: unknown;
  try {
    value = JSON.parse(detail);
  } catch {
    // Somebody changed the file by hand; the chain of hashes tells of that.
    return [['detail', cleanLine(detail, valueMax)]];
  }
  if (typeof value !== 'object' || value === null) return [['detail', cleanLine(detail, valueMax)]];
  return Object.entries(value).map(([name, one]) => [
    cleanLine(name, 60),
    cleanLine(typeof one === 'string' ? one : JSON.stringify(one), valueMax),
  ]);
}
