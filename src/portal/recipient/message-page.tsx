/** What a withheld message says, for one of its recipients: of the addresses it was sent to he sees his own. */
import type { NoticeFacts } from '../../notice/settings.js';
import { MessageView } from '../preview/message-view.js';
import type { PreviewOutcome } from '../preview/preview.js';
import { Note } from '../view/display.js';
import { PublicPage } from '../view/public-page.js';
import { AttachmentList } from './item-page.js';

export interface MessagePageProps {
  readonly outcome: PreviewOutcome;
  readonly mail: NoticeFacts;
  /** empty where all readers of a mailbox share the link */
  readonly to: string;
  /** the page of the message, relative to this one */
  readonly back: string;
}

export function MessagePage({ outcome, mail, to, back }: MessagePageProps) {
  return (
    <PublicPage heading="What the message says">
      <p>
        <a href={back}>Back to the message</a>
      </p>
      <Note tone="warn">
        This message was withheld because it may be harmful. Do not follow what it asks for, and do not answer it,
        unless you know better where it comes from.
      </Note>
      <MessageView outcome={outcome} frame="message/html" facts={to === '' ? [] : [['To', to]]} />
      <AttachmentList findings={mail.findings} omitted={mail.omitted} />
      {mail.findings.length === 0 ? undefined : <p class="soft">Attachments cannot be opened here.</p>}
    </PublicPage>
  );
}
