/** A settings page that is one form: shown with the values of the file, saved when they are right, shown again when not. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ComponentChildren } from 'preact';
import type { Edit } from '../../config/edit.js';
import type { ConfigProblem } from '../../config/problem.js';
import type { Settings } from '../../config/schema.js';
import { readForm, sendPage } from '../answers.js';
import { actorOf, type Operator, operatorOf } from '../operator.js';
import type { Flash } from '../view/console-page.js';
import { Button, PostForm, Problems } from '../view/controls.js';
import { Actions, LinkButton } from '../view/display.js';
import type { SettingsPage } from './field-table.js';
import { type Entries, editsOf, entriesOf, type FieldSpec, sentEntries } from './fields.js';
import { type FileState, readFileState, valueAt } from './file-state.js';
import { DefaultButton, type FormContent, Hidden, SettingsGroups } from './form-view.js';
import type { SettingsOptions } from './options.js';
import { byField, nowText, type Outcome, problemText, saveSettings } from './saving.js';
import { NoForm, SettingsFrame, type SettingsTab, settingsPath } from './settings-frame.js';

/** One form as it is shown. */
export interface FormShown {
  readonly state: FileState;
  readonly operator: Operator;
  readonly content: FormContent;
  /** for the head of the form: field or nothing, and words */
  readonly problems: readonly (readonly [string, string])[];
  readonly flash?: Flash | undefined;
  /** beside the button that saves */
  readonly buttons?: ComponentChildren;
  /** under the form */
  readonly below?: ComponentChildren;
}

export function specsOf(page: SettingsPage): readonly FieldSpec[] {
  return page.groups.flatMap(({ fields }) => fields);
}

export function pathOf(page: SettingsPage): string {
  return `${settingsPath}/${page.name}`;
}

export function FormPage({ page, shown }: { readonly page: SettingsPage; readonly shown: FormShown }) {
  const { state, operator, flash, content, problems } = shown;
  return (
    <SettingsFrame title={page.title} tab={page.name as SettingsTab} operator={operator} flash={flash} state={state}>
      {page.intro.map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
      {state.settings === undefined ? (
        <NoForm />
      ) : (
        <PostForm action={pathOf(page)} operator={operator} label={page.title}>
          <DefaultButton />
          <Hidden values={[['digest', state.digest]]} />
          <Problems problems={problems} />
          <SettingsGroups groups={page.groups} content={content} />
          <Actions>
            <Button>Save</Button>
            {shown.buttons}
            <LinkButton kind="quiet" href={pathOf(page)}>
              Reset
            </LinkButton>
          </Actions>
        </PostForm>
      )}
      {shown.below}
    </SettingsFrame>
  );
}

/** The form with the values of the file. */
export function savedForm(
  page: SettingsPage,
  state: FileState,
  operator: Operator,
  flash?: Flash | undefined,
): FormShown {
  const entries: Entries = state.settings === undefined ? new Map() : entriesOf(specsOf(page), state.settings);
  return { state, operator, flash, content: { entries, errors: new Map() }, problems: [] };
}

/** The form with what was typed, and what is wrong with it. */
export function typedForm(
  specs: readonly FieldSpec[],
  entries: Entries,
  outcome: Exclude<Outcome, { kind: 'told' }>,
  shown: Pick<FormShown, 'state' | 'operator'>,
): FormShown {
  if (outcome.kind === 'invalid') {
    const told = toldProblems(specs, outcome.problems);
    return { ...shown, content: { entries, errors: told.errors }, problems: told.problems };
  }
  const errors =
    outcome.kind === 'conflict' ? differences(specs, entries, shown.state.settings) : new Map<string, string>();
  const words =
    outcome.kind === 'conflict'
      ? 'Somebody changed the file after this form was opened, so nothing was saved. What you typed is still here: compare, and save again, or Reset to see the file.'
      : `Nothing was saved. ${outcome.reason}`;
  return { ...shown, content: { entries, errors }, problems: [['', words]] };
}

function toldProblems(specs: readonly FieldSpec[], found: readonly ConfigProblem[]) {
  const { fields, others } = byField(
    found,
    specs.map(({ path }) => path),
  );
  const own = specs
    .filter(({ path }) => fields.has(path))
    .map(({ path, label }) => [path, `${label}: ${fields.get(path)}`] as const);
  const rest = others.map((problem) => ['', `Elsewhere in the file: ${problemText(problem)}`] as const);
  return { errors: fields, problems: [...own, ...rest] };
}

/** Fields in which what was typed is not what the file says now. */
function differences(
  specs: readonly FieldSpec[],
  entries: Entries,
  settings: Settings | undefined,
): Map<string, string> {
  if (settings === undefined) return new Map();
  const changed = new Set(editsOf(specs, settings, entries).map(({ path }) => path.join('.')));
  return new Map(
    specs.filter(({ path }) => changed.has(path)).map(({ path }) => [path, nowText(valueAt(settings, path))] as const),
  );
}

/** What a form leads to: told on the page after it, or the form again. */
export async function takeForm(
  options: SettingsOptions,
  request: FastifyRequest,
  specs: readonly FieldSpec[],
): Promise<
  | { readonly kind: 'told'; readonly flash: Flash }
  | { readonly kind: 'again'; readonly shown: FormShown; readonly status: number }
> {
  const operator = operatorOf(request);
  const form = readForm(request);
  const entries = sentEntries(specs, form);
  const before = await readFileState(options);
  const digest = form.get('digest') ?? '';
  const outcome = await outcomeOf(options, operator, before, { specs, entries, digest });
  if (outcome.kind === 'told') return outcome;
  const state = await readFileState(options);
  const status = outcome.kind === 'invalid' ? 422 : 409;
  return { kind: 'again', shown: typedForm(specs, entries, outcome, { state, operator }), status };
}

async function outcomeOf(
  options: SettingsOptions,
  operator: Operator,
  { settings, digest: now, problems }: FileState,
  {
    specs,
    entries,
    digest,
  }: { readonly specs: readonly FieldSpec[]; readonly entries: Entries; readonly digest: string },
): Promise<Outcome> {
  if (settings === undefined) return { kind: 'invalid', problems };
  // What changed is told by the file that the form was made from, and no other.
  if (digest !== now) return { kind: 'conflict' };
  const edits = editsOf(specs, settings, entries);
  const empty = specs.find(({ path, kind }) => kind === 'servers' && edits.some((edit) => isEmptied(edit, path)));
  if (empty !== undefined) {
    // The file may say so; chosen by a slip of the hand, it would switch the gate off.
    const expected = 'at least one host name, or the choice of all servers: with an empty list no mail is judged';
    return { kind: 'invalid', problems: [{ severity: 'error', path: empty.path, value: '', expected }] };
  }
  return saveSettings(options, actorOf(operator), edits, digest);
}

function isEmptied(edit: Edit, path: string): boolean {
  return edit.path.join('.') === path && 'value' in edit && Array.isArray(edit.value) && edit.value.length === 0;
}

/** @param decorate adds to a form what only this page has */
export function registerFormPage(
  scope: FastifyInstance,
  options: SettingsOptions,
  page: SettingsPage,
  decorate: (shown: FormShown) => FormShown = (shown) => shown,
): void {
  const path = pathOf(page);
  const show = (reply: FastifyReply, status: number, shown: FormShown) =>
    sendPage(reply, status, <FormPage page={page} shown={decorate(shown)} />);
  scope.get(path, async (request, reply) => {
    const operator = operatorOf(request);
    const state = await readFileState(options);
    return show(reply, 200, savedForm(page, state, operator, options.flashes.of(request, operator)));
  });
  scope.post(path, async (request, reply) => {
    const taken = await takeForm(options, request, specsOf(page));
    if (taken.kind === 'told') return options.flashes.redirect(request, reply, path, taken.flash);
    return show(reply, taken.status, taken.shown);
  });
}
