/** How things stand with a held message, and what an act of its recipient led to, in words that name nobody else. */
import { timeText } from '../../notice/clean.js';
import { shown } from '../../notice/content.js';
import type { PersonalDecision, PersonalView, Received } from '../../quarantine/personal-view.js';

export type Act = 'request' | 'release' | 'delete';

export interface Told {
  readonly tone: 'good' | 'warn' | 'info';
  readonly text: string;
}

const dayMs = 86_400_000;

export function keptText({ keptUntil }: PersonalView, now: number): string {
  const days = Math.max(0, Math.ceil((keptUntil - now) / dayMs));
  return `${timeText(keptUntil)} (${days} ${days === 1 ? 'day' : 'days'} left)`;
}

/** How a release differs from what was sent; whoever opens it has to know where the password is. */
export const zipWords =
  'as a new message with its attachments in an encrypted ZIP archive and the password in a text file';

/** Who has his copy is told so, and nothing of those who still wait for theirs. */
function receivedText({ at, form }: Received): string {
  const how = form === 'zip' ? ` ${zipWords}` : '';
  return `The message was released${how}, and your mail server took it for you at ${timeText(at)}.`;
}

/**
 * The state of a message that is still held. Another recipient's request shows without him: nobody learns who else got
 * the message.
 * @param shared the link is for all readers of a mailbox, so that nobody knows who used it
 */
export function stateTold(view: PersonalView, shared: boolean): Told {
  const { state, requestedAt, releasing, received, decision } = view;
  if (received !== undefined) return { tone: 'good', text: receivedText(received) };
  if (releasing) {
    const how = view.form === 'zip' ? `, ${zipWords}` : '';
    return { tone: 'good', text: `The message is released and on its way to all its recipients${how}.` };
  }
  switch (state) {
    case 'release-requested':
      return requestedAt === undefined || shared
        ? { tone: 'info', text: 'The release of this message has been asked for. An administrator decides about it.' }
        : {
            tone: 'info',
            text: `You asked for the release of this message at ${timeText(requestedAt)}. An administrator decides about it.`,
          };
    case 'request-denied': {
      const reason = shown(decision?.reason ?? '');
      const why = reason === '' ? '' : ` The reason: ${reason}`;
      return {
        tone: 'warn',
        text: `The release of this message was asked for, and an administrator decided against it.${why}`,
      };
    }
    default:
      return { tone: 'info', text: 'This message is held in quarantine.' };
  }
}

/** Who used a link is known only as far as the link is personal, so it is the link that is named. */
function byWhom(decision: PersonalDecision | undefined, did: string): string {
  if (decision === undefined) return '';
  const at = timeText(decision.at);
  switch (decision.by) {
    case 'you':
      return ` It was ${did} with this link at ${at}.`;
    case 'recipient':
      return ` It was ${did} by a recipient at ${at}.`;
    case 'administrator':
      return ` It was ${did} by an administrator at ${at}.`;
    case 'retention':
      return '';
  }
}

const wholeWords = 'The original was released to all recipients.';

/** The end of a message, as heading and sentence. */
export function endTold(view: PersonalView): { readonly heading: string; readonly sentence: string } {
  const { state, decision, received } = view;
  if (received !== undefined && state !== 'released') {
    const what = state === 'deleted' ? 'was deleted for all recipients' : 'was kept for as long as the rules say';
    return {
      heading: 'The message was delivered to you',
      sentence: `${receivedText(received)} Its original ${what} and cannot be released any more.`,
    };
  }
  switch (state) {
    case 'released': {
      const what = received?.form === 'zip' ? `The message was released to all recipients ${zipWords}.` : wholeWords;
      return { heading: 'The message was released', sentence: `${what}${byWhom(decision, 'released')}` };
    }
    case 'deleted':
      return {
        heading: 'The message was deleted',
        sentence: `The original was deleted for all recipients and cannot be released any more.${byWhom(decision, 'deleted')}`,
      };
    default:
      return {
        heading: 'The message has expired',
        sentence: 'It was kept for as long as the rules say, and then it was deleted.',
      };
  }
}

/** What came of an act, where the state alone would not say; undefined where it does. */
export function outcomeTold(
  act: Act,
  outcome: 'done' | 'already' | 'refused' | 'busy',
  { state, releasing }: PersonalView,
): Told | undefined {
  switch (outcome) {
    case 'busy':
      return { tone: 'warn', text: 'Nothing was changed: the message is being released at this moment.' };
    case 'refused':
      return state === 'held' || act === 'delete' || releasing
        ? { tone: 'warn', text: 'Nothing was changed: this is not possible with this link.' }
        : undefined;
    case 'already':
      return act === 'request' ? undefined : { tone: 'info', text: 'This was done before; nothing was changed now.' };
    case 'done':
      return undefined;
  }
}
