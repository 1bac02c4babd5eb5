/** The page of one held message as one of its recipients sees it: the notice's facts, the state, and the form to ask. */
import { timeText } from '../../notice/clean.js';
import { type AttachmentLine, noticeContent, shown } from '../../notice/content.js';
import type { NoticeFacts, NoticeSettings } from '../../notice/settings.js';
import type { PersonalView } from '../../quarantine/personal-view.js';
import { PublicPage, SayingPage } from '../view/public-page.js';

export interface ItemPageProps {
  readonly view: PersonalView;
  readonly notice: NoticeSettings;
  /** ms since 1970 */
  readonly now: number;
  /** relative to the page, so that no name of the server is needed; undefined where the page must not have a form */
  readonly form: { readonly action: string; readonly nonce: string } | undefined;
}

const dayMs = 86_400_000;

export function ItemPage(props: ItemPageProps) {
  const { mail } = props.view;
  return mail === undefined ? <OverPage view={props.view} /> : <HeldPage {...props} mail={mail} />;
}

/** Nothing of the mail is shown any more: the link has done its work. */
function OverPage({ view }: { readonly view: PersonalView }) {
  switch (view.state) {
    case 'released':
      return (
        <SayingPage
          heading="The message was released"
          sentence="The original was delivered by an administrator’s decision."
        />
      );
    case 'deleted':
      return (
        <SayingPage
          heading="The message was deleted"
          sentence="An administrator deleted the original. It cannot be released any more."
        />
      );
    default:
      return (
        <SayingPage
          heading="The message has expired"
          sentence="It was kept for as long as the rules say, and then it was deleted."
        />
      );
  }
}

function HeldPage({ view, notice, now, form, mail }: ItemPageProps & { readonly mail: NoticeFacts }) {
  const content = noticeContent(notice, mail);
  const shared = mail.recipient === '';
  const whose = shared ? 'for the readers of this message' : 'for you alone';
  const facts = [
    ...content.facts,
    ...(shared ? [] : [['To', shown(mail.recipient)] as const]),
    ['Kept until', keptText(view, now)] as const,
  ];
  return (
    <PublicPage heading={content.heading === '' ? 'A message to you was withheld' : content.heading}>
      {content.paragraphs.map((paragraph) => (
        <p key={paragraph}>{paragraph}</p>
      ))}
      <p class="note" role="status">
        {stateText(view, shared)}
      </p>
      {form !== undefined && view.mayRequest ? <RequestForm {...form} /> : undefined}
      <h2>The message</h2>
      <dl class="facts">
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              <bdi>{value}</bdi>
            </dd>
          </div>
        ))}
      </dl>
      <Attachments lines={content.attachments} more={content.more} />
      {content.learnMore === undefined ? undefined : (
        <p>
          <a rel="noreferrer" href={content.learnMore}>
            Learn more about withheld mail
          </a>
        </p>
      )}
      <footer>
        Reference: <code>{content.reference}</code>. This page is {whose} and works until {timeText(view.linkUntil)}.
      </footer>
    </PublicPage>
  );
}

function keptText({ keptUntil }: PersonalView, now: number): string {
  const days = Math.max(0, Math.ceil((keptUntil - now) / dayMs));
  return `${timeText(keptUntil)} (${days} ${days === 1 ? 'day' : 'days'} left)`;
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

function RequestForm({ action, nonce }: { readonly action: string; readonly nonce: string }) {
  return (
    <form method="post" action={action} autocomplete="off">
      <input type="hidden" name="nonce" value={nonce} />
      <p>
        If you expected this message and need it, you can ask for it. An administrator looks at it first and decides.
      </p>
      <button type="submit">Ask for release</button>
    </form>
  );
}

function Attachments({ lines, more }: { readonly lines: readonly AttachmentLine[]; readonly more: number }) {
  if (lines.length === 0) return undefined;
  return (
    <>
      <h2>Attachments</h2>
      <ul class="list">
        {lines.map(({ name, size, level, threat }, index) => (
          <li key={index}>
            <bdi>{name}</bdi>
            <span>
              {size}, threat level {level}
              <bdi>{threat === '' ? '' : `, ${threat}`}</bdi>
            </span>
          </li>
        ))}
      </ul>
      {more > 0 ? <p>and {more} more</p> : undefined}
    </>
  );
}
