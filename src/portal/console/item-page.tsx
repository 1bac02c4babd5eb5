/** One held message as an administrator sees it: what was found, what it looks like, what became of it, what he can do. */
import { sizeText } from '../../notice/clean.js';
import type { Finding } from '../../notice/findings.js';
import { reasonText } from '../../notice/reason-text.js';
import type { IncidentLine } from '../../quarantine/console-store.js';
import type { Item } from '../../quarantine/item.js';
import type { ItemDetail } from '../../quarantine/store.js';
import { limits } from '../../runtime/limits.js';
import type { Operator } from '../operator.js';
import { MessageView } from '../preview/message-view.js';
import type { PreviewOutcome } from '../preview/preview.js';
import { ConsolePage, type Flash } from '../view/console-page.js';
import { Time } from '../view/controls.js';
import {
  type Column,
  DataTable,
  Details,
  FactList,
  LevelBadge,
  Panel,
  StateBadge,
  StatusBadge,
} from '../view/display.js';
import { ItemForms, isGone } from './item-forms.js';
import { ItemRecords } from './item-records.js';
import type { ListEntry } from './list-entries.js';
import { People, Words } from './stranger.js';

export interface ItemPageProps {
  readonly detail: ItemDetail;
  readonly incidents: readonly IncidentLine[];
  readonly outcome: PreviewOutcome;
  readonly operator: Operator;
  readonly flash: Flash | undefined;
  /** what can be put into a list; none where the lists cannot be changed from here */
  readonly lists: readonly ListEntry[];
}

export function ItemPage({ detail, incidents, outcome, operator, flash, lists }: ItemPageProps) {
  const { item } = detail;
  return (
    <ConsolePage title="Held message" section="quarantine" operator={operator} flash={flash}>
      <p class="crumb">
        <a href="/admin/quarantine">Quarantine</a> / <code>{item.id}</code>
      </p>
      <div class="columns">
        <Panel heading="The message">
          <Envelope item={item} />
        </Panel>
        <Panel heading="What can be done">
          <ItemForms detail={detail} operator={operator} lists={lists} />
        </Panel>
      </div>
      <Panel heading="Why it was withheld">
        <Reasons item={item} />
      </Panel>
      <Attachments item={item} />
      {isGone(item) ? undefined : (
        <Panel heading="What it looks like">
          <MessageView outcome={outcome} frame={`/admin/quarantine/${item.id}/frame`} />
          {outcome.kind === 'shown' ? <HeaderFields fields={outcome.preview.fields} /> : undefined}
        </Panel>
      )}
      <Incidents incidents={incidents} />
      <ItemRecords detail={detail} />
    </ConsolePage>
  );
}

function Envelope({ item }: { readonly item: Item }) {
  const { envelope } = item;
  const addresses = envelope.recipients.map(({ address }) => address);
  const { relatedMax } = limits.console;
  return (
    <FactList
      facts={[
        ['State', <StateBadge key="state" state={item.state} />],
        ['Subject', <Words key="subject" text={item.subject} none="(no subject)" />],
        ['Sender', <Words key="sender" text={envelope.mailFrom} none="(empty sender)" />],
        ['From field', <Words key="from" text={item.from} none="(none)" />],
        ['Recipients', <People key="people" addresses={addresses.slice(0, relatedMax)} count={addresses.length} />],
        ['Received', <Time key="at" at={item.created} />],
        ['Over', <Words key="over" text={`${item.protocol.toUpperCase()}, listener ${item.listener}`} />],
        ['From client', <Words key="client" text={item.clientAddress} none="(unknown)" />],
        ['Kept until', <Time key="until" at={item.expires} />],
        ['Size', sizeText(item.bytes)],
        [
          'SHA-256',
          <code key="digest">
            <a href={`/admin/quarantine?text=${item.sha256}`}>{item.sha256}</a>
          </code>,
        ],
        ['Message-ID', <Words key="id" text={item.facts.messageId} none="(none)" />],
      ]}
    />
  );
}

function Reasons({ item }: { readonly item: Item }) {
  const { verdict, facts } = item;
  return (
    <>
      <p>
        <LevelBadge level={verdict.threatLevel} /> <Words text={verdict.threat} none="refused by policy" />
      </p>
      <ul class="reasons">
        {verdict.reasons.map((reason, index) => (
          <li key={index}>
            <bdi>{reasonText(reason)}</bdi>
          </li>
        ))}
      </ul>
      {facts.problems.length === 0 ? undefined : (
        <Details summary={`What is odd about its form (${facts.problems.length})`}>
          <ul class="reasons">
            {facts.problems.map((problem) => (
              <li key={problem}>
                <code>{problem}</code>
              </li>
            ))}
          </ul>
        </Details>
      )}
    </>
  );
}

export const findingColumns: readonly Column<Finding>[] = [
  { label: 'Name', kind: 'heading', cell: ({ name }) => <Words text={name} none="(no name)" /> },
  { label: 'Found', cell: ({ threat }) => <Words text={threat} none="nothing" /> },
  { label: 'Threat level', kind: 'tight', cell: ({ level }) => <LevelBadge level={level} /> },
  { label: 'Type', cell: ({ type }) => <Words text={type} /> },
  { label: 'Size', kind: 'number', cell: ({ bytes }) => sizeText(bytes) },
  {
    label: 'SHA-256',
    cell: ({ sha256 }) => (
      <a href={`/admin/quarantine?text=${sha256}`} title="Messages with this file">
        <code>{sha256}</code>
      </a>
    ),
  },
];

function Attachments({ item: { facts } }: { readonly item: Item }) {
  const more = facts.omitted > 0 ? `, and ${facts.omitted} more` : '';
  return (
    <DataTable
      caption={`Attachments${more}`}
      columns={findingColumns}
      rows={facts.findings}
      keyOf={({ path, sha256 }) => `${path} ${sha256}`}
      empty="No attachment was in question."
    />
  );
}

function HeaderFields({ fields }: { readonly fields: readonly (readonly [string, string])[] }) {
  return (
    <Details summary={`All fields of the header (${fields.length})`}>
      <dl class="facts">
        {fields.map(([name, value], index) => (
          <div key={index}>
            <dt>
              <bdi>{name}</bdi>
            </dt>
            <dd>
              <bdi>{value}</bdi>
            </dd>
          </div>
        ))}
      </dl>
    </Details>
  );
}

function Incidents({ incidents }: { readonly incidents: readonly IncidentLine[] }) {
  if (incidents.length === 0) return undefined;
  return (
    <DataTable
      caption="Incidents"
      columns={[
        {
          label: 'Incident',
          kind: 'heading',
          cell: ({ id, threat }: IncidentLine) => (
            <a href={`/admin/incidents/${id}`}>
              <Words text={threat} none="Refused by policy" />
            </a>
          ),
        },
        { label: 'Date', kind: 'when', cell: ({ at }) => <Time at={at} /> },
        { label: 'Target', cell: ({ targets, targetCount }) => <People addresses={targets} count={targetCount} /> },
        { label: 'Status', kind: 'tight', cell: ({ status }) => <StatusBadge status={status} /> },
      ]}
      rows={incidents}
      keyOf={({ id }) => id}
      empty=""
    />
  );
}
