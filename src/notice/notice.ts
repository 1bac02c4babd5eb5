/**
 * The notice: the mail that a recipient gets in place of a blocked one. A function of settings and facts, so that the
 * preview, the portal and the mail show the same bytes.
 */
import { composeMail, stableMessageId } from './compose.js';
import { noticeContent } from './content.js';
import { noticeHtml, noticeText } from './layout.js';
import type { Notice, NoticeFacts, NoticeSettings } from './settings.js';

/** Names the quarantined item, so that filters, and whoever sweeps a mailbox, know a notice from other mail. */
export const noticeFieldName = 'X-Sluice-Notice';

export async function renderNotice(settings: NoticeSettings, facts: NoticeFacts): Promise<Notice> {
  const content = noticeContent(settings, facts);
  const html = noticeHtml(content);
  const text = noticeText(content);
  const messageId = stableMessageId(settings.from, 'notice', facts.id, facts.recipient);
  const eml = await composeMail({
    from: settings.from,
    to: facts.recipient,
    subject: content.heading,
    date: facts.receivedAt,
    messageId,
    fields: { [noticeFieldName]: facts.id },
    text,
    html,
  });
  return { eml, html, text, messageId };
}
