/**
 * Why a message was withheld, in words for whoever waits for it. It names no address, since a list may have matched
 * another recipient's, and no detail of our own working.
 */
import type { Reason, Verdict } from '../policy/verdict.js';
import type { FallbackCause } from '../scoring/backend.js';
import { levelText } from './clean.js';

const unanswered = {
  'backend-unavailable': 'It could not be examined, because the service that examines attachments did not answer.',
  'verdict-timeout': 'It could not be examined in time.',
  'out-of-resources': 'It could not be examined, because too much mail arrived at once.',
  oversize: 'An attachment is larger than what can be examined.',
  unscannable: 'A part of it cannot be examined as a whole, and what cannot be examined is not delivered.',
  encrypted: 'An attachment is encrypted, so nobody but its reader can examine it.',
  'unknown-file': 'An attachment is a file about which nothing is known yet.',
} as const satisfies Readonly<Record<FallbackCause, string>>;

function wordsOf(reason: Reason): string | undefined {
  switch (reason.code) {
    case 'blocklisted':
      return reason.hit.field === 'envelope-from' || reason.hit.field === 'body-sender'
        ? 'Its sender is on the blocklist of your organisation.'
        : 'An address it was sent to is on the blocklist of your organisation.';
    case 'hash-blocked':
      return 'An attachment is a file on the blocklist of your organisation.';
    case 'threshold':
      return `It was rated ${levelText(reason.level)}; messages from ${reason.threshold} of 10 on are withheld.`;
    case 'fallback':
      return reason.action === 'block' ? unanswered[reason.cause] : undefined;
    case 'ambiguous':
      return 'Mail programs would disagree about what is in it, as is usual in messages that hide something.';
    default:
      return undefined;
  }
}

/** Whole sentences, each once, the most certain first; empty when nothing is known. */
export function reasonWords({ reasons }: Pick<Verdict, 'reasons'>): string[] {
  const words = reasons.map(wordsOf).filter((sentence) => sentence !== undefined);
  return [...new Set(words)];
}
