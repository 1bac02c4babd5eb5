/** What happened lately and what waits for somebody, on one page. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { OpenWork, OutboxHealth } from '../../quarantine/console-store.js';
import type { IncidentSums, Ranked } from '../../quarantine/console-sums.js';
import { type CountStep, type CountsByWord, countSteps, sumCounts } from '../../quarantine/counter-names.js';
import { limits } from '../../runtime/limits.js';
import { sendPage } from '../answers.js';
import { type Operator, operatorOf } from '../operator.js';
import { ConsolePage, type Flash } from '../view/console-page.js';
import { EmptyState, Time } from '../view/controls.js';
import { DataTable, Panel, Tabs, Tile } from '../view/display.js';
import { Chart, Shares } from './chart.js';
import type { HealthFacts } from './health-facts.js';
import { problemsOf, Sum } from './health-page.js';
import { isSpan, ListQuery, type Span, spans } from './list-query.js';
import type { ConsoleTools } from './register.js';
import { People, pluralText, rowMax, Words } from './stranger.js';

/** ms; 24 to 30 steps each */
const stepsOf = { '12h': 1_800_000, '24h': 3_600_000, '7d': 21_600_000, '30d': 86_400_000 } as const;

interface Sums {
  readonly from: number;
  readonly to: number;
  readonly steps: readonly CountStep[];
  readonly counts: CountsByWord;
  readonly incidents: IncidentSums;
}

/** Sums of a span, kept for some seconds: they cost the database's thread up to a tenth of one. */
export class KeptSums {
  readonly #tools: ConsoleTools;
  readonly #kept = new Map<Span, { readonly until: number; readonly sums: Promise<Sums> }>();

  constructor(tools: ConsoleTools) {
    this.#tools = tools;
  }

  of(span: Span): Promise<Sums> {
    const now = this.#tools.options.clock();
    const kept = this.#kept.get(span);
    if (kept !== undefined && now < kept.until) return kept.sums;
    const sums = this.#sum(span, now);
    this.#kept.set(span, { until: now + limits.console.sumsKeptMs, sums });
    sums.catch(() => this.#kept.delete(span));
    return sums;
  }

  async #sum(span: Span, now: number): Promise<Sums> {
    const { store } = this.#tools.options;
    const stepMs = stepsOf[span];
    // The span ends with the step that is under way, and begins with a whole one.
    const to = now - (now % stepMs) + stepMs;
    const from = to - spans[span].ms;
    const rows = await store.call('countsBetween', from, to);
    const incidents = await store.call('incidentSums', from, to, stepMs);
    return { from, to, steps: countSteps(rows, { from, to, stepMs }), counts: sumCounts(rows), incidents };
  }
}

export function registerOverview(scope: FastifyInstance, tools: ConsoleTools): void {
  const sums = new KeptSums(tools);
  scope.get('/admin', (request, reply) => showOverview(request, reply, tools, sums));
}

async function showOverview(
  request: FastifyRequest,
  reply: FastifyReply,
  tools: ConsoleTools,
  kept: KeptSums,
): Promise<FastifyReply> {
  const { store, health, clock } = tools.options;
  const wanted = new ListQuery(request.url).text('time');
  const span = isSpan(wanted) ? wanted : '24h';
  const [sums, work, facts, outbox] = await Promise.all([
    kept.of(span),
    store.call('openWork'),
    health(),
    store.call('outboxHealth'),
  ]);
  const operator = operatorOf(request);
  const flash = tools.flashes.of(request, operator);
  return sendPage(reply, 200, <OverviewPage {...{ span, sums, work, facts, outbox, operator, flash, now: clock() }} />);
}

interface OverviewProps {
  readonly span: Span;
  readonly sums: Sums;
  readonly work: OpenWork;
  readonly facts: HealthFacts;
  readonly outbox: OutboxHealth;
  readonly operator: Operator;
  readonly flash: Flash | undefined;
  readonly now: number;
}

function OverviewPage({ span, sums, work, facts, outbox, operator, flash, now }: OverviewProps) {
  const tabs = Object.entries(spans).map(
    ([name, { label }]) => [name, `Last ${label}`, `/admin?time=${name}`] as const,
  );
  return (
    <ConsolePage title="Overview" section="overview" operator={operator} flash={flash}>
      <Sum problems={problemsOf(facts, outbox, now)} />
      <Requests work={work} />
      <Tabs label="Time" current={span} tabs={tabs} />
      <Numbers sums={sums} work={work} />
      <div class="columns">
        <MailChart span={span} sums={sums} />
        <MaliciousChart span={span} sums={sums} />
      </div>
      <div class="columns">
        <Classification counts={sums.counts} />
        <Top heading="Top threats" rows={sums.incidents.threats} span={span} />
        <Top heading="Top targets" rows={sums.incidents.targets} span={span} />
        <Top heading="Top senders" rows={sums.incidents.senders} span={span} />
      </div>
      {sums.incidents.truncated ? (
        <p class="soft">
          Threats, targets and senders are those of the newest {sums.incidents.count.toLocaleString('en')} incidents.
        </p>
      ) : undefined}
    </ConsolePage>
  );
}

function Requests({ work: { requests, requested } }: { readonly work: OpenWork }) {
  if (requests.length === 0) return undefined;
  return (
    <>
      <DataTable
        caption={`Somebody asks for these (${countText(requested)})`}
        columns={[
          {
            label: 'Subject',
            kind: 'heading',
            cell: ({ id, subject }: OpenWork['requests'][number]) => (
              <a href={`/admin/quarantine/${id}`}>
                <Words text={subject} none="(no subject)" max={rowMax} />
              </a>
            ),
          },
          { label: 'Sender', cell: ({ mailFrom }) => <Words text={mailFrom} none="(empty sender)" max={rowMax} /> },
          {
            label: 'Recipient',
            cell: ({ recipients, recipientCount }) => <People addresses={recipients} count={recipientCount} />,
          },
          { label: 'Received', kind: 'when', cell: ({ at }) => <Time at={at} /> },
        ]}
        rows={requests}
        keyOf={({ id }) => id}
        empty=""
      />
      {requested > requests.length ? (
        <p>
          <a href="/admin/quarantine?state=release-requested">All requests</a>
        </p>
      ) : undefined}
    </>
  );
}

function countText(count: number): string {
  const { countedMax } = limits.console;
  return count >= countedMax ? `${countedMax.toLocaleString('en')} or more` : count.toLocaleString('en');
}

function Numbers({ sums: { counts }, work }: { readonly sums: Sums; readonly work: OpenWork }) {
  const number = (value: number | undefined) => (value ?? 0).toLocaleString('en');
  const withAttachment = `${number(counts['with-attachment'])} with an attachment`;
  return (
    <ul class="tiles">
      <Tile label="Mails scanned" value={number(counts['email-scanned'])} aside={withAttachment} />
      <Tile label="Malicious" value={number(counts.malicious)} />
      <Tile label="Withheld" value={number(withheld(counts))} aside={`${number(counts.released)} released`} />
      <Tile label="Held now" value={<a href="/admin/quarantine?state=held">{countText(work.held)}</a>} />
      <Tile
        label="Release requests"
        value={<a href="/admin/quarantine?state=release-requested">{countText(work.requested)}</a>}
      />
      <Tile label="New incidents" value={<a href="/admin/incidents?status=new">{countText(work.newIncidents)}</a>} />
    </ul>
  );
}

function withheld(counts: CountsByWord): number {
  return (counts['email-quarantined'] ?? 0) + (counts['email-blocked'] ?? 0) + (counts['email-fallback-blocked'] ?? 0);
}

function permitted(counts: CountsByWord): number {
  return (counts['email-permitted'] ?? 0) + (counts['email-fallback-permitted'] ?? 0);
}

/** What was done with mail; the same four everywhere. */
const outcomes = [
  { key: 'permit', label: 'Permitted', colour: 'permit', of: permitted },
  {
    key: 'warn',
    label: 'Marked',
    colour: 'warn',
    of: (counts: CountsByWord) => counts['email-tag-and-delivered'] ?? 0,
  },
  { key: 'block', label: 'Withheld', colour: 'block', of: withheld },
  { key: 'defer', label: 'Deferred', colour: 'defer', of: (counts: CountsByWord) => counts.deferred ?? 0 },
] as const;
type Outcome = (typeof outcomes)[number]['key'];

function outcomeValues(counts: CountsByWord): Record<Outcome, number> {
  const [permit, warn, block, defer] = outcomes;
  return { permit: permit.of(counts), warn: warn.of(counts), block: block.of(counts), defer: defer.of(counts) };
}

function MailChart({ span, sums }: { readonly span: Span; readonly sums: Sums }) {
  const scanned = sums.counts['email-scanned'] ?? 0;
  return (
    <Chart
      id="mails"
      heading="Mails scanned"
      description={`${scanned.toLocaleString('en')} mails in the last ${spans[span].label}, by what was done with them.`}
      kind="bars"
      series={outcomes}
      steps={sums.steps.map(({ at, counts }) => ({ at, values: outcomeValues(counts) }))}
      stepMs={stepsOf[span]}
      empty={`No mail was scanned in the last ${spans[span].label}.`}
    />
  );
}

function MaliciousChart({ span, sums: { incidents } }: { readonly span: Span; readonly sums: Sums }) {
  return (
    <Chart
      id="malicious"
      heading="Malicious mails"
      description={`${incidents.count.toLocaleString('en')} incidents in the last ${spans[span].label}, by what became of the mail.`}
      kind="lines"
      series={[
        { key: 'held', label: 'Quarantined, not released', colour: 'block' },
        { key: 'released', label: 'Quarantined and released', colour: '1' },
        { key: 'passed', label: 'Not held', colour: 'warn' },
      ]}
      steps={incidents.steps.map(({ at, held, released, passed }) => ({ at, values: { held, released, passed } }))}
      stepMs={stepsOf[span]}
      empty={`No mail was malicious in the last ${spans[span].label}.`}
    />
  );
}

function Classification({ counts }: { readonly counts: CountsByWord }) {
  const parts = outcomes.map(({ label, colour, of }) => ({ label, colour, count: of(counts) }));
  return <Shares id="classes" heading="Classification" parts={parts} empty="There is nothing to classify yet." />;
}

function Top({
  heading,
  rows,
  span,
}: {
  readonly heading: string;
  readonly rows: readonly Ranked[];
  readonly span: Span;
}) {
  return (
    <Panel heading={heading}>
      {rows.length === 0 ? (
        <EmptyState>None in the last {spans[span].label}.</EmptyState>
      ) : (
        <ol class="list">
          {rows.map(({ name, count }) => (
            <li key={name} class="share">
              {name === '' ? (
                <Words text="" none="(empty address)" />
              ) : (
                <a
                  href={`/admin/incidents?${new URLSearchParams({ time: span, text: name.slice(0, 200) }).toString()}`}
                >
                  <Words text={name} max={rowMax} />
                </a>
              )}
              <span class="number">{pluralText(count, 'incident')}</span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}
