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
}

/** Label, hint and error around one control; `described` is for its aria-describedby. */
export function Field({
  name,
  label,
  hint,
  error,
  children,
}: FieldProps & { readonly children: (described: string | undefined) => ComponentChildren }) {
  const parts = [hint === undefined ? '' : `${name}-hint`, error === undefined ? '' : `${name}-error`];
  const described = parts.filter((part) => part !== '').join(' ');
  return (
    <div class={error === undefined ? 'field' : 'field wrong'}>
      <label for={name}>{label}</label>
      {hint === undefined ? undefined : (
        <p class="hint" id={`${name}-hint`}>
          {hint}
        </p>
      )}
      {children(described === '' ? undefined : described)}
      {error === undefined ? undefined : (
        <p class="error" id={`${name}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}

export function TextField({
  value,
  type = 'text',
  required,
  ...field
}: FieldProps & { readonly value: string; readonly type?: InputType; readonly required?: boolean }) {
  return (
    <Field {...field}>
      {(described) =>
        h('input', {
          id: field.name,
          name: field.name,
          type,
          value,
          required,
          'aria-describedby': described,
          'aria-invalid': field.error === undefined ? undefined : true,
        } as Record<string, unknown>)
      }
    </Field>
  );
}

export function TextArea({
  value,
  rows = 6,
  ...field
}: FieldProps & { readonly value: string; readonly rows?: number }) {
  return (
    <Field {...field}>
      {(described) => (
        <textarea
          id={field.name}
          name={field.name}
          rows={rows}
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
        <select id={field.name} name={field.name} aria-describedby={described}>
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
}: {
  readonly name: string;
  readonly legend: string;
  readonly value: string;
  readonly options: readonly { readonly value: string; readonly label: string; readonly hint?: string }[];
}) {
  return (
    <fieldset class="field">
      <legend>{legend}</legend>
      {options.map((option) => (
        <label key={option.value} class="choice">
          <input type="radio" name={name} value={option.value} checked={option.value === value} />
          <span>
            {option.label}
            {option.hint === undefined ? undefined : <span class="hint">{option.hint}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

export function Checkbox({
  name,
  value = 'on',
  label,
  checked,
}: {
  readonly name: string;
  readonly value?: string;
  readonly label: string;
  readonly checked: boolean;
}) {
  return (
    <label class="choice">
      <input type="checkbox" name={name} value={value} checked={checked} />
      <span>{label}</span>
    </label>
  );
}

/** @param kind `danger` for what cannot be taken back */
export function Button({
  children,
  kind = 'plain',
  name,
  value,
}: {
  readonly children: ComponentChildren;
  readonly kind?: 'plain' | 'quiet' | 'danger';
  readonly name?: string;
  readonly value?: string;
}) {
  return (
    <button class={kind} type="submit" name={name} value={value}>
      {children}
    </button>
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
