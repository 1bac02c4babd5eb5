/** How the gate is: listeners, backends, mail of its own that waits, disk, and what its configuration lacks. */
import type { FastifyInstance } from 'fastify';
import { sizeText } from '../../notice/clean.js';
import type { OutboxHealth } from '../../quarantine/console-store.js';
import { sendPage } from '../answers.js';
import { type Operator, operatorOf } from '../operator.js';
import { ConsolePage, type Flash } from '../view/console-page.js';
import { Time } from '../view/controls.js';
import { Badge, type Column, DataTable, FactList, Note, Panel } from '../view/display.js';
import type { HealthFacts } from './health-facts.js';
import type { ConsoleTools } from './register.js';
import { pluralText, Words } from './stranger.js';

export function registerHealth(scope: FastifyInstance, tools: ConsoleTools): void {
  scope.get('/admin/health', async (request, reply) => {
    const { health, store, clock } = tools.options;
    const [facts, outbox] = await Promise.all([health(), store.call('outboxHealth')]);
    const operator = operatorOf(request);
    const flash = tools.flashes.of(request, operator);
    return sendPage(reply, 200, <HealthPage {...{ facts, outbox, operator, flash, now: clock() }} />);
  });
}

interface HealthPageProps {
  readonly facts: HealthFacts;
  readonly outbox: OutboxHealth;
  readonly operator: Operator;
  readonly flash: Flash | undefined;
  readonly now: number;
}

function HealthPage({ facts, outbox, operator, flash, now }: HealthPageProps) {
  return (
    <ConsolePage title="Health" section="health" operator={operator} flash={flash}>
      <Sum problems={problemsOf(facts, outbox, now)} />
      <DataTable
        caption="Listeners"
        columns={listenerColumns}
        rows={facts.listeners}
        keyOf={({ name }) => name}
        empty="The gate has no listener."
      />
      <DataTable
        caption="Scoring backends"
        columns={backendColumns}
        rows={facts.backends}
        keyOf={({ name }) => name}
        empty="No backend is configured: nothing gets a score."
      />
      <div class="columns">
        <Panel heading="Mail of the gate’s own">
          <FactList
            facts={[
              ['Waiting', String(outbox.counts.queued)],
              ['Waiting since', outbox.oldest === undefined ? '–' : <Time key="oldest" at={outbox.oldest} />],
              ['Sent', String(outbox.counts.sent)],
              ['Given up', String(outbox.counts.failed)],
            ]}
          />
        </Panel>
        <Panel heading="Work and space">
          <Space facts={facts} />
        </Panel>
      </div>
      <DataTable
        caption="Mail that was not taken"
        columns={failingColumns}
        rows={outbox.failing}
        keyOf={({ id }) => id}
        empty="Every mail that was tried was taken."
      />
      <Configuration facts={facts} />
      <Panel heading="The program">
        <FactList
          facts={[
            ['Version', `Sluice ${facts.version}`],
            ['Node.js', facts.runtime],
            ['Running since', <Time key="started" at={facts.started} />],
            ['Running for', durationText(now - facts.started)],
          ]}
        />
      </Panel>
    </ConsolePage>
  );
}

/** ms of waiting after which mail of ours is a problem: three attempts have failed by then */
const lateMs = 300_000;
/** of the disk */
const scarceShare = 0.1;

/** What needs somebody, in words; the same on the overview. */
export function problemsOf(facts: HealthFacts, outbox: OutboxHealth, now: number): string[] {
  const { disk, configuration, portal } = facts;
  const problems = [
    ...facts.listeners.filter(({ state }) => state !== 'ok').map(({ name }) => `Listener ${name} is stopping.`),
    ...facts.backends.filter(({ up }) => !up).map(({ name, detail }) => `Backend ${name} is down: ${detail}.`),
  ];
  if (portal !== undefined && portal !== 'ok') problems.push(`The page for recipients: ${portal}.`);
  if (outbox.oldest !== undefined && now - outbox.oldest > lateMs) {
    problems.push(`Mail of the gate’s own waits for ${durationText(now - outbox.oldest)}.`);
  }
  if (disk !== undefined && disk.freeBytes < disk.totalBytes * scarceShare) {
    problems.push(`Only ${sizeText(disk.freeBytes)} are free in ${disk.folder}.`);
  }
  if (configuration.reading === 'refused')
    problems.push('The changed configuration is refused, and an older one is in force.');
  if (configuration.restartKeys.length > 0) {
    problems.push(`Changes of ${configuration.restartKeys.join(', ')} wait for a restart.`);
  }
  return problems;
}

export function Sum({ problems }: { readonly problems: readonly string[] }) {
  if (problems.length === 0) {
    return (
      <Note tone="good">
        <p>Everything works.</p>
      </Note>
    );
  }
  return (
    <Note tone="warn">
      <p>{pluralText(problems.length, 'thing needs', 'things need')} attention:</p>
      <ul class="reasons">
        {problems.map((problem) => (
          <li key={problem}>
            <Words text={problem} />
          </li>
        ))}
      </ul>
    </Note>
  );
}

const listenerColumns: readonly Column<HealthFacts['listeners'][number]>[] = [
  { label: 'Listener', kind: 'heading', cell: ({ name }) => <Words text={name} /> },
  { label: 'Protocol', cell: ({ protocol }) => protocol.toUpperCase() },
  { label: 'Listens on', cell: ({ place }) => <Words text={place} /> },
  { label: 'Real server', cell: ({ upstream }) => <Words text={upstream} /> },
  {
    label: 'State',
    kind: 'tight',
    cell: ({ state }) => <Badge tone={state === 'ok' ? 'good' : 'warn'}>{state === 'ok' ? 'works' : state}</Badge>,
  },
];

const backendColumns: readonly Column<HealthFacts['backends'][number]>[] = [
  { label: 'Backend', kind: 'heading', cell: ({ name }) => <Words text={name} /> },
  { label: 'State', kind: 'tight', cell: ({ up }) => <Badge tone={up ? 'good' : 'bad'}>{up ? 'up' : 'down'}</Badge> },
  { label: 'What it says', cell: ({ detail }) => <Words text={detail} /> },
  {
    label: 'Last answer',
    kind: 'when',
    cell: ({ lastAnswerMs }) => (lastAnswerMs === undefined ? undefined : <Time at={lastAnswerMs} />),
  },
];

const failingColumns: readonly Column<OutboxHealth['failing'][number]>[] = [
  {
    label: 'Mail',
    kind: 'heading',
    cell: ({ kind, item }) =>
      item === undefined ? kind : <a href={`/admin/quarantine/${item}`}>{kind === 'release' ? 'release' : kind}</a>,
  },
  {
    label: 'State',
    kind: 'tight',
    cell: ({ state }) => (
      <Badge tone={state === 'failed' ? 'bad' : 'warn'}>{state === 'failed' ? 'given up' : 'tried again'}</Badge>
    ),
  },
  { label: 'Attempts', kind: 'number', cell: ({ attempts }) => attempts },
  { label: 'Last answer', cell: ({ lastReply }) => <Words text={lastReply} /> },
  { label: 'Queued', kind: 'when', cell: ({ created }) => <Time at={created} /> },
  {
    label: 'Next try',
    kind: 'when',
    cell: ({ state, nextAt }) => (state === 'queued' ? <Time at={nextAt} /> : undefined),
  },
];

function Space({ facts: { spool, disk } }: { readonly facts: HealthFacts }) {
  return (
    <FactList
      facts={[
        ['Messages in memory', `${sizeText(spool.bytes)}, ${pluralText(spool.files, 'file')} beside it`],
        ['Waiting for inspection', pluralText(spool.inspectionsQueued, 'part')],
        ...(disk === undefined
          ? []
          : ([
              ['Data', <Words key="folder" text={disk.folder} />],
              ['Free', `${sizeText(disk.freeBytes)} of ${sizeText(disk.totalBytes)}`],
              ['Database', sizeText(disk.databaseBytes)],
            ] as const)),
      ]}
    />
  );
}

const readings = {
  first: 'as it was read at the start',
  again: 'as it was read the last time, after a change',
  refused: 'an older version: the changed file is refused',
} as const;

function Configuration({ facts: { configuration } }: { readonly facts: HealthFacts }) {
  const { file, problems, reading, restartKeys } = configuration;
  return (
    <Panel heading="Configuration">
      <FactList
        facts={[
          ['File', <Words key="file" text={file} />],
          ['In force', readings[reading]],
          ['Waits for a restart', restartKeys.length === 0 ? 'nothing' : restartKeys.join(', ')],
        ]}
      />
      {problems.length === 0 ? (
        <p class="soft">sluice check-config has nothing to say about it.</p>
      ) : (
        <ul class="reasons">
          {problems.map((problem) => (
            <li key={problem}>
              <bdi>{problem}</bdi>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function durationText(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 60) return pluralText(minutes, 'minute');
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${pluralText(hours, 'hour')}, ${pluralText(minutes % 60, 'minute')}`;
  return `${pluralText(Math.floor(hours / 24), 'day')}, ${pluralText(hours % 24, 'hour')}`;
}
