/** What an administrator can do with one held message at this moment. What cannot be done has no button. */
import { type Item, partRelease, partReleaseText } from '../../quarantine/item.js';
import { formAt } from '../../quarantine/personal-view.js';
import type { ItemDetail } from '../../quarantine/store.js';
import { limits } from '../../runtime/limits.js';
import type { Operator } from '../operator.js';
import { Button, PostForm, TextArea, Time } from '../view/controls.js';
import { Details, FactList, Note } from '../view/display.js';
import type { ListEntry } from './list-entries.js';
import { People, Words } from './stranger.js';

export function isGone({ state }: Pick<Item, 'state'>): boolean {
  return state === 'deleted' || state === 'expired';
}

function isReleasing({ mails }: ItemDetail): boolean {
  return mails.some(({ kind, state }) => kind === 'release' && state === 'queued');
}

export function ItemForms({
  detail,
  operator,
  lists,
}: {
  readonly detail: ItemDetail;
  readonly operator: Operator;
  readonly lists: readonly ListEntry[];
}) {
  const { item } = detail;
  const path = `/admin/quarantine/${item.id}`;
  return (
    <div class="stack">
      <Requests detail={detail} />
      <StateRemark detail={detail} path={path} />
      <PartRelease detail={detail} />
      {isGone(item) || item.state === 'released' || isReleasing(detail) ? undefined : (
        <PostForm action={`${path}/release`} operator={operator} label="Release">
          <div class="actions">
            <Button name="as" value="original">
              Release
            </Button>
            {item.protocol === 'imap' ? undefined : (
              <Button name="as" value="zip" kind="quiet">
                Release with attachments in a ZIP
              </Button>
            )}
          </div>
        </PostForm>
      )}
      {item.state === 'release-requested' && !isReleasing(detail) ? (
        <PostForm action={`${path}/deny`} operator={operator} label="Deny the request">
          <TextArea
            name="reason"
            label="Deny the request"
            hint="Whoever asked is told the reason that you write here. It may stay empty."
            value=""
            rows={2}
          />
          <div class="actions">
            <Button kind="quiet">Deny the request</Button>
          </div>
        </PostForm>
      ) : undefined}
      {isGone(item) ? undefined : <FileForms path={path} operator={operator} />}
      {lists.length === 0 ? undefined : <ListForms path={path} operator={operator} lists={lists} />}
    </div>
  );
}

function Requests({ detail: { item, requests } }: { readonly detail: ItemDetail }) {
  if (requests.length === 0) return undefined;
  return (
    <Note tone={item.state === 'release-requested' ? 'warn' : 'info'}>
      {requests.map(({ recipient, at }) => (
        <p key={`${recipient} ${at}`}>
          {recipient === undefined ? 'A reader of the mailbox' : <Words text={recipient} />} asked for the release on{' '}
          <Time at={at} />.
        </p>
      ))}
    </Note>
  );
}

/** A release that some have got and some have not: the state alone would say that nobody has. */
function PartRelease({ detail }: { readonly detail: ItemDetail }) {
  const { item, deliveries } = detail;
  const has = deliveries.filter(({ status }) => status === 'delivered').map(({ address }) => address);
  const lacks = deliveries.filter(({ status }) => status !== 'delivered').map(({ address }) => address);
  const part = partRelease(item.state, has.length, deliveries.length);
  if (part === undefined) return undefined;
  return (
    <Note tone="warn">
      <p>
        {partReleaseText(part)}.{isGone(item) ? undefined : ' A release goes only to those who have not.'}
      </p>
      <FactList
        facts={[
          ['Has it', <Addresses key="has" addresses={has} />],
          ['Has it not', <Addresses key="lacks" addresses={lacks} />],
        ]}
      />
    </Note>
  );
}

function Addresses({ addresses }: { readonly addresses: readonly string[] }) {
  return <People addresses={addresses.slice(0, limits.console.relatedMax)} count={addresses.length} />;
}

/** How the last release went out; those of a mailbox are never anything but the original. */
function sentAs({ deliveries, audit }: ItemDetail): string {
  const last = Math.max(0, ...deliveries.map(({ status, at }) => (status === 'delivered' ? (at ?? 0) : 0)));
  return last > 0 && formAt(audit, last) === 'zip' ? ' with its attachments in an encrypted ZIP archive' : '';
}

function StateRemark({ detail, path }: { readonly detail: ItemDetail; readonly path: string }) {
  const { item, decision } = detail;
  if (isReleasing(detail)) {
    return (
      <Note tone="info">
        The release is under way; the answers of the mail server appear under “Deliveries”.{' '}
        <a href={path}>Look again</a>
      </Note>
    );
  }
  if (decision === undefined) return undefined;
  const did = { released: 'released', deleted: 'deleted', expired: 'expired', 'request-denied': 'denied' } as const;
  const word = item.state in did ? did[item.state as keyof typeof did] : item.state;
  return (
    <p>
      {item.state === 'request-denied' ? 'The request was ' : 'It was '}
      {word === 'expired' ? 'deleted when its time was over' : word}
      {word === 'released' ? sentAs(detail) : ''} on <Time at={decision.at} /> by <Words text={decision.actor} />
      {decision.reason === undefined ? '.' : ': '}
      {decision.reason === undefined ? undefined : <Words text={decision.reason} />}
    </p>
  );
}

function FileForms({ path, operator }: { readonly path: string; readonly operator: Operator }) {
  return (
    <div class="actions">
      <PostForm action={`${path}/sealed`} operator={operator} label="Download">
        <Button kind="quiet">Download sealed (.eml.age)</Button>
      </PostForm>
      <a class="button danger" href={`${path}/delete`}>
        Delete…
      </a>
    </div>
  );
}

function ListForms({
  path,
  operator,
  lists,
}: {
  readonly path: string;
  readonly operator: Operator;
  readonly lists: readonly ListEntry[];
}) {
  return (
    <Details summary="Put its sender into a list">
      <p class="soft">
        Mail of a blocked sender is withheld. Mail of an allowed one passes without being scanned, and anybody can write
        his address as sender.
      </p>
      {lists.map(({ entry, label }) => (
        <PostForm key={entry} action={`${path}/list`} operator={operator} label={`Lists: ${label}`}>
          <input type="hidden" name="entry" value={entry} />
          <div class="actions">
            <Button small kind="quiet" name="list" value="block">
              Block {label}
            </Button>
            <Button small kind="quiet" name="list" value="allow">
              Allow {label}
            </Button>
          </div>
        </PostForm>
      ))}
    </Details>
  );
}
