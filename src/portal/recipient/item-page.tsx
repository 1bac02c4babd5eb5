/** The page of one held message as one of its recipients sees it: why it was withheld, what it is, what he may do. */
import type { ComponentChildren } from 'preact';
import { sizeText, timeText } from '../../notice/clean.js';
import { noticeContent, shown } from '../../notice/content.js';
import type { Finding } from '../../notice/findings.js';
import type { NoticeFacts, NoticeSettings } from '../../notice/settings.js';
import type { PersonalView } from '../../quarantine/personal-view.js';
import { limits } from '../../runtime/limits.js';
import { Actions, FactList, LevelBadge, LinkButton, Note } from '../view/display.js';
import { PublicPage, SayingPage } from '../view/public-page.js';
import { endTold, keptText, stateTold, type Told } from './told.js';

export interface ItemPageProps {
  readonly view: PersonalView;
  readonly notice: NoticeSettings;
  /** ms since 1970 */
  readonly now: number;
  /**
   * Where this page's addresses begin, relative to the page, so that no name of the server is needed: the token, or
   * nothing where the token is a folder of the page's address.
   */
  readonly base: string;
  /** of the form that asks for the release; undefined where the page must not have one */
  readonly nonce: string | undefined;
  /** what the last act led to, beside the state */
  readonly told?: Told | undefined;
}

export function ItemPage(props: ItemPageProps) {
  const { view, told } = props;
  if (view.mail !== undefined) return <HeldPage {...props} mail={view.mail} />;
  const { heading, sentence } = endTold(view);
  return (
    <SayingPage heading={heading} sentence={sentence}>
      {told === undefined ? undefined : <p class="soft">{told.text}</p>}
    </SayingPage>
  );
}

function HeldPage({ view, notice, now, base, nonce, told, mail }: ItemPageProps & { readonly mail: NoticeFacts }) {
  const content = noticeContent(notice, mail);
  const shared = mail.recipient === '';
  const whose = shared ? 'for the readers of this message' : 'for you alone';
  const state = stateTold(view, shared);
  const level = <LevelBadge level={mail.threatLevel} />;
  const facts: (readonly [string, ComponentChildren])[] = [
    ...content.facts.map(([label, value]) => [label, label === 'Threat level' ? level : value] as const),
    ...(shared ? [] : [['To', shown(mail.recipient)] as const]),
    ['Kept until', keptText(view, now)],
  ];
  return (
    <PublicPage heading={content.heading === '' ? 'A message to you was withheld' : content.heading}>
      {told === undefined ? undefined : (
        <Note tone={told.tone} live>
          {told.text}
        </Note>
      )}
      {content.paragraphs.map((paragraph) => (
        <p key={paragraph}>{paragraph}</p>
      ))}
      <Note tone={state.tone} live>
        {state.text}
      </Note>
      <Reasons why={view.why} />
      <Choices view={view} base={base} nonce={nonce} />
      <h2>The message</h2>
      <FactList facts={facts} />
      <p>
        <a href={`${base}message`}>Look at its text</a>, with everything harmful taken out
      </p>
      <AttachmentList findings={mail.findings} omitted={mail.omitted} />
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

function Reasons({ why }: { readonly why: readonly string[] }) {
  if (why.length === 0) return undefined;
  return (
    <>
      <h2>Why it was withheld</h2>
      <ul class="reasons">
        {why.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
    </>
  );
}

/** Who may release needs not ask; what cannot be taken back has a page of its own that asks once more. */
function Choices({ view, base, nonce }: Pick<ItemPageProps, 'view' | 'base' | 'nonce'>) {
  const { mayRequest, mayRelease, mayDelete } = view;
  const asks = mayRequest && !mayRelease && nonce !== undefined;
  if (!asks && !mayRelease && !mayDelete) return undefined;
  return (
    <>
      <h2>What you can do</h2>
      {asks ? <RequestForm action={`${base}request`} nonce={nonce} /> : undefined}
      {mayRelease || mayDelete ? (
        <Actions>
          {mayRelease ? <LinkButton href={`${base}release`}>Release…</LinkButton> : undefined}
          {mayDelete ? (
            <LinkButton href={`${base}delete`} kind="quiet">
              Delete…
            </LinkButton>
          ) : undefined}
        </Actions>
      ) : undefined}
    </>
  );
}

function RequestForm({ action, nonce }: { readonly action: string; readonly nonce: string }) {
  return (
    <form method="post" action={action} autocomplete="off">
      <input type="hidden" name="nonce" value={nonce} />
      <p>
        If you expected this message and need it, you can ask for it. An administrator looks at it first and decides.
      </p>
      <Actions>
        <button type="submit">Ask for release</button>
      </Actions>
    </form>
  );
}

export function AttachmentList({
  findings,
  omitted,
}: {
  readonly findings: readonly Finding[];
  readonly omitted: number;
}) {
  if (findings.length === 0) return undefined;
  const listed = findings.slice(0, limits.notice.findingsShown);
  const more = findings.length - listed.length + omitted;
  return (
    <>
      <h2>Attachments</h2>
      <ul class="list">
        {listed.map(({ path, name, bytes, type, level, threat }) => (
          <li key={path}>
            <bdi class="what">{shown(name) || '(no name)'}</bdi>
            <div class="more">
              <span>{sizeText(bytes)}</span>
              <bdi>{shown(type)}</bdi>
              <LevelBadge level={level} />
              <bdi>{shown(threat)}</bdi>
            </div>
          </li>
        ))}
      </ul>
      {more > 0 ? <p>and {more} more</p> : undefined}
    </>
  );
}
