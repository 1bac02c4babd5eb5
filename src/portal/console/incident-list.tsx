/** The list of incidents: every message that was malicious or blocklisted, whatever was done with it. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { incidentStatuses } from '../../incident/incident.js';
import { cleanLine } from '../../notice/clean.js';
import { actions } from '../../policy/verdict.js';
import type { IncidentFilter, IncidentLine } from '../../quarantine/console-store.js';
import { isItemId } from '../../quarantine/item.js';
import { GateError } from '../../runtime/errors.js';
import { limits } from '../../runtime/limits.js';
import { notAllowed, readForm, refuse, sendPage } from '../answers.js';
import { actorOf, type Operator, operatorOf } from '../operator.js';
import { ConsolePage, type Flash } from '../view/console-page.js';
import { Button, Checkbox, FilterForm, Pager, PostForm, SelectField, TextField, Time } from '../view/controls.js';
import {
  ActionBadge,
  actionWords,
  type Column,
  DataTable,
  LevelBadge,
  StatusBadge,
  statusWords,
} from '../view/display.js';
import { type ListPage, listPage } from './list-page.js';
import { ListQuery } from './list-query.js';
import { nextPage } from './next-page.js';
import { levelOptions, protocolOptions, spanOptions, spanStart, Unfinished } from './quarantine-list.js';
import type { ConsoleTools } from './register.js';
import { People, pluralText, rowMax, Words } from './stranger.js';

export const statusOptions = incidentStatuses.map((status) => [status, statusWords[status][0]] as const);
const actionOptions = [
  ['', 'Any'],
  ...Object.values(actions).map((one) => [one, actionWords[one][0]] as const),
] as const;

export function registerIncidentList(scope: FastifyInstance, tools: ConsoleTools): void {
  scope.get('/admin/incidents', (request, reply) => showList(request, reply, tools));
  scope.post('/admin/incidents/status', (request, reply) => takeStatus(request, reply, tools));
  scope.get('/admin/incidents/status', async (_request, reply) => notAllowed(reply, 'POST'));
}

async function showList(request: FastifyRequest, reply: FastifyReply, tools: ConsoleTools): Promise<FastifyReply> {
  const { store, clock } = tools.options;
  const query = new ListQuery(request.url);
  const filter: IncidentFilter = {
    status: query.choice('status', incidentStatuses),
    action: query.choice('action', Object.values(actions)),
    protocol: query.choice('protocol', ['smtp', 'imap']),
    level: query.number('level', 1, 10),
    from: spanStart(query, clock()),
    text: query.text('text'),
  };
  const page = await listPage(
    query,
    ({ at, id }: IncidentLine) => ({ at, id }),
    (cursor, max) => store.call('scanIncidents', filter, cursor, max),
  );
  const operator = operatorOf(request);
  const flash = tools.flashes.of(request, operator);
  return sendPage(reply, 200, <IncidentsPage page={page} query={query} operator={operator} flash={flash} />);
}

function IncidentsPage({
  page,
  query,
  operator,
  flash,
}: {
  readonly page: ListPage<IncidentLine>;
  readonly query: ListQuery;
  readonly operator: Operator;
  readonly flash: Flash | undefined;
}) {
  const narrowed = query.isNarrowed(['status', 'time', 'level', 'protocol', 'action', 'text']);
  const empty = narrowed
    ? 'No incident is like that.'
    : 'There are no incidents. Each message that is malicious, or whose sender is blocked, becomes one.';
  return (
    <ConsolePage title="Incidents" section="incidents" operator={operator} flash={flash}>
      <Filters query={query} />
      {page.unfinished ? <Unfinished /> : undefined}
      <PostForm action="/admin/incidents/status" operator={operator} label="Incidents and their status">
        <input type="hidden" name="back" value={query.with({})} />
        <DataTable
          caption="Incidents, newest first"
          captionHidden
          columns={columns}
          rows={page.lines}
          keyOf={({ id }) => id}
          empty={empty}
        />
        {page.lines.length === 0 ? undefined : (
          <div class="actions">
            <SelectField id="new-status" name="status" label="Set those selected to" value="" options={statusOptions} />
            <Button kind="quiet">Set status</Button>
          </div>
        )}
      </PostForm>
      <Pager newer={page.newer} older={page.older} />
    </ConsolePage>
  );
}

function Filters({ query }: { readonly query: ListQuery }) {
  return (
    <FilterForm action="/admin/incidents" label="Narrow the list">
      <TextField
        name="text"
        label="Search"
        type="search"
        value={query.text('text')}
        maxLength={200}
        hint="Address, subject, threat, file name or SHA-256"
      />
      <SelectField
        name="status"
        label="Status"
        value={query.text('status')}
        options={[['', 'Any'], ...statusOptions]}
      />
      <SelectField name="action" label="Action" value={query.text('action')} options={actionOptions} />
      <SelectField name="time" label="Time" value={query.text('time')} options={spanOptions} />
      <SelectField name="level" label="Threat level" value={query.text('level')} options={levelOptions} />
      <SelectField name="protocol" label="Protocol" value={query.text('protocol')} options={protocolOptions} />
      <div class="actions">
        <Button>Show</Button>
        <a class="button quiet" href="/admin/incidents">
          Clear
        </a>
      </div>
    </FilterForm>
  );
}

const columns: readonly Column<IncidentLine>[] = [
  {
    label: 'Select',
    kind: 'tight',
    cell: ({ id, threat, source }) => (
      <Checkbox
        name="id"
        value={id}
        checked={false}
        label={`Select the incident ${cleanLine(threat, rowMax) || 'refused by policy'} from ${cleanLine(source, rowMax)}`}
        labelHidden
      />
    ),
  },
  {
    label: 'Threat',
    kind: 'heading',
    cell: ({ id, threat }) => (
      <a href={`/admin/incidents/${id}`}>
        <Words text={threat} none="Refused by policy" max={rowMax} />
      </a>
    ),
  },
  { label: 'Threat source', cell: ({ source }) => <People addresses={[source]} count={1} none="(empty sender)" /> },
  { label: 'Threat target', cell: ({ targets, targetCount }) => <People addresses={targets} count={targetCount} /> },
  { label: 'Subject', cell: ({ subject }) => <Words text={subject} none="(no subject)" max={rowMax} /> },
  { label: 'Date', kind: 'when', cell: ({ at }) => <Time at={at} /> },
  { label: 'Over', kind: 'tight', cell: ({ protocol }) => protocol.toUpperCase() },
  { label: 'Threat level', kind: 'tight', cell: ({ level }) => <LevelBadge level={level} /> },
  { label: 'Action', kind: 'tight', cell: ({ action }) => <ActionBadge action={action} /> },
  {
    label: 'Status',
    kind: 'tight',
    cell: ({ status, comments }) => (
      <>
        <StatusBadge status={status} />
        {comments === 0 ? undefined : <div class="soft">{pluralText(comments, 'comment')}</div>}
      </>
    ),
  },
];

/** Several at once; one that is gone leaves the others. */
async function takeStatus(request: FastifyRequest, reply: FastifyReply, tools: ConsoleTools): Promise<FastifyReply> {
  const form = readForm(request);
  const wanted = nextPage(form.get('back'));
  const home = wanted.startsWith('/admin/incidents') ? wanted : '/admin/incidents';
  const status = incidentStatuses.find((one) => one === form.get('status'));
  const ids = [...new Set(form.getAll('id'))].filter(isItemId);
  if (status === undefined || ids.length > limits.console.bulkMax) return refuse(reply, 400);
  if (ids.length === 0) {
    const text = 'No incident was selected. Tick the boxes of those that you mean.';
    return tools.flashes.redirect(request, reply, home, { kind: 'failed', text });
  }
  const { store, clock } = tools.options;
  const by = actorOf(operatorOf(request));
  let changed = 0;
  for (const id of ids) {
    try {
      await store.call('setIncident', id, status, undefined, by, clock());
      changed += 1;
    } catch (error) {
      if (!(error instanceof GateError) || error.code !== 'not-found') throw error;
    }
  }
  const [words] = statusWords[status];
  const gone = ids.length - changed;
  const lost = gone === 0 ? '' : ` ${pluralText(gone, 'incident')} could not be found.`;
  const text = `${pluralText(changed, 'incident')} set to “${words}”.${lost}`;
  return tools.flashes.redirect(request, reply, home, { kind: gone === 0 ? 'done' : 'failed', text });
}
