/** Asks once more before a recipient does what cannot be taken back; looking at it changes nothing. */
import { timeText } from '../../notice/clean.js';
import { noticeContent, shown } from '../../notice/content.js';
import type { NoticeFacts, NoticeSettings } from '../../notice/settings.js';
import type { ReleaseForm } from '../../quarantine/outbox-table.js';
import { Actions, FactList, LinkButton, Note } from '../view/display.js';
import { PublicPage } from '../view/public-page.js';
import { AttachmentList } from './item-page.js';
import { zipWords } from './told.js';

export interface ConfirmPageProps {
  readonly act: 'release' | 'delete';
  /** in which it would be released */
  readonly form: ReleaseForm;
  readonly mail: NoticeFacts;
  readonly notice: NoticeSettings;
  readonly why: readonly string[];
  readonly nonce: string;
  /** the page of the message, relative to this one */
  readonly back: string;
}

const words = {
  release: {
    heading: 'Release this message?',
    tone: 'warn',
    what: 'The original, with its attachments, is delivered to everybody it was sent to. This cannot be taken back.',
    button: 'Release to all recipients',
    kind: 'plain',
  },
  delete: {
    heading: 'Delete this message?',
    tone: 'warn',
    what: 'The original is deleted for everybody it was sent to. Nobody can get it back.',
    button: 'Delete for all recipients',
    kind: 'danger',
  },
} as const;

const zipReleaseWords = `It is delivered to everybody it was sent to, ${zipWords}. This cannot be taken back.`;

export function ConfirmPage({ act, form, mail, notice, why, nonce, back }: ConfirmPageProps) {
  const { heading, tone, button, kind } = words[act];
  const what = act === 'release' && form === 'zip' ? zipReleaseWords : words[act].what;
  const facts = noticeContent(notice, mail).facts.filter(([label]) => label === 'From' || label === 'Subject');
  return (
    <PublicPage heading={heading}>
      <Note tone={tone}>{what}</Note>
      {act === 'release' ? (
        <>
          <p>Release it only when you know its sender and expected it. It was withheld because:</p>
          <ul class="reasons">
            {[...why, ...(mail.threat === '' ? [] : [`Found in it: ${shown(mail.threat)}`])].map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </>
      ) : undefined}
      <form method="post" action={act} autocomplete="off">
        <input type="hidden" name="nonce" value={nonce} />
        <Actions>
          <button class={kind} type="submit">
            {button}
          </button>
          <LinkButton href={back} kind="quiet">
            Cancel
          </LinkButton>
        </Actions>
      </form>
      <h2>The message</h2>
      <FactList facts={[...facts, ['Received', timeText(mail.receivedAt)]]} />
      <AttachmentList findings={mail.findings} omitted={mail.omitted} />
    </PublicPage>
  );
}
