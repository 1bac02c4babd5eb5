/** Who gets mail about what happens: each administrator with a box for every kind of event. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Edit } from '../../config/edit.js';
import { settingsSchema } from '../../config/schema.js';
import { schemaAt, sentenceOf } from '../../config/schema-walk.js';
import { administratorEvents } from '../../notice/settings.js';
import { readForm, sendPage } from '../answers.js';
import { actorOf, type Operator, operatorOf } from '../operator.js';
import type { Flash } from '../view/console-page.js';
import { Button, Checkbox, Group, PostForm, Problems, TextField } from '../view/controls.js';
import { Actions, DataTable } from '../view/display.js';
import { type FileState, readFileState } from './file-state.js';
import { DefaultButton, Hidden } from './form-view.js';
import type { SettingsOptions } from './options.js';
import { byField, type Outcome, problemText, saveSettings } from './saving.js';
import { NoForm, SettingsFrame, settingsPath } from './settings-frame.js';

const path = `${settingsPath}/administrators`;

const eventWords: Readonly<Record<(typeof administratorEvents)[number], string>> = {
  blocked: 'A message was blocked',
  released: 'A message was released',
  'release-requested': 'A release was requested',
};

interface Typed {
  readonly address: string;
  readonly notify: readonly string[];
}

interface Shown {
  readonly state: FileState;
  readonly operator: Operator;
  readonly flash?: Flash | undefined;
  readonly typed?: Typed;
  readonly error?: string | undefined;
  readonly problems?: readonly (readonly [string, string])[];
}

export function registerAdministrators(scope: FastifyInstance, options: SettingsOptions): void {
  scope.get(path, async (request, reply) => {
    const operator = operatorOf(request);
    const flash = options.flashes.of(request, operator);
    return sendPage(
      reply,
      200,
      <AdministratorsPage state={await readFileState(options)} operator={operator} flash={flash} />,
    );
  });
  scope.post(path, (request, reply) => save(request, reply, options, ticked));
  scope.post(`${path}/add`, (request, reply) => save(request, reply, options, added));
}

type Administrators = NonNullable<FileState['settings']>['administrators'];

/** The boxes of all rows, or one row that goes. */
function ticked(form: URLSearchParams, administrators: Administrators): Edit[] {
  const drop = form.get('remove');
  if (drop !== null) {
    const index = administrators.findIndex(({ address }) => address === drop);
    return index === -1 ? [] : [{ path: ['administrators', index], remove: true }];
  }
  return administrators.flatMap(({ address, notify }, index): Edit[] => {
    const wanted = administratorEvents.filter((event) => form.getAll(`${event}`).includes(address));
    const same = administratorEvents.every((event) => notify.includes(event) === wanted.includes(event));
    return same ? [] : [{ path: ['administrators', index, 'notify'], value: wanted }];
  });
}

function added(form: URLSearchParams): Edit[] {
  const { address, notify } = typedOf(form);
  return [{ path: ['administrators'], append: [{ address, notify }] }];
}

function typedOf(form: URLSearchParams): Typed {
  return { address: (form.get('address') ?? '').trim(), notify: form.getAll('notify') };
}

async function save(
  request: FastifyRequest,
  reply: FastifyReply,
  options: SettingsOptions,
  editsFrom: (form: URLSearchParams, administrators: Administrators) => Edit[],
): Promise<FastifyReply> {
  const operator = operatorOf(request);
  const form = readForm(request);
  const before = await readFileState(options);
  const digest = form.get('digest') ?? '';
  // Rows are counted in the file that the page was made from.
  const outcome: Outcome =
    before.settings === undefined || digest !== before.digest
      ? { kind: 'conflict' }
      : await saveSettings(options, actorOf(operator), editsFrom(form, before.settings.administrators), digest);
  if (outcome.kind === 'told') return options.flashes.redirect(request, reply, path, outcome.flash);
  const state = await readFileState(options);
  const shown = { state, operator, typed: typedOf(form), ...wordsOf(outcome) };
  return sendPage(reply, outcome.kind === 'invalid' ? 422 : 409, <AdministratorsPage {...shown} />);
}

function wordsOf(outcome: Exclude<Outcome, { kind: 'told' }>): Pick<Shown, 'error' | 'problems'> {
  if (outcome.kind === 'conflict') {
    return {
      problems: [
        [
          '',
          'The file was changed after this page was opened, so nothing was saved. It is shown anew below: do it again.',
        ],
      ],
    };
  }
  if (outcome.kind === 'refused') return { problems: [['', `Nothing was saved. ${outcome.reason}`]] };
  const { fields, others } = byField(outcome.problems, ['administrators']);
  const error = fields.get('administrators');
  return {
    error,
    problems: [
      ...(error === undefined ? [] : [['address', error] as const]),
      ...others.map((problem) => ['', `Elsewhere in the file: ${problemText(problem)}`] as const),
    ],
  };
}

function AdministratorsPage({ state, operator, flash, typed, error, problems = [] }: Shown) {
  const administrators = state.settings?.administrators ?? [];
  const known = schemaAt(settingsSchema, ['administrators']);
  return (
    <SettingsFrame title="Administrators" tab="administrators" operator={operator} flash={flash} state={state}>
      <p>
        {known === undefined ? '' : sentenceOf(known)} Whoever may sign in to these pages stands under
        portal.administrators in the file.
      </p>
      <Problems problems={problems} />
      {state.settings === undefined ? (
        <NoForm />
      ) : (
        <>
          <PostForm action={path} operator={operator} label="Administrators and their events">
            <DefaultButton />
            <Hidden values={[['digest', state.digest]]} />
            <DataTable
              caption="Administrators"
              columns={[
                { label: 'Address', kind: 'heading', cell: ({ address }) => <bdi>{address}</bdi> },
                ...administratorEvents.map((event) => ({
                  label: eventWords[event],
                  cell: ({ address, notify }: Administrators[number]) => (
                    <Checkbox
                      name={event}
                      value={address}
                      label={`${eventWords[event]}: tell ${address}`}
                      labelHidden
                      checked={notify.includes(event)}
                    />
                  ),
                })),
                {
                  label: 'Remove',
                  kind: 'tight',
                  cell: ({ address }) => (
                    <Button kind="quiet" small name="remove" value={address}>
                      Remove <span class="hidden">{address}</span>
                    </Button>
                  ),
                },
              ]}
              rows={administrators}
              keyOf={({ address }) => address}
              empty="No administrator gets mail."
            />
            {administrators.length === 0 ? undefined : (
              <Actions>
                <Button>Save</Button>
              </Actions>
            )}
          </PostForm>
          <AddForm state={state} operator={operator} typed={typed} error={error} />
        </>
      )}
    </SettingsFrame>
  );
}

function AddForm({
  state,
  operator,
  typed,
  error,
}: Pick<Shown, 'state' | 'operator' | 'error'> & { readonly typed: Typed | undefined }) {
  const chosen = typed?.notify ?? administratorEvents;
  return (
    <PostForm action={`${path}/add`} operator={operator} label="Add an administrator">
      <Hidden values={[['digest', state.digest]]} />
      <Group legend="Add an administrator">
        <TextField name="address" label="Email address" type="email" value={typed?.address ?? ''} error={error} />
        <fieldset class="field">
          <legend>Tell when</legend>
          {administratorEvents.map((event) => (
            <Checkbox
              key={event}
              name="notify"
              value={event}
              label={eventWords[event]}
              checked={chosen.includes(event)}
            />
          ))}
        </fieldset>
        <Button>+ Add</Button>
      </Group>
    </PostForm>
  );
}
