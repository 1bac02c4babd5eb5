/** Pieces that show something: badges, tables, facts, tabs. What they show is never told by colour alone. */
import type { ComponentChildren } from 'preact';
import type { IncidentStatus } from '../../incident/incident.js';
import { levelText } from '../../notice/clean.js';
import type { Action } from '../../policy/verdict.js';
import { type ItemState, listedStates } from '../../quarantine/item.js';

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'neutral';

export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

/** @param level -1 not rated, 0..10 */
export function LevelBadge({ level }: { readonly level: number }) {
  return <Badge tone={levelTone(level)}>{levelText(level)}</Badge>;
}

export function levelTone(level: number): Tone {
  if (level < 0) return 'neutral';
  if (level >= 7) return 'bad';
  if (level >= 4) return 'warn';
  return level >= 1 ? 'info' : 'good';
}

export const stateWords = {
  held: ['Held', 'info'],
  'release-requested': ['Release requested', 'warn'],
  'request-denied': ['Request denied', 'neutral'],
  released: ['Released', 'good'],
  deleted: ['Deleted', 'neutral'],
  expired: ['Expired', 'neutral'],
} as const satisfies Readonly<Record<ItemState, readonly [string, Tone]>>;

export function StateBadge({ state }: { readonly state: ItemState }) {
  const [words, tone] = stateWords[state];
  return <Badge tone={tone}>{words}</Badge>;
}

/** What lists can be narrowed to. */
export const listedStateOptions = listedStates.map(
  (state) => [state, state === 'partly-released' ? 'Released to some' : stateWords[state][0]] as const,
);

export const actionWords = {
  permit: ['Permitted', 'good'],
  warn: ['Marked', 'warn'],
  block: ['Blocked', 'bad'],
  defer: ['Deferred', 'neutral'],
} as const satisfies Readonly<Record<Action, readonly [string, Tone]>>;

export function ActionBadge({ action }: { readonly action: Action }) {
  const [words, tone] = actionWords[action];
  return <Badge tone={tone}>{words}</Badge>;
}

export const statusWords = {
  new: ['New', 'bad'],
  acknowledged: ['Acknowledged', 'warn'],
  in_progress: ['In progress', 'info'],
  complete: ['Complete', 'good'],
} as const satisfies Readonly<Record<IncidentStatus, readonly [string, Tone]>>;

export function StatusBadge({ status }: { readonly status: IncidentStatus }) {
  const [words, tone] = statusWords[status];
  return <Badge tone={tone}>{words}</Badge>;
}

/** A remark beside the text. @param live read out when it appears */
export function Note({
  tone = 'info',
  live = false,
  children,
}: {
  readonly tone?: Exclude<Tone, 'neutral'>;
  readonly live?: boolean;
  readonly children: ComponentChildren;
}) {
  return (
    <div class={`note ${tone}`} role={live ? 'status' : undefined}>
      {children}
    </div>
  );
}

export interface Column<Row> {
  readonly label: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** `heading` names the row; `number` and `when` stand under each other; `tight` is as narrow as what it holds */
  readonly kind?: 'heading' | 'number' | 'when' | 'tight' | undefined;
}

/**
 * A table; on a narrow screen a card for each row, its cells labelled by their columns.
 * @param caption says what the rows are; with `captionHidden` only to those who do not see
 * @param empty what stands there when there are no rows
 */
export function DataTable<Row>({
  caption,
  captionHidden = false,
  columns,
  rows,
  keyOf,
  empty,
}: {
  readonly caption: string;
  readonly captionHidden?: boolean;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string | number;
  readonly empty: string;
}) {
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <section class="scroll" aria-label={caption} tabIndex={0}>
      <table>
        <caption class={captionHidden ? 'hidden' : undefined}>{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ label, kind }) => (
              <th key={label} scope="col" class={kind === 'heading' ? undefined : kind}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column) => (
                <Cell key={column.label} column={column} row={row} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Cell<Row>({ column, row }: { readonly column: Column<Row>; readonly row: Row }) {
  const { label, cell, kind } = column;
  if (kind === 'heading') return <th scope="row">{cell(row)}</th>;
  return (
    <td class={kind} data-label={label}>
      <div class="cell">{cell(row)}</div>
    </td>
  );
}

/** Labels and values; what a stranger wrote goes into a value as a string, and cannot turn its neighbours around. */
export function FactList({ facts }: { readonly facts: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{typeof value === 'string' ? <bdi>{value}</bdi> : value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** What opens when it is asked for; it works without a script. */
export function Details({
  summary,
  open,
  children,
}: {
  readonly summary: string;
  readonly open?: boolean;
  readonly children: ComponentChildren;
}) {
  return (
    <details open={open}>
      <summary>{summary}</summary>
      {children}
    </details>
  );
}

/** Links to the parts of one subject. @param tabs name, label and address */
export function Tabs({
  label,
  current,
  tabs,
}: {
  readonly label: string;
  readonly current: string;
  readonly tabs: readonly (readonly [string, string, string])[];
}) {
  return (
    <nav class="tabs" aria-label={label}>
      <ul>
        {tabs.map(([name, words, path]) => (
          <li key={name}>
            <a href={path} aria-current={name === current ? 'page' : undefined}>
              {words}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** A box with a heading. */
export function Panel({ heading, children }: { readonly heading?: string; readonly children: ComponentChildren }) {
  return (
    <section class="panel">
      {heading === undefined ? undefined : <h2>{heading}</h2>}
      {children}
    </section>
  );
}

/** One number of an overview. */
export function Tile({
  label,
  value,
  aside,
}: {
  readonly label: string;
  readonly value: ComponentChildren;
  readonly aside?: ComponentChildren;
}) {
  return (
    <li class="tile">
      <span class="label">{label}</span>
      <span class="value">{value}</span>
      {aside === undefined ? undefined : <span class="aside">{aside}</span>}
    </li>
  );
}

export function Tiles({ children }: { readonly children: ComponentChildren }) {
  return <ul class="tiles">{children}</ul>;
}

/** Boxes side by side where there is room. */
export function Columns({ children }: { readonly children: ComponentChildren }) {
  return <div class="columns">{children}</div>;
}

/** Buttons in a row; on a phone below each other. */
export function Actions({ children }: { readonly children: ComponentChildren }) {
  return <div class="actions">{children}</div>;
}

/** A link that looks like a button: it goes somewhere and changes nothing. */
export function LinkButton({
  href,
  kind = 'plain',
  children,
}: {
  readonly href: string;
  readonly kind?: 'plain' | 'quiet' | 'danger';
  readonly children: ComponentChildren;
}) {
  return (
    <a class={`button ${kind}`} href={href}>
      {children}
    </a>
  );
}
