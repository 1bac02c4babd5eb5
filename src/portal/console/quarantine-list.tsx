/** The list of held messages: filters, a page at a time, and what can be done with several at once. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { cleanLine, levelText, sizeText } from '../../notice/clean.js';
import type { ItemFilter, ItemLine } from '../../quarantine/console-store.js';
import { listedStates, partReleaseText } from '../../quarantine/item.js';
import { sendPage } from '../answers.js';
import { type Operator, operatorOf } from '../operator.js';
import { ConsolePage, type Flash } from '../view/console-page.js';
import { Button, Checkbox, FilterForm, Pager, PostForm, SelectField, TextField, Time } from '../view/controls.js';
import { type Column, DataTable, LevelBadge, listedStateOptions, Note, StateBadge } from '../view/display.js';
import { type ListPage, listPage } from './list-page.js';
import { isSpan, ListQuery, spans } from './list-query.js';
import type { ConsoleTools } from './register.js';
import { People, rowMax, Words } from './stranger.js';

const protocols = ['smtp', 'imap'] as const;
export const levelOptions = [
  ['', 'Any'],
  ['1', '1 and higher'],
  ['4', '4 and higher (medium)'],
  ['7', '7 and higher (high)'],
] as const;
export const spanOptions = [
  ['', 'Any time'],
  ...Object.entries(spans).map(([name, { label }]) => [name, `Last ${label}`] as const),
] as const;
export const protocolOptions = [
  ['', 'Any'],
  ['smtp', 'SMTP'],
  ['imap', 'IMAP'],
] as const;

/** ms since 1970 from which on a list shows what it has; undefined for all of it */
export function spanStart(query: ListQuery, now: number): number | undefined {
  const span = query.text('time');
  return isSpan(span) ? now - spans[span].ms : undefined;
}

export function registerQuarantineList(scope: FastifyInstance, tools: ConsoleTools): void {
  scope.get('/admin/quarantine', (request, reply) => showList(request, reply, tools));
}

async function showList(request: FastifyRequest, reply: FastifyReply, tools: ConsoleTools): Promise<FastifyReply> {
  const { store, clock } = tools.options;
  const query = new ListQuery(request.url);
  const filter: ItemFilter = {
    state: query.choice('state', listedStates),
    protocol: query.choice('protocol', protocols),
    level: query.number('level', 1, 10),
    from: spanStart(query, clock()),
    text: query.text('text'),
  };
  const page = await listPage(
    query,
    ({ at, id }: ItemLine) => ({ at, id }),
    (cursor, max) => store.call('scanItems', filter, cursor, max),
  );
  const operator = operatorOf(request);
  const flash = tools.flashes.of(request, operator);
  return sendPage(reply, 200, <QuarantinePage page={page} query={query} operator={operator} flash={flash} />);
}

function QuarantinePage({
  page,
  query,
  operator,
  flash,
}: {
  readonly page: ListPage<ItemLine>;
  readonly query: ListQuery;
  readonly operator: Operator;
  readonly flash: Flash | undefined;
}) {
  const narrowed = query.isNarrowed(['state', 'time', 'level', 'protocol', 'text']);
  const empty = narrowed
    ? 'No message is like that.'
    : 'Nothing is held. A message that the gate withholds appears here, with what was found in it.';
  return (
    <ConsolePage title="Quarantine" section="quarantine" operator={operator} flash={flash}>
      <Filters query={query} />
      {page.unfinished ? <Unfinished /> : undefined}
      <PostForm action="/admin/quarantine/act" operator={operator} label="Messages and what to do with them">
        <input type="hidden" name="back" value={query.with({})} />
        <DataTable
          caption="Messages, newest first"
          captionHidden
          columns={columns}
          rows={page.lines}
          keyOf={({ id }) => id}
          empty={empty}
        />
        {page.lines.length === 0 ? undefined : <BulkActions />}
      </PostForm>
      <Pager newer={page.newer} older={page.older} />
    </ConsolePage>
  );
}

/** Said when a search has looked at as much as one page may cost. */
export function Unfinished() {
  return (
    <Note tone="info">
      <p>Only a part of the list was looked at. Follow the links below the table to search further.</p>
    </Note>
  );
}

function Filters({ query }: { readonly query: ListQuery }) {
  return (
    <FilterForm action="/admin/quarantine" label="Narrow the list">
      <TextField
        name="text"
        label="Search"
        type="search"
        value={query.text('text')}
        maxLength={200}
        hint="Address, subject, file name, reference or SHA-256"
      />
      <SelectField
        name="state"
        label="State"
        value={query.text('state')}
        options={[['', 'Any'], ...listedStateOptions]}
      />
      <SelectField name="time" label="Received" value={query.text('time')} options={spanOptions} />
      <SelectField name="level" label="Threat level" value={query.text('level')} options={levelOptions} />
      <SelectField name="protocol" label="Protocol" value={query.text('protocol')} options={protocolOptions} />
      <div class="actions">
        <Button>Show</Button>
        <a class="button quiet" href="/admin/quarantine">
          Clear
        </a>
      </div>
    </FilterForm>
  );
}

function BulkActions() {
  return (
    <div class="actions">
      <Button name="do" value="release">
        Release selected
      </Button>
      <Button name="do" value="release-zip" kind="quiet">
        Release selected with attachments in a ZIP
      </Button>
      <Button name="do" value="delete" kind="danger">
        Delete selected…
      </Button>
    </div>
  );
}

function selectLabel({ subject, mailFrom }: ItemLine): string {
  const from = mailFrom === '' ? 'an empty sender' : cleanLine(mailFrom, rowMax);
  return `Select the message “${cleanLine(subject ?? 'without subject', rowMax)}” from ${from}`;
}

/** What the emulated system lists, and the state. */
const columns: readonly Column<ItemLine>[] = [
  {
    label: 'Select',
    kind: 'tight',
    cell: (line) => <Checkbox name="id" value={line.id} checked={false} label={selectLabel(line)} labelHidden />,
  },
  {
    label: 'Subject',
    kind: 'heading',
    cell: ({ id, subject }) => (
      <a href={`/admin/quarantine/${id}`}>
        <Words text={subject} none="(no subject)" max={rowMax} />
      </a>
    ),
  },
  { label: 'Sender', cell: ({ mailFrom }) => <People addresses={[mailFrom]} count={1} none="(empty sender)" /> },
  {
    label: 'Recipient',
    cell: ({ recipients, recipientCount }) => <People addresses={recipients} count={recipientCount} />,
  },
  { label: 'Date', kind: 'when', cell: ({ at }) => <Time at={at} /> },
  { label: 'Malicious attachment, size', cell: (line) => <Attachments line={line} /> },
  { label: 'Threat level', kind: 'tight', cell: ({ level }) => <LevelBadge level={level} /> },
  { label: 'State', kind: 'tight', cell: (line) => <State line={line} /> },
];

/** As on the page of the message: the state alone would say that nobody has it. */
function State({ line: { state, partRelease } }: { readonly line: ItemLine }) {
  return (
    <>
      <StateBadge state={state} />
      {partRelease === undefined ? undefined : <span class="person soft">{partReleaseText(partRelease)}</span>}
    </>
  );
}

function Attachments({ line }: { readonly line: ItemLine }) {
  const { findings, findingCount, threat, bytes } = line;
  const [worst] = findings;
  if (worst === undefined) {
    return (
      <>
        <Words text={threat} none="none" max={rowMax} />
        <span class="person soft">message of {sizeText(bytes)}</span>
      </>
    );
  }
  return (
    <>
      <a href={`/admin/quarantine?text=${worst.sha256}`} title={`${levelText(worst.level)}; messages with this file`}>
        <Words text={worst.name} none="(no name)" max={rowMax} />
      </a>
      <span class="person soft">
        {sizeText(worst.bytes)}
        {worst.threat === '' ? undefined : ', '}
        <Words text={worst.threat} max={rowMax} />
      </span>
      {findingCount > 1 ? <span class="person soft">and {findingCount - 1} more</span> : undefined}
    </>
  );
}
