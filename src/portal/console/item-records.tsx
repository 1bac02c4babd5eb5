/** What became of a held message: deliveries with the mail server's answers, mails about it, and who did what. */
import type { DeliveryRecord } from '../../quarantine/item.js';
import { formAt } from '../../quarantine/personal-view.js';
import type { ItemDetail } from '../../quarantine/store.js';
import { limits } from '../../runtime/limits.js';
import { Time } from '../view/controls.js';
import { Badge, type Column, DataTable, type Tone } from '../view/display.js';
import { AuditDetail, auditWords } from './audit-words.js';
import { Words } from './stranger.js';

type Mail = ItemDetail['mails'][number];
type Act = ItemDetail['audit'][number];

const deliveryTones = { delivered: 'good', pending: 'info', failed: 'bad' } as const satisfies Record<string, Tone>;
const mailTones = { sent: 'good', queued: 'info', failed: 'bad', cancelled: 'neutral' } as const;
const mailKinds = {
  notice: 'Notice to',
  release: 'Release to all recipients',
  administrator: 'Mail to the administrator',
} as const satisfies Record<Mail['kind'], string>;

export function ItemRecords({ detail }: { readonly detail: ItemDetail }) {
  const { item, deliveries, mails, audit } = detail;
  const asked = audit.some(({ action }) => action === 'release');
  const { relatedMax } = limits.console;
  return (
    <>
      {asked && item.protocol === 'smtp' ? (
        <DataTable
          caption={captionOf('Deliveries', deliveries.length)}
          columns={deliveryColumns}
          rows={deliveries
            .slice(0, relatedMax)
            .map((record, position) => ({ ...record, position, as: sentAs(record, audit) }))}
          keyOf={({ position }) => position}
          empty="There was nobody to deliver it to."
        />
      ) : undefined}
      <DataTable
        caption={captionOf('Mail about it', mails.length)}
        columns={mailColumns}
        rows={mails.slice(0, relatedMax)}
        keyOf={({ id }) => id}
        empty="No mail was sent about it."
      />
      <DataTable
        caption={captionOf('History', audit.length)}
        columns={auditColumns}
        rows={audit.slice(-relatedMax)}
        keyOf={({ seq }) => seq}
        empty="Nothing was done yet."
      />
    </>
  );
}

function captionOf(name: string, count: number): string {
  return count > limits.console.relatedMax ? `${name}, ${limits.console.relatedMax} of ${count}` : name;
}

/** Empty for a recipient who has not got it. */
function sentAs({ status, at }: DeliveryRecord, audit: ItemDetail['audit']): string {
  if (status !== 'delivered' || at === undefined) return '';
  return formAt(audit, at) === 'zip' ? 'encrypted ZIP' : 'original';
}

const deliveryColumns: readonly Column<DeliveryRecord & { readonly position: number; readonly as: string }>[] = [
  { label: 'Recipient', kind: 'heading', cell: ({ address }) => <Words text={address} /> },
  { label: 'Status', kind: 'tight', cell: ({ status }) => <Badge tone={deliveryTones[status]}>{status}</Badge> },
  { label: 'Sent as', kind: 'tight', cell: ({ as }) => as },
  { label: 'Answer of the mail server', cell: ({ reply }) => <Words text={reply} none="none yet" /> },
  { label: 'Date', kind: 'when', cell: ({ at }) => (at === undefined ? undefined : <Time at={at} />) },
];

const mailColumns: readonly Column<Mail>[] = [
  {
    label: 'Mail',
    kind: 'heading',
    cell: ({ kind, recipient }) => (
      <>
        {mailKinds[kind]} {kind === 'release' ? undefined : <Words text={recipient} />}
      </>
    ),
  },
  { label: 'Status', kind: 'tight', cell: ({ state }) => <Badge tone={mailTones[state]}>{state}</Badge> },
  { label: 'Attempts', kind: 'number', cell: ({ attempts }) => attempts },
  { label: 'Last answer', cell: ({ lastReply }) => <Words text={lastReply} none="none yet" /> },
  { label: 'Queued', kind: 'when', cell: ({ created }) => <Time at={created} /> },
];

const auditColumns: readonly Column<Act>[] = [
  { label: 'Date', kind: 'when', cell: ({ at }) => <Time at={at} /> },
  { label: 'Who', cell: ({ actor }) => <Words text={actor} /> },
  { label: 'What', kind: 'heading', cell: ({ action }) => auditWords(action) },
  { label: 'Details', cell: ({ detail }) => <AuditDetail detail={detail} /> },
];
