/** The page of the allow and the block list: entries of the configuration, files, a question about an address, and the rules. */
import type { AddressExplained } from '../../policy/explain-address.js';
import { limits } from '../../runtime/limits.js';
import type { Operator } from '../operator.js';
import type { Flash } from '../view/console-page.js';
import {
  Button,
  Checkbox,
  EmptyState,
  FilterForm,
  PostForm,
  Problems,
  SelectField,
  TextArea,
  TextField,
  Time,
} from '../view/controls.js';
import { Actions, Columns, DataTable, Details, Panel, Tabs } from '../view/display.js';
import { listRules } from './field-table.js';
import { entriesOf } from './fields.js';
import type { FileState } from './file-state.js';
import { type FormContent, Hidden, SettingsField } from './form-view.js';
import type { ListFileFacts } from './list-files.js';
import { NoForm, SettingsFrame } from './settings-frame.js';

export const listsPath = '/admin/lists';

export type ListName = 'allow' | 'block';

/** What part of a list is looked at, as the address of the page says it. */
export interface ListLook {
  readonly list: ListName;
  readonly search: string;
  /** from 1 */
  readonly page: number;
  readonly test: string;
  /** one of the four fields, or empty for all */
  readonly field: string;
}

export interface ListsShown {
  readonly state: FileState;
  readonly operator: Operator;
  readonly look: ListLook;
  readonly files: readonly ListFileFacts[];
  /** entries in force, with those of files */
  readonly inForce: Readonly<Record<ListName, number>>;
  readonly explained: AddressExplained | undefined;
  readonly flash?: Flash | undefined;
  /** what was typed into the form that adds */
  readonly typed?: string | undefined;
  readonly error?: string | undefined;
  readonly problems?: readonly (readonly [string, string])[];
  readonly rules?: FormContent | undefined;
}

export function lookPath(look: ListLook, change: Partial<ListLook> = {}): string {
  const { list, search, page } = { ...look, ...change };
  const query = new URLSearchParams({ list });
  if (search !== '') query.set('q', search);
  if (page > 1) query.set('page', String(page));
  return `${listsPath}?${query}`;
}

const listWords: Readonly<Record<ListName, readonly [string, string]>> = {
  allow: [
    'Allow list',
    'Mail of these addresses passes without being scanned. This list is asked before the block list.',
  ],
  block: ['Block list', 'Mail of these addresses counts as malicious.'],
};

export function ListsPage(shown: ListsShown) {
  const { state, operator, look, flash, problems = [] } = shown;
  const [title, sentence] = listWords[look.list];
  const tabs = (['allow', 'block'] as const).map((name) => {
    const count = state.settings?.lists[name].length;
    return [
      name,
      count === undefined ? listWords[name][0] : `${listWords[name][0]} (${count})`,
      lookPath({ ...look, list: name, search: '', page: 1 }),
    ] as const;
  });
  return (
    <SettingsFrame title="Lists" tab={undefined} operator={operator} flash={flash} state={state}>
      <Tabs label="Lists" current={look.list} tabs={tabs} />
      <Problems problems={problems} />
      <p>
        {sentence} {shown.inForce[look.list]} {shown.inForce[look.list] === 1 ? 'entry is' : 'entries are'} in force,
        with those of list files.
      </p>
      <Columns>
        {state.settings === undefined ? <NoForm /> : <AddForm {...shown} title={title} />}
        <TestPanel look={look} explained={shown.explained} />
      </Columns>
      {state.settings === undefined ? undefined : (
        <EntryTable shown={shown} entries={state.settings.lists[look.list]} title={title} />
      )}
      {state.settings === undefined ? undefined : <Rules shown={shown} />}
      <FileTable files={shown.files} />
    </SettingsFrame>
  );
}

function AddForm({ operator, look, typed, error, title }: ListsShown & { readonly title: string }) {
  return (
    <Panel heading={`Add to the ${title.toLowerCase()}`}>
      <PostForm action={`${listsPath}/add`} operator={operator} label={`Add to the ${title}`}>
        <Hidden values={[['list', look.list]]} />
        <TextArea
          name="entries"
          label="Entries"
          hint="name@domain, *@domain, or *@*.domain for its subdomains; one a line."
          rows={3}
          value={typed ?? ''}
          error={error}
        />
        <Actions>
          <Button>+ Add</Button>
        </Actions>
      </PostForm>
    </Panel>
  );
}

function EntryTable({
  shown,
  entries,
  title,
}: {
  readonly shown: ListsShown;
  readonly entries: readonly string[];
  readonly title: string;
}) {
  const { look, operator } = shown;
  const wanted = look.search.toLowerCase();
  const found = wanted === '' ? entries : entries.filter((entry) => entry.toLowerCase().includes(wanted));
  const { entriesShown } = limits.settings;
  const pages = Math.max(1, Math.ceil(found.length / entriesShown));
  const page = Math.min(look.page, pages);
  const rows = found.slice((page - 1) * entriesShown, page * entriesShown);
  return (
    <>
      <FilterForm action={listsPath} label={`Search the ${title}`}>
        <Hidden values={[['list', look.list]]} />
        <TextField name="q" label="Search" type="search" value={look.search} />
        <Actions>
          <Button kind="quiet">Search</Button>
        </Actions>
      </FilterForm>
      {rows.length === 0 ? (
        <EmptyState>
          {entries.length === 0 ? 'The configuration file has no entry in this list.' : 'No entry contains this.'}
        </EmptyState>
      ) : (
        <PostForm action={`${listsPath}/remove`} operator={operator} label={`Entries of the ${title}`}>
          <Hidden
            values={[
              ['list', look.list],
              ['q', look.search],
              ['page', String(page)],
            ]}
          />
          <fieldset class="field">
            <legend>
              {title},{' '}
              {found.length === entries.length
                ? `${entries.length} entries`
                : `${found.length} of ${entries.length} entries`}
              {pages > 1 ? `, page ${page} of ${pages}` : ''}
            </legend>
            <div class="choices">
              {rows.map((entry) => (
                <Checkbox key={entry} name="entry" value={entry} label={entry} checked={false} />
              ))}
            </div>
          </fieldset>
          <Actions>
            <Button kind="danger">Remove what is ticked</Button>
          </Actions>
        </PostForm>
      )}
      <PageLinks look={look} page={page} pages={pages} />
    </>
  );
}

function PageLinks({ look, page, pages }: { readonly look: ListLook; readonly page: number; readonly pages: number }) {
  if (pages === 1) return undefined;
  const link = (to: number, words: string) =>
    to < 1 || to > pages ? <span /> : <a href={lookPath(look, { page: to })}>{words}</a>;
  return (
    <nav class="pager" aria-label="Pages of the list">
      {link(page - 1, 'Previous page')}
      {link(page + 1, 'Next page')}
    </nav>
  );
}

function TestPanel({ look, explained }: { readonly look: ListLook; readonly explained: AddressExplained | undefined }) {
  const fields = [
    ['', 'All fields'],
    ['envelope-from', 'Envelope From'],
    ['envelope-to', 'Envelope To'],
    ['body-sender', 'Body sender'],
    ['body-receiver', 'Body receiver'],
  ] as const;
  return (
    <Panel heading="Test an address">
      <FilterForm action={listsPath} label="Test an address">
        <Hidden values={[['list', look.list]]} />
        <TextField name="test" label="Address" value={look.test} />
        <SelectField name="field" label="Where it stands" value={look.field} options={fields} />
        <Actions>
          <Button kind="quiet">Test</Button>
        </Actions>
      </FilterForm>
      {explained === undefined ? undefined : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
        <pre class="text" role="status" tabIndex={0}>
          {explained.lines.join('\n')}
        </pre>
      )}
    </Panel>
  );
}

function Rules({ shown }: { readonly shown: ListsShown }) {
  const { state, operator, look, rules } = shown;
  if (state.settings === undefined) return undefined;
  const content = rules ?? { entries: entriesOf(listRules, state.settings), errors: new Map() };
  return (
    <Details summary="How the lists are asked" open={rules !== undefined}>
      <PostForm action={`${listsPath}/rules`} operator={operator} label="How the lists are asked">
        <Hidden
          values={[
            ['list', look.list],
            ['digest', state.digest],
          ]}
        />
        {listRules.map((spec) => (
          <SettingsField key={spec.path} spec={spec} content={content} />
        ))}
        <Actions>
          <Button>Save</Button>
        </Actions>
      </PostForm>
    </Details>
  );
}

function FileTable({ files }: { readonly files: readonly ListFileFacts[] }) {
  return (
    <>
      <h2>List files and hash files</h2>
      <p>
        These files are edited where they are; the gate takes in a changed one within seconds. Which files there are
        stands in the configuration file.
      </p>
      <DataTable
        caption="List files and hash files"
        captionHidden
        columns={[
          { label: 'File', kind: 'heading', cell: ({ file }) => <bdi>{file}</bdi> },
          { label: 'Key', cell: ({ key }) => <code>{key}</code> },
          {
            label: 'Entries',
            kind: 'number',
            cell: ({ entries, bytes }) => entries ?? (bytes === undefined ? 'unreadable' : 'not counted'),
          },
          { label: 'Bytes', kind: 'number', cell: ({ bytes }) => bytes ?? '' },
          {
            label: 'Changed',
            kind: 'when',
            cell: ({ changedAt }) => (changedAt === undefined ? '' : <Time at={changedAt} />),
          },
        ]}
        rows={files}
        keyOf={({ key, file }) => `${key} ${file}`}
        empty="The configuration names no list files."
      />
    </>
  );
}
