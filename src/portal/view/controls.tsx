/** Pieces of forms and pages with their labels, hints and errors tied together for people who cannot see them. */
import { type ComponentChildren, h } from 'preact';
import { timeText } from '../../notice/clean.js';
import type { Operator } from '../operator.js';

export const csrfFieldName = 'csrf';

export function CsrfField({ operator }: { readonly operator: Operator }) {
  return <input type="hidden" name={csrfFieldName} value={operator.csrf} />;
}

/** A form that changes something. */
export function PostForm({
  action,
  operator,
  label,
  children,
}: {
  readonly action: string;
  readonly operator: Operator;
  /** read out when there are several on a page */
  readonly label?: string;
  readonly children: ComponentChildren;
}) {
  return (
    <form method="post" action={action} autocomplete="off" aria-label={label}>
      <CsrfField operator={operator} />
      {children}
    </form>
  );
}

export type InputType = 'text' | 'email' | 'url' | 'number' | 'password' | 'search' | 'date';

export interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly hint?: string | undefined;
  /** what is wrong with what was entered */
  readonly error?: string | undefined;
  /** of the control, when two forms of a page have a field of this name */
  readonly id?: string | undefined;
}

/** Label, hint and error around one control; `described` is for its aria-describedby. */
export function Field({
  name,
  id = name,
  label,
  hint,
  error,
  children,
}: FieldProps & { readonly children: (described: string | undefined) => ComponentChildren }) {
  const parts = [hint === undefined ? '' : `${id}-hint`, error === undefined ? '' : `${id}-error`];
  const described = parts.filter((part) => part !== '').join(' ');
  return (
    <div class={error === undefined ? 'field' : 'field wrong'}>
      <label for={id}>{label}</label>
      {hint === undefined ? undefined : (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {children(described === '' ? undefined : described)}
      {error === undefined ? undefined : (
        <p class="error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}

export interface TextFieldProps extends FieldProps {
  readonly value: string;
  readonly type?: InputType;
  readonly required?: boolean | undefined;
  readonly readOnly?: boolean | undefined;
  readonly maxLength?: number | undefined;
  readonly min?: number | string | undefined;
  readonly max?: number | string | undefined;
  readonly step?: number | 'any' | undefined;
  /** what a browser may fill in, as `username` or `current-password` */
  readonly autocomplete?: string | undefined;
}

export function TextField({ value, type = 'text', name, id = name, label, hint, error, ...rest }: TextFieldProps) {
  return (
    <Field name={name} id={id} label={label} hint={hint} error={error}>
      {(described) =>
        h('input', {
          ...rest,
          id,
          name,
          type,
          value,
          'aria-describedby': described,
          'aria-invalid': error === undefined ? undefined : true,
        } as Record<string, unknown>)
      }
    </Field>
  );
}

/** @param code in letters of one width */
export function TextArea({
  value,
  rows = 6,
  code = false,
  readOnly,
  ...field
}: FieldProps & {
  readonly value: string;
  readonly rows?: number;
  readonly code?: boolean;
  readonly readOnly?: boolean | undefined;
}) {
  return (
    <Field {...field}>
      {(described) => (
        <textarea
          id={field.id ?? field.name}
          name={field.name}
          rows={rows}
          readOnly={readOnly}
          class={code ? 'code' : undefined}
          aria-describedby={described}
          aria-invalid={field.error === undefined ? undefined : true}
        >
          {value}
        </textarea>
      )}
    </Field>
  );
}

/** @param options value and label of each */
export function SelectField({
  value,
  options,
  ...field
}: FieldProps & { readonly value: string; readonly options: readonly (readonly [string, string])[] }) {
  return (
    <Field {...field}>
      {(described) => (
        <select id={field.id ?? field.name} name={field.name} aria-describedby={described}>
          {options.map(([option, label]) => (
            <option key={option} value={option} selected={option === value}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** One of a few, all visible. */
export function RadioGroup({
  name,
  legend,
  value,
  options,
  hint,
  error,
}: {
  readonly name: string;
  readonly legend: string;
  readonly value: string;
  readonly options: readonly { readonly value: string; readonly label: string; readonly hint?: string }[];
  readonly hint?: string | undefined;
  readonly error?: string | undefined;
}) {
  const described = error === undefined ? undefined : `${name}-error`;
  return (
    <fieldset class={error === undefined ? 'field' : 'field wrong'} aria-describedby={described}>
      <legend>{legend}</legend>
      {hint === undefined ? undefined : <p class="hint">{hint}</p>}
      {options.map((option) => (
        <label key={option.value} class="choice">
          <input type="radio" name={name} value={option.value} checked={option.value === value} />
          <span>
            {option.label}
            {option.hint === undefined ? undefined : <span class="hint">{option.hint}</span>}
          </span>
        </label>
      ))}
      {error === undefined ? undefined : (
        <p class="error" id={described}>
          {error}
        </p>
      )}
    </fieldset>
  );
}

/** Fields that belong together. */
export function Group({ legend, children }: { readonly legend: string; readonly children: ComponentChildren }) {
  return (
    <fieldset class="group">
      <legend>{legend}</legend>
      {children}
    </fieldset>
  );
}

/** @param labelHidden for those who do not see only, where the row says what is ticked */
export function Checkbox({
  name,
  value = 'on',
  label,
  checked,
  hint,
  labelHidden = false,
}: {
  readonly name: string;
  readonly value?: string;
  readonly label: string;
  readonly checked: boolean;
  readonly hint?: string | undefined;
  readonly labelHidden?: boolean;
}) {
  return (
    <label class="choice">
      <input type="checkbox" name={name} value={value} checked={checked} />
      <span class={labelHidden ? 'hidden' : undefined}>
        {label}
        {hint === undefined ? undefined : <span class="hint">{hint}</span>}
      </span>
    </label>
  );
}

/**
 * @param kind `danger` for what cannot be taken back
 * @param action sends the form there instead
 */
export function Button({
  children,
  kind = 'plain',
  small = false,
  name,
  value,
  action,
}: {
  readonly children: ComponentChildren;
  readonly kind?: 'plain' | 'quiet' | 'danger';
  readonly small?: boolean;
  readonly name?: string | undefined;
  readonly value?: string | undefined;
  readonly action?: string | undefined;
}) {
  return (
    <button class={small ? `${kind} small` : kind} type="submit" name={name} value={value} formAction={action}>
      {children}
    </button>
  );
}

/** What was wrong in a form, at its head. @param problems the field's id, empty for the form as a whole, and the words */
export function Problems({ problems }: { readonly problems: readonly (readonly [string, string])[] }) {
  if (problems.length === 0) return undefined;
  return (
    <div class="problems" role="alert">
      <h2>This has to be put right first</h2>
      <ul>
        {problems.map(([id, words]) => (
          <li key={`${id} ${words}`}>{id === '' ? words : <a href={`#${id}`}>{words}</a>}</li>
        ))}
      </ul>
    </div>
  );
}

/** A search or a filter: a form that changes nothing and whose answer has an address. */
export function FilterForm({
  action,
  label,
  children,
}: {
  readonly action: string;
  readonly label: string;
  readonly children: ComponentChildren;
}) {
  return (
    <form class="toolbar" method="get" action={action} aria-label={label}>
      {children}
    </form>
  );
}

export function Time({ at }: { readonly at: number }) {
  return <time dateTime={new Date(at).toISOString()}>{timeText(at)}</time>;
}

/** What stands where a list would be. */
export function EmptyState({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** Links to the pages of a list; nothing when there is only one. */
export function Pager({ newer, older }: { readonly newer: string | undefined; readonly older: string | undefined }) {
  if (newer === undefined && older === undefined) return undefined;
  return (
    <nav class="pager" aria-label="Pages">
      {newer === undefined ? <span /> : <a href={newer}>Newer</a>}
      {older === undefined ? <span /> : <a href={older}>Older</a>}
    </nav>
  );
}
