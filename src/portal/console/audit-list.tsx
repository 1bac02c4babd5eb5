/** The audit log: who did what to which message and when, and whether anybody changed it since. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuditRow } from '../../quarantine/audit.js';
import type { AuditFilter } from '../../quarantine/console-store.js';
import { isItemId } from '../../quarantine/item.js';
import { sendPage } from '../answers.js';
import { type Operator, operatorOf } from '../operator.js';
import { ConsolePage, type Flash } from '../view/console-page.js';
import { Button, FilterForm, Pager, SelectField, TextField, Time } from '../view/controls.js';
import { type Column, DataTable, Note } from '../view/display.js';
import { AuditDetail, auditActions, auditWords } from './audit-words.js';
import { ChainCheck, type ChainState } from './chain-check.js';
import { type ListPage, listPage } from './list-page.js';
import { ListQuery } from './list-query.js';
import { Unfinished } from './quarantine-list.js';
import type { ConsoleTools } from './register.js';
import { pluralText, Words } from './stranger.js';

export function registerAudit(scope: FastifyInstance, tools: ConsoleTools): void {
  const chain = new ChainCheck(tools.options);
  scope.get('/admin/audit', (request, reply) => showList(request, reply, tools, chain));
}

async function showList(
  request: FastifyRequest,
  reply: FastifyReply,
  tools: ConsoleTools,
  chain: ChainCheck,
): Promise<FastifyReply> {
  const { store } = tools.options;
  const query = new ListQuery(request.url);
  const item = query.text('item').toLowerCase();
  const filter: AuditFilter = {
    item: item === '' ? undefined : item,
    actor: query.text('actor'),
    action: query.choice(
      'action',
      auditActions.map(([action]) => action),
    ),
  };
  const page = await listPage(
    query,
    ({ seq }: AuditRow) => ({ at: seq, id: '' }),
    (cursor, max) => store.call('scanAudit', filter, cursor, max),
  );
  const checked = await chain.look();
  const operator = operatorOf(request);
  const flash = tools.flashes.of(request, operator);
  return sendPage(reply, 200, <AuditPage {...{ page, query, checked, operator, flash }} />);
}

function AuditPage({
  page,
  query,
  checked,
  operator,
  flash,
}: {
  readonly page: ListPage<AuditRow>;
  readonly query: ListQuery;
  readonly checked: ChainState;
  readonly operator: Operator;
  readonly flash: Flash | undefined;
}) {
  const empty = query.isNarrowed(['item', 'actor', 'action'])
    ? 'No row is like that.'
    : 'Nothing was recorded yet. Everything that is done to a held message, or here, is.';
  return (
    <ConsolePage title="Audit log" section="audit" operator={operator} flash={flash}>
      <ChainNote checked={checked} />
      <FilterForm action="/admin/audit" label="Narrow the log">
        <TextField name="item" label="Message" value={query.text('item')} maxLength={26} hint="Its reference" />
        <TextField
          name="actor"
          label="Who"
          value={query.text('actor')}
          maxLength={200}
          hint="A part of the name, as console:root"
        />
        <SelectField
          name="action"
          label="What"
          value={query.text('action')}
          options={[['', 'Anything'], ...auditActions]}
        />
        <div class="actions">
          <Button>Show</Button>
          <a class="button quiet" href="/admin/audit">
            Clear
          </a>
        </div>
      </FilterForm>
      {page.unfinished ? <Unfinished /> : undefined}
      <DataTable
        caption="Rows, newest first"
        captionHidden
        columns={columns}
        rows={page.lines}
        keyOf={({ seq }) => seq}
        empty={empty}
      />
      <Pager newer={page.newer} older={page.older} />
    </ConsolePage>
  );
}

function ChainNote({ checked: { broken, rows, more, since } }: { readonly checked: ChainState }) {
  if (broken !== undefined) {
    return (
      <Note tone="bad" live>
        <p>
          The log was altered: row {broken} does not follow from the one before it. Somebody changed the database file
          itself; compare it with a backup. Checked <Time at={since} />.
        </p>
      </Note>
    );
  }
  return (
    <Note tone={more ? 'info' : 'good'}>
      <p>
        {more ? `Whole up to row ${rows}; the rest is checked when this page is opened again.` : 'Nobody altered it: '}
        {more ? undefined : `each of the ${pluralText(rows, 'row')} vouches for the one before it.`} Checked{' '}
        <Time at={since} />.
      </p>
    </Note>
  );
}

const columns: readonly Column<AuditRow>[] = [
  { label: 'Row', kind: 'number', cell: ({ seq }) => seq },
  { label: 'Date', kind: 'when', cell: ({ at }) => <Time at={at} /> },
  { label: 'Who', cell: ({ actor }) => <Words text={actor} /> },
  { label: 'What', kind: 'heading', cell: ({ action }) => auditWords(action) },
  { label: 'Message', cell: ({ item }) => <ItemLink item={item} /> },
  { label: 'Details', cell: ({ detail }) => <AuditDetail detail={detail} /> },
];

function ItemLink({ item }: { readonly item: string | null }) {
  if (item === null) return undefined;
  if (!isItemId(item)) return <Words text={item} />;
  return (
    <a href={`/admin/quarantine/${item}`}>
      <code>{item}</code>
    </a>
  );
}
