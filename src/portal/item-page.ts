/** The page of one held message as one of its recipients sees it: the notice's facts, the state, and the form to ask. */
import { timeText } from '../notice/clean.js';
import { type AttachmentLine, noticeContent, shown } from '../notice/content.js';
import type { NoticeFacts, NoticeSettings } from '../notice/settings.js';
import type { PersonalView } from '../quarantine/personal-view.js';
import { html, type Markup } from './html.js';
import { page, sayingPage } from './page.js';

export interface ItemPageOptions {
  readonly view: PersonalView;
  readonly notice: NoticeSettings;
  /** ms since 1970 */
  readonly now: number;
  /** relative to the page, so that no name of the server is needed; undefined where the page must not have a form */
  readonly form: { readonly action: string; readonly nonce: string } | undefined;
}

const dayMs = 86_400_000;

export function itemPage(options: ItemPageOptions): string {
  const { view } = options;
  return view.mail === undefined ? overPage(view) : heldPage(options, view.mail);
}

/** Nothing of the mail is shown any more: the link has done its work. */
function overPage({ state }: PersonalView): string {
  if (state === 'released') {
    return sayingPage('The message was released', 'The original was delivered by an administrator’s decision.');
  }
  return state === 'deleted'
    ? sayingPage('The message was deleted', 'An administrator deleted the original. It cannot be released any more.')
    : sayingPage('The message has expired', 'It was kept for as long as the rules say, and then it was deleted.');
}

function heldPage({ view, notice, now, form }: ItemPageOptions, mail: NoticeFacts): string {
  const content = noticeContent(notice, mail);
  const shared = mail.recipient === '';
  const whose = shared ? 'for the readers of this message' : 'for you alone';
  const facts = [
    ...content.facts,
    ...(shared ? [] : [['To', shown(mail.recipient)] as const]),
    ['Kept until', keptText(view, now)] as const,
  ];
  const learnMore =
    content.learnMore === undefined
      ? undefined
      : html`<p><a rel="noreferrer" href="${content.learnMore}">Learn more</a></p>`;
  const body = html`${content.paragraphs.map((paragraph) => html`<p>${paragraph}</p>`)}
${stateNote(view, shared)}
${form === undefined || !view.mayRequest ? undefined : requestForm(form)}
<h2>The message</h2>
<dl>
${facts.map(([label, value]) => html`<div><dt>${label}</dt><dd><bdi>${value}</bdi></dd></div>`)}
</dl>
${attachmentList(content.attachments, content.more)}
${learnMore}
<footer>Reference: <code>${content.reference}</code>. This page is ${whose} and works until ${timeText(view.linkUntil)}.</footer>`;
  return page(content.heading === '' ? 'A message to you was withheld' : content.heading, body);
}

function keptText({ keptUntil }: PersonalView, now: number): string {
  const days = Math.max(0, Math.ceil((keptUntil - now) / dayMs));
  return `${timeText(keptUntil)} (${days} ${days === 1 ? 'day' : 'days'} left)`;
}

function stateNote(view: PersonalView, shared: boolean): Markup {
  return html`<p class="note" role="status">${stateText(view, shared)}</p>`;
}

/** Another recipient's request shows without him: nobody learns who else got the message. */
function stateText({ state, requestedAt }: PersonalView, shared: boolean): string {
  switch (state) {
    case 'release-requested':
      return requestedAt === undefined || shared
        ? 'The release of this message has been asked for. An administrator decides about it.'
        : `You asked for the release of this message at ${timeText(requestedAt)}. An administrator decides about it.`;
    case 'request-denied':
      return 'The release of this message was asked for, and an administrator decided against it.';
    default:
      return 'This message is held in quarantine.';
  }
}

function requestForm({ action, nonce }: { readonly action: string; readonly nonce: string }): Markup {
  return html`<form method="post" action="${action}" autocomplete="off">
<input type="hidden" name="nonce" value="${nonce}">
<p>If you expected this message and need it, you can ask for it. An administrator looks at it first and decides.</p>
<button type="submit">Ask for release</button>
</form>`;
}

function attachmentList(lines: readonly AttachmentLine[], more: number): Markup | undefined {
  if (lines.length === 0) return undefined;
  const items = lines.map(({ name, size, level, threat }) => {
    const found = threat === '' ? '' : `, ${threat}`;
    return html`<li><bdi>${name}</bdi><span>${size}, threat level ${level}<bdi>${found}</bdi></span></li>`;
  });
  return html`<h2>Attachments</h2>
<ul>
${items}
</ul>
${more > 0 ? html`<p>and ${more} more</p>` : undefined}`;
}
