/** The fields of a settings form as controls, with their hints, what was typed, and what is wrong with it. */
import { Fragment } from 'preact';
import { Button, Checkbox, Field, Group, RadioGroup, SelectField, TextArea, TextField } from '../view/controls.js';
import { type Entries, entry, type FieldGroup, type FieldSpec, hintOf, spareRows } from './fields.js';

export interface FormContent {
  readonly entries: Entries;
  /** by path */
  readonly errors: ReadonlyMap<string, string>;
}

export function SettingsGroups({
  groups,
  content,
}: {
  readonly groups: readonly FieldGroup[];
  readonly content: FormContent;
}) {
  return (
    <>
      {groups.map((group) => (
        <Group key={group.legend} legend={group.legend}>
          {group.intro === undefined ? undefined : <p class="hint">{group.intro}</p>}
          {group.fields.map((spec) => (
            <SettingsField key={spec.path} spec={spec} content={content} />
          ))}
        </Group>
      ))}
    </>
  );
}

export function SettingsField({ spec, content }: { readonly spec: FieldSpec; readonly content: FormContent }) {
  const { path, label } = spec;
  const hint = hintOf(spec);
  const error = content.errors.get(path);
  const value = entry(content.entries, path);
  switch (spec.kind) {
    case 'radio': {
      const options = spec.options.map((option) => ({ ...option, value: String(option.value ?? '') }));
      return (
        <div id={path}>
          <RadioGroup name={path} legend={label} hint={hint} error={error} value={value} options={options} />
        </div>
      );
    }
    case 'select': {
      const options = spec.options.map((option) => [String(option.value ?? ''), option.label] as const);
      return <SelectField name={path} label={label} hint={hint} error={error} value={value} options={options} />;
    }
    case 'checks':
      return <CheckList spec={spec} chosen={content.entries.get(path) ?? []} hint={hint} error={error} />;
    case 'area':
      return <TextArea name={path} label={label} hint={hint} error={error} value={value} />;
    case 'text':
      return <TextField name={path} label={label} hint={hint} error={error} value={value} type={spec.type ?? 'text'} />;
    case 'number':
      return <TextField name={path} label={label} hint={hint} error={error} value={value} />;
    case 'servers':
      return <ServerList spec={spec} content={content} hint={hint} error={error} />;
    case 'levels':
      return <LevelTable spec={spec} content={content} hint={hint} error={error} />;
  }
}

interface Told {
  readonly hint: string;
  readonly error: string | undefined;
}

function ErrorLine({ path, error }: { readonly path: string; readonly error: string | undefined }) {
  return error === undefined ? undefined : (
    <p class="error" id={`${path}-error`}>
      {error}
    </p>
  );
}

function CheckList({
  spec,
  chosen,
  hint,
  error,
}: Told & {
  readonly spec: Extract<FieldSpec, { kind: 'radio' | 'select' | 'checks' }>;
  readonly chosen: readonly string[];
}) {
  return (
    <fieldset class={error === undefined ? 'field' : 'field wrong'} id={spec.path}>
      <legend>{spec.label}</legend>
      <p class="hint">{hint}</p>
      {spec.options.map((option) => (
        <Checkbox
          key={String(option.value)}
          name={spec.path}
          value={String(option.value)}
          label={option.label}
          checked={chosen.includes(String(option.value))}
        />
      ))}
      <ErrorLine path={spec.path} error={error} />
    </fieldset>
  );
}

/** All servers, or a list: every button saves the form, so that none of it is lost without a script. */
function ServerList({
  spec,
  content,
  hint,
  error,
}: Told & { readonly spec: FieldSpec; readonly content: FormContent }) {
  const { path } = spec;
  const kept = content.entries.get(`${path}.kept`) ?? [];
  const options = [
    { value: 'all', label: 'All IMAP servers' },
    { value: 'list', label: 'Specific IMAP servers', hint: 'Only those in the list below.' },
  ];
  return (
    <div id={path}>
      <RadioGroup
        name={path}
        legend={spec.label}
        hint={hint}
        error={error}
        value={entry(content.entries, path)}
        options={options}
      />
      <fieldset class="field">
        <legend>IMAP servers</legend>
        {kept.length === 0 ? <p class="hint">The list is empty.</p> : undefined}
        <ul class="list">
          {kept.map((name) => (
            <li key={name}>
              <input type="hidden" name={`${path}.kept`} value={name} />
              <span class="more">
                <bdi>{name}</bdi>
                <Button kind="quiet" small name={`${path}.drop`} value={name}>
                  Remove <span class="hidden">{name}</span>
                </Button>
              </span>
            </li>
          ))}
        </ul>
      </fieldset>
      <TextField
        name={`${path}.add`}
        label="Add an IMAP server"
        hint="Its host name. Several are separated by blanks. Choose Specific IMAP servers above."
        value={entry(content.entries, `${path}.add`)}
      />
      <p>
        <Button kind="quiet">+ Add</Button>
      </p>
    </div>
  );
}

function LevelTable({
  spec,
  content,
  hint,
  error,
}: Told & { readonly spec: FieldSpec; readonly content: FormContent }) {
  const { path } = spec;
  const scores = content.entries.get(`${path}.score`) ?? [];
  const levels = content.entries.get(`${path}.level`) ?? [];
  const written = Math.max(scores.length, levels.length);
  const blank = scores.filter((score, index) => score === '' && (levels[index] ?? '') === '').length;
  const rows = Array.from({ length: written + Math.max(0, spareRows - blank) }, (_, index) => index);
  const cell = (name: string, label: string, values: readonly string[], row: number) => (
    <Field name={`${path}.${name}`} id={`${path}.${name}-${row}`} label={label}>
      {() => (
        <input
          id={`${path}.${name}-${row}`}
          name={`${path}.${name}`}
          value={values[row] ?? ''}
          inputMode="decimal"
          aria-describedby={error === undefined ? undefined : `${path}-error`}
        />
      )}
    </Field>
  );
  return (
    <fieldset class={error === undefined ? 'field' : 'field wrong'} id={path}>
      <legend>{spec.label}</legend>
      <p class="hint">{hint} Rows that are left empty do not count.</p>
      {rows.map((row) => (
        <div class="toolbar" key={row}>
          {cell('score', `Score, point ${row + 1}`, scores, row)}
          {cell('level', `Level, point ${row + 1}`, levels, row)}
        </div>
      ))}
      <ErrorLine path={path} error={error} />
    </fieldset>
  );
}

/** What Enter in a field does: it would press the first button of the form, and that may be one that removes something. */
export function DefaultButton() {
  return (
    <button class="hidden" type="submit" tabIndex={-1} aria-hidden="true">
      Save
    </button>
  );
}

/** For what a form carries along. */
export function Hidden({ values }: { readonly values: readonly (readonly [string, string])[] }) {
  return (
    <Fragment>
      {values.map(([name, value]) => (
        <input key={name} type="hidden" name={name} value={value} />
      ))}
    </Fragment>
  );
}
