/** What all settings pages have: the tabs, and whether the gate runs with what the file says. */
import type { ComponentChildren } from 'preact';
import type { ConfigProblem } from '../../config/problem.js';
import type { Operator } from '../operator.js';
import { ConsolePage, type Flash, type Section } from '../view/console-page.js';
import { Note, Tabs } from '../view/display.js';
import { errorsOf, type FileState } from './file-state.js';
import { problemText } from './saving.js';

export const settingsPath = '/admin/settings';

const tabs = [
  ['overview', 'Overview', settingsPath],
  ['smtp', 'SMTP', `${settingsPath}/smtp`],
  ['imap', 'IMAP', `${settingsPath}/imap`],
  ['notice', 'Notifications', `${settingsPath}/notice`],
  ['administrators', 'Administrators', `${settingsPath}/administrators`],
  ['fallback', 'Fallback', `${settingsPath}/fallback`],
  ['profile', 'File types', `${settingsPath}/profile`],
  ['scoring', 'Scoring', `${settingsPath}/scoring`],
  ['file', 'The whole file', `${settingsPath}/file`],
] as const;
export type SettingsTab = (typeof tabs)[number][0];

export interface SettingsFrameProps {
  readonly title: string;
  /** undefined on the page of the lists, which is a section of its own */
  readonly tab: SettingsTab | undefined;
  readonly operator: Operator;
  readonly flash?: Flash | undefined;
  readonly state: FileState;
  readonly children: ComponentChildren;
}

export function SettingsFrame({ title, tab, operator, flash, state, children }: SettingsFrameProps) {
  const section: Section = tab === undefined ? 'lists' : 'settings';
  return (
    <ConsolePage title={title} section={section} operator={operator} flash={flash}>
      {tab === undefined ? undefined : <Tabs label="Settings" current={tab} tabs={tabs} />}
      <StateNotes state={state} />
      {children}
    </ConsolePage>
  );
}

/** Tells when the file and the running gate are not the same. */
function StateNotes({ state }: { readonly state: FileState }) {
  const errors = errorsOf(state.problems);
  return (
    <>
      {errors.length === 0 ? undefined : (
        <Note tone="bad">
          <p>
            The configuration file has errors, so the gate runs with earlier values. Below stands what the file says.
          </p>
          <ProblemList problems={errors} />
        </Note>
      )}
      {state.refused.length === 0 ? undefined : (
        <Note tone="bad">
          <p>The gate could not take the file in, and runs with earlier values.</p>
          <ProblemList problems={state.refused} />
        </Note>
      )}
      {state.restartKeys.length === 0 ? undefined : (
        <Note tone="warn">
          <p>
            The file was changed in keys that are read at the start only. The gate goes on with the earlier values until
            it is restarted: {state.restartKeys.join(', ')}.
          </p>
        </Note>
      )}
    </>
  );
}

/** problems shown of one kind */
const shownMax = 20;

export function ProblemList({ problems }: { readonly problems: readonly ConfigProblem[] }) {
  const texts = [...new Set(problems.map(problemText))];
  return (
    <ul class="reasons">
      {texts.slice(0, shownMax).map((text) => (
        <li key={text}>
          <bdi>{text}</bdi>
        </li>
      ))}
      {texts.length > shownMax ? <li>and {texts.length - shownMax} more</li> : undefined}
    </ul>
  );
}

/** In place of a form when the file cannot be read as settings. */
export function NoForm() {
  return <p class="empty">The file cannot be edited here before its errors are put right in the file itself.</p>;
}
