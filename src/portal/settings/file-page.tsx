/** Where to find which setting, and the whole configuration as it stands, to be read only. */
import type { FastifyInstance } from 'fastify';
import { stringify } from 'yaml';
import { previousOf } from '../../config/edit-file.js';
import type { Settings } from '../../config/schema.js';
import { sendPage } from '../answers.js';
import { type Operator, operatorOf } from '../operator.js';
import type { Flash } from '../view/console-page.js';
import { DataTable, FactList, Panel } from '../view/display.js';
import { settingsPages } from './field-table.js';
import { type FileState, readFileState } from './file-state.js';
import { pathOf } from './form-page.js';
import { listsPath } from './list-view.js';
import type { SettingsOptions } from './options.js';
import { ProblemList, SettingsFrame, settingsPath } from './settings-frame.js';

export function registerFilePages(scope: FastifyInstance, options: SettingsOptions): void {
  const { file } = options.live.started;
  scope.get(settingsPath, async (request, reply) => {
    const operator = operatorOf(request);
    const shown = { state: await readFileState(options), operator, file };
    return sendPage(reply, 200, <OverviewPage {...shown} flash={options.flashes.of(request, operator)} />);
  });
  scope.get(`${settingsPath}/file`, async (request, reply) => {
    const shown = { state: await readFileState(options), operator: operatorOf(request), file };
    return sendPage(reply, 200, <FilePage {...shown} />);
  });
}

interface Shown {
  readonly state: FileState;
  readonly operator: Operator;
  /** absolute name of the configuration file */
  readonly file: string;
  readonly flash?: Flash | undefined;
}

/** Title, sentence and address. */
const links: readonly (readonly [string, string, string])[] = [
  ...settingsPages.map((page) => [page.title, page.intro[0] ?? '', pathOf(page)] as const),
  [
    'Administrators',
    'Who gets mail when a message is blocked or released, or a release is asked for.',
    `${settingsPath}/administrators`,
  ],
  ['Lists', 'Addresses and files known to be good or bad.', listsPath],
  ['The whole file', 'Every key with its value, and what check-config says about them.', `${settingsPath}/file`],
];

function OverviewPage({ state, operator, file, flash }: Shown) {
  return (
    <SettingsFrame title="Settings" tab="overview" operator={operator} state={state} flash={flash}>
      <p>
        These pages change the configuration file <bdi>{file}</bdi> and keep its comments. The gate takes a saved change
        in at once, but for keys that it reads at its start only.
      </p>
      <ul class="list">
        {links.map(([title, sentence, path]) => (
          <li key={path}>
            <a class="what" href={path}>
              {title}
            </a>
            <span>{sentence}</span>
          </li>
        ))}
      </ul>
    </SettingsFrame>
  );
}

function FilePage({ state, operator, file }: Shown) {
  const warnings = state.problems.filter(({ severity }) => severity === 'warning');
  const digest = state.digest === '' ? 'cannot be read' : state.digest;
  return (
    <SettingsFrame title="The whole file" tab="file" operator={operator} state={state}>
      <FactList
        facts={[
          ['File', file],
          ['The one before', previousOf(file)],
          ['SHA-256', digest],
        ]}
      />
      <Panel heading="Warnings">
        {warnings.length === 0 ? <p>There are none.</p> : <ProblemList problems={warnings} />}
      </Panel>
      <Panel heading="Every key with its value">
        <p>Defaults are filled in. Secrets are in files of their own, and only the names of these stand here.</p>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
        <pre class="text" tabIndex={0}>
          {state.settings === undefined
            ? state.text
            : stringify(state.settings, { lineWidth: 0, aliasDuplicateObjects: false })}
        </pre>
      </Panel>
    </SettingsFrame>
  );
}

/** The backends, which are connections and so are set in the file. */
export function BackendTable({ settings }: { readonly settings: Settings }) {
  return (
    <>
      <h2>Backends</h2>
      <p>Who scores files stands under scoring.backends in the file; a change there needs a restart.</p>
      <DataTable
        caption="Backends"
        captionHidden
        columns={[
          { label: 'Type', kind: 'heading', cell: ({ type }) => type },
          { label: 'Settings', cell: (backend) => <bdi>{settingsOf(backend)}</bdi> },
        ]}
        rows={settings.scoring.backends}
        keyOf={(backend) => JSON.stringify(backend)}
        empty="There are none."
      />
    </>
  );
}

function settingsOf({ type: _type, ...rest }: Settings['scoring']['backends'][number]): string {
  return Object.entries(rest)
    .map(([key, value]) => `${key}: ${Array.isArray(value) ? `[${value.join(', ')}]` : String(value)}`)
    .join(', ');
}
