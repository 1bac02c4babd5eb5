/** What of a withheld message may be looked at, as part of a page for a recipient or for an administrator. */
import type { ComponentChildren } from 'preact';
import { FactList, Note } from '../view/display.js';
import type { MessagePreview, PreviewFailure, PreviewOutcome } from './preview.js';

export const failureWords = {
  'no-identity': 'The message cannot be shown: the key that opens it is not on this machine.',
  gone: 'The message is not here any more.',
  'too-large': 'The message is too large to be shown here.',
  busy: 'Many messages are being opened at this moment. Try again in a minute.',
  failed: 'The message cannot be shown.',
} as const satisfies Readonly<Record<PreviewFailure, string>>;

export interface MessageViewProps {
  readonly outcome: PreviewOutcome;
  /** address of the frame's content, answered with `sendMessageFrame`; the page needs `{ frame: true }` */
  readonly frame: string;
  /** fields that this reader may see beside sender, subject and date */
  readonly facts?: readonly (readonly [string, ComponentChildren])[];
}

export function MessageView({ outcome, frame, facts = [] }: MessageViewProps) {
  if (outcome.kind === 'unavailable') {
    return (
      <Note tone="warn" live>
        {failureWords[outcome.reason]}
      </Note>
    );
  }
  const { preview } = outcome;
  return (
    <>
      <FactList
        facts={[
          ['From', preview.from === '' ? '(none)' : preview.from],
          ['Subject', preview.subject === '' ? '(none)' : preview.subject],
          ['Date', preview.date === '' ? '(none)' : preview.date],
          ...facts,
        ]}
      />
      {preview.cut ? <Note tone="warn">The message is long: only its beginning is shown.</Note> : undefined}
      <Bodies preview={preview} frame={frame} />
    </>
  );
}

function Bodies({ preview, frame }: { readonly preview: MessagePreview; readonly frame: string }) {
  const { text, html, htmlRefused } = preview;
  const refused = htmlRefused ? <Note tone="warn">Its formatted text cannot be shown safely.</Note> : undefined;
  if (text === '' && html === '' && refused !== undefined) return refused;
  if (text === '' && html === '') return <p class="empty">The message has no text that can be shown.</p>;
  const formatted = (
    // The sandbox has no exception: the frame runs nothing, sends nothing and leads nowhere.
    <iframe class="message-frame" title="Content of the message" src={frame} sandbox="" referrerpolicy="no-referrer" />
  );
  return (
    <>
      <p class="soft">
        Links, pictures and everything that could act are taken out. Addresses are written so that they cannot be opened
        by mistake.
      </p>
      {text === '' ? undefined : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
        <section class="text" tabIndex={0} aria-label="Text of the message">
          <pre dir="auto">{text}</pre>
        </section>
      )}
      {refused}
      {html === '' ? undefined : text === '' ? (
        formatted
      ) : (
        <>
          <h2>With its headings and tables</h2>
          {formatted}
        </>
      )}
    </>
  );
}
