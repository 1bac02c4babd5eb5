/**
 * The mail that tells a recipient what became of his request. Like the notice it is a function of settings and facts,
 * and names no other recipient.
 */
import { limits } from '../runtime/limits.js';
import { cleanLine, timeText } from './clean.js';
import { composeMail, stableMessageId } from './compose.js';
import { type NoticeContent, noticeContent } from './content.js';
import { noticeHtml, noticeText } from './layout.js';
import { noticeFieldName } from './notice.js';
import type { Notice, NoticeFacts, NoticeSettings } from './settings.js';

export interface AnswerFacts {
  /** the message as its notice told it; its link is not shown again */
  readonly mail: NoticeFacts;
  readonly answer: 'released' | 'denied' | 'deleted' | 'expired';
  /** an administrator's words */
  readonly reason: string | undefined;
  /** ms since 1970, of the decision; also the Date of the mail */
  readonly at: number;
  /** of the answer, so that each has a Message-ID of its own */
  readonly number: number;
}

const words = {
  released: {
    heading: 'Your request was granted',
    text: 'The message that you asked for was released. It is delivered to you as a mail of its own.',
  },
  denied: {
    heading: 'Your request was denied',
    text: 'An administrator decided not to release the message that you asked for.',
  },
  deleted: {
    heading: 'The message that you asked for was deleted',
    text: 'The message was deleted from quarantine before it was released. It cannot be released any more.',
  },
  expired: {
    heading: 'The message that you asked for has expired',
    text: 'The message was kept for as long as the rules say, and was then deleted. Nobody had decided about your request.',
  },
} as const;

function contentOf(settings: NoticeSettings, facts: AnswerFacts): NoticeContent {
  const { heading, text } = words[facts.answer];
  const reason = cleanLine(facts.reason ?? '', limits.quarantine.reasonCharacters);
  const told = noticeContent({ ...settings, learnMoreUrl: '' }, { ...facts.mail, link: undefined });
  return {
    ...told,
    heading,
    paragraphs: [text, ...(reason === '' ? [] : [`The administrator says: ${reason}`])],
    facts: [...told.facts, ['Decided', timeText(facts.at)]],
    attachments: [],
    more: 0,
    request: undefined,
  };
}

export async function renderAnswer(settings: NoticeSettings, facts: AnswerFacts): Promise<Notice> {
  const content = contentOf(settings, facts);
  const html = noticeHtml(content);
  const text = noticeText(content);
  const { id, recipient } = facts.mail;
  const messageId = stableMessageId(settings.from, 'answer', id, recipient, facts.answer, String(facts.number));
  const eml = await composeMail({
    from: settings.from,
    to: recipient,
    subject: content.heading,
    date: facts.at,
    messageId,
    fields: { [noticeFieldName]: id },
    text,
    html,
  });
  return { eml, html, text, messageId };
}
