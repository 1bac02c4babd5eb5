/** Asks whether held messages are really to be deleted: it cannot be taken back, and it is for all their recipients. */
import type { ItemDetail } from '../../quarantine/store.js';
import type { Operator } from '../operator.js';
import { ConsolePage } from '../view/console-page.js';
import { Button, PostForm, Time } from '../view/controls.js';
import { FactList, Note } from '../view/display.js';
import { People, pluralText, Words } from './stranger.js';

const warning =
  'The original is destroyed for all its recipients. Nobody can release it afterwards, and what was found in it stays in the records.';

export function DeletePage({ detail, operator }: { readonly detail: ItemDetail; readonly operator: Operator }) {
  const { item } = detail;
  const path = `/admin/quarantine/${item.id}`;
  const addresses = item.envelope.recipients.map(({ address }) => address);
  const gone = item.state === 'deleted' || item.state === 'expired';
  return (
    <ConsolePage title="Delete this message?" section="quarantine" operator={operator}>
      <FactList
        facts={[
          ['Subject', <Words key="subject" text={item.subject} none="(no subject)" />],
          ['Sender', <Words key="sender" text={item.envelope.mailFrom} none="(empty sender)" />],
          ['Recipients', <People key="people" addresses={addresses.slice(0, 20)} count={addresses.length} />],
          ['Received', <Time key="time" at={item.created} />],
        ]}
      />
      <Note tone="warn">{gone ? 'The original is gone already.' : warning}</Note>
      <PostForm action={`${path}/delete`} operator={operator}>
        <div class="actions">
          {gone ? undefined : <Button kind="danger">Delete the message</Button>}
          <a class="button quiet" href={path}>
            {gone ? 'Back' : 'Keep it'}
          </a>
        </div>
      </PostForm>
    </ConsolePage>
  );
}

export function BulkDeletePage({
  ids,
  back,
  operator,
}: {
  readonly ids: readonly string[];
  /** address of the list that they were chosen in */
  readonly back: string;
  readonly operator: Operator;
}) {
  return (
    <ConsolePage title={`Delete ${pluralText(ids.length, 'message')}?`} section="quarantine" operator={operator}>
      <Note tone="warn">{warning}</Note>
      <PostForm action="/admin/quarantine/act" operator={operator}>
        <input type="hidden" name="back" value={back} />
        <input type="hidden" name="sure" value="yes" />
        {ids.map((id) => (
          <input key={id} type="hidden" name="id" value={id} />
        ))}
        <div class="actions">
          <Button kind="danger" name="do" value="delete">
            Delete {pluralText(ids.length, 'message')}
          </Button>
          <a class="button quiet" href={back}>
            Keep {ids.length === 1 ? 'it' : 'them'}
          </a>
        </div>
      </PostForm>
    </ConsolePage>
  );
}
