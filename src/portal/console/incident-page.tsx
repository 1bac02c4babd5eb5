/** One incident: who was aimed at by whom and with what, where the matter stands, and what was said about it. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Incident, incidentStatuses } from '../../incident/incident.js';
import { cleanLine } from '../../notice/clean.js';
import { isItemId } from '../../quarantine/item.js';
import { limits } from '../../runtime/limits.js';
import { readForm, refuse, sendPage } from '../answers.js';
import { actorOf, type Operator, operatorOf } from '../operator.js';
import { ConsolePage, type Flash } from '../view/console-page.js';
import { Button, PostForm, SelectField, TextArea, Time } from '../view/controls.js';
import { ActionBadge, DataTable, FactList, LevelBadge, Panel, StatusBadge, statusWords } from '../view/display.js';
import { statusOptions } from './incident-list.js';
import { findingColumns } from './item-page.js';
import type { ConsoleTools } from './register.js';
import { People, Words } from './stranger.js';

interface IncidentRoute {
  Params: { id: string };
}

export function registerIncident(scope: FastifyInstance, tools: ConsoleTools): void {
  scope.get<IncidentRoute>('/admin/incidents/:id', async (request, reply) => {
    const { id } = request.params;
    const incident = isItemId(id) ? await tools.options.store.call('incident', id) : undefined;
    if (incident === undefined) return refuse(reply, 404);
    const operator = operatorOf(request);
    const flash = tools.flashes.of(request, operator);
    return sendPage(reply, 200, <IncidentPage incident={incident} operator={operator} flash={flash} />);
  });
  scope.post<IncidentRoute>('/admin/incidents/:id', (request, reply) => takeChange(request, reply, tools));
}

async function takeChange(
  request: FastifyRequest<IncidentRoute>,
  reply: FastifyReply,
  tools: ConsoleTools,
): Promise<FastifyReply> {
  const { store, clock } = tools.options;
  const { id } = request.params;
  const incident = isItemId(id) ? await store.call('incident', id) : undefined;
  if (incident === undefined) return refuse(reply, 404);
  const form = readForm(request);
  const chosen = incidentStatuses.find((one) => one === form.get('status'));
  const status = chosen === incident.status ? undefined : chosen;
  const comment = (form.get('comment') ?? '').trim().slice(0, limits.console.commentCharacters);
  const home = `/admin/incidents/${id}`;
  if (status === undefined && comment === '') {
    const text = 'Nothing was changed: choose another status, or write a comment.';
    return tools.flashes.redirect(request, reply, home, { kind: 'failed', text });
  }
  if (comment !== '' && incident.comments.length >= limits.console.commentsMax) {
    const text = `An incident has at most ${limits.console.commentsMax} comments. Nothing was changed.`;
    return tools.flashes.redirect(request, reply, home, { kind: 'failed', text });
  }
  const by = actorOf(operatorOf(request));
  await store.call('setIncident', id, status, comment === '' ? undefined : comment, by, clock());
  const text = [
    status === undefined ? '' : `The status is now “${statusWords[status][0]}”.`,
    comment === '' ? '' : 'Your comment was added.',
  ].join(' ');
  return tools.flashes.redirect(request, reply, home, { kind: 'done', text: text.trim() });
}

function IncidentPage({
  incident,
  operator,
  flash,
}: {
  readonly incident: Incident;
  readonly operator: Operator;
  readonly flash: Flash | undefined;
}) {
  return (
    <ConsolePage title="Incident" section="incidents" operator={operator} flash={flash}>
      <p class="crumb">
        <a href="/admin/incidents">Incidents</a> / <code>{incident.id}</code>
      </p>
      <div class="columns">
        <Panel heading="What happened">
          <Facts incident={incident} />
        </Panel>
        <Panel heading="Where it stands">
          <PostForm action={`/admin/incidents/${incident.id}`} operator={operator} label="Status and comment">
            <SelectField name="status" label="Status" value={incident.status} options={statusOptions} />
            <TextArea
              name="comment"
              label="Comment"
              hint="What was found or done. It may stay empty."
              value=""
              rows={4}
            />
            <div class="actions">
              <Button>Save</Button>
            </div>
          </PostForm>
          <Comments comments={incident.comments} />
        </Panel>
      </div>
      <DataTable
        caption="Attachments"
        columns={findingColumns}
        rows={incident.attachments}
        keyOf={({ path, sha256 }) => `${path} ${sha256}`}
        empty="No attachment was in question."
      />
    </ConsolePage>
  );
}

function Facts({ incident }: { readonly incident: Incident }) {
  const { item, targets, listener, protocol } = incident;
  return (
    <FactList
      facts={[
        ['Status', <StatusBadge key="status" status={incident.status} />],
        ['Threat', <Words key="threat" text={incident.threat} none="refused by policy" />],
        ['Threat level', <LevelBadge key="level" level={incident.level} />],
        ['Action', <ActionBadge key="action" action={incident.action} />],
        ['Threat source', <Words key="source" text={incident.source} none="(empty sender)" />],
        [
          'Threat target',
          <People key="targets" addresses={targets.slice(0, limits.console.relatedMax)} count={targets.length} />,
        ],
        ['Subject', <Words key="subject" text={incident.subject} none="(no subject)" />],
        ['Date', <Time key="at" at={incident.at} />],
        ['Over', <Words key="over" text={`${protocol.toUpperCase()}, listener ${listener}`} />],
        ['From client', <Words key="client" text={incident.clientAddress} none="(unknown)" />],
        [
          'Held message',
          item === undefined ? (
            'it was not held'
          ) : (
            <a key="item" href={`/admin/quarantine/${item}`}>
              {item}
            </a>
          ),
        ],
      ]}
    />
  );
}

function Comments({ comments }: { readonly comments: Incident['comments'] }) {
  if (comments.length === 0) return <p class="empty">Nobody has said anything yet.</p>;
  return (
    <ul class="list">
      {comments.map(({ at, by, text }) => (
        <li key={`${at} ${by}`}>
          <span class="more">
            <Words text={by} />
            <Time at={at} />
          </span>
          <bdi class="comment">{cleanLines(text)}</bdi>
        </li>
      ))}
    </ul>
  );
}

/** With its lines, and without what would turn them around: people paste what they were sent. */
function cleanLines(text: string): string {
  const lines = text.split(/\r\n?|\n/);
  return lines.map((line) => cleanLine(line, limits.console.commentCharacters)).join('\n');
}
