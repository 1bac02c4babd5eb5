/**
 * Charts as SVG, drawn here and readable without a script: a title and a description for those who do not see them, and
 * the same numbers in a table. Two drawings of each, since letters in a drawing shrink with it.
 */
import { scaleBand, scaleLinear } from 'd3-scale';
import { line, stack } from 'd3-shape';
import type { ComponentChildren } from 'preact';
import { Details, Panel } from '../view/display.js';

export interface Series<Key extends string> {
  readonly key: Key;
  readonly label: string;
  /** colour by name in the style: `permit`, `1`, … */
  readonly colour: string;
}

export interface Step<Key extends string> {
  /** ms since 1970 */
  readonly at: number;
  readonly values: Readonly<Record<Key, number>>;
}

export interface ChartProps<Key extends string> {
  /** names the chart among all of a page */
  readonly id: string;
  readonly heading: string;
  /** what is to be seen, in a sentence */
  readonly description: string;
  readonly kind: 'bars' | 'lines';
  readonly series: readonly Series<Key>[];
  readonly steps: readonly Step<Key>[];
  readonly stepMs: number;
  /** shown in place of a chart without a single number */
  readonly empty: string;
}

interface Size {
  readonly width: number;
  readonly height: number;
  /** labels on the time axis */
  readonly labels: number;
}

const sizes = {
  wide: { width: 600, height: 240, labels: 7 },
  narrow: { width: 320, height: 220, labels: 4 },
} as const satisfies Readonly<Record<string, Size>>;
const margin = { top: 10, right: 8, bottom: 26, left: 40 };
const dayMs = 86_400_000;

export function Chart<Key extends string>(props: ChartProps<Key>) {
  const { heading, series, steps, stepMs, empty } = props;
  const sum = steps.reduce((total, step) => total + series.reduce((part, { key }) => part + step.values[key], 0), 0);
  if (sum === 0) {
    return (
      <Panel heading={heading}>
        <p class="empty">{empty}</p>
      </Panel>
    );
  }
  return (
    <Panel heading={heading}>
      <Legend series={series} />
      {(['wide', 'narrow'] as const).map((name) => (
        <Drawing key={name} {...props} name={name} />
      ))}
      <Details summary="The same as a table">
        <NumberTable heading={heading} series={series} steps={steps} stepMs={stepMs} />
      </Details>
    </Panel>
  );
}

export function Legend({ series }: { readonly series: readonly Omit<Series<string>, 'key'>[] }) {
  return (
    <ul class="legend">
      {series.map(({ label, colour }) => (
        <li key={label}>
          <span class={`key key-${colour}`} />
          {label}
        </li>
      ))}
    </ul>
  );
}

function Drawing<Key extends string>({
  id,
  heading,
  description,
  kind,
  series,
  steps,
  stepMs,
  name,
}: ChartProps<Key> & { readonly name: keyof typeof sizes }) {
  const { width, height, labels } = sizes[name];
  const x = scaleBand<number>(
    steps.map(({ at }) => at),
    [margin.left, width - margin.right],
  ).padding(kind === 'bars' ? 0.2 : 0);
  const values = steps.map((step) => series.map(({ key }) => step.values[key]));
  const most = Math.max(
    1,
    ...values.map((row) => (kind === 'bars' ? row.reduce((a, b) => a + b, 0) : Math.max(...row))),
  );
  const y = scaleLinear([0, most], [height - margin.bottom, margin.top]).nice(4);
  const titleId = `${id}-${name}-title`;
  const textId = `${id}-${name}-text`;
  return (
    <svg class={`chart ${name}`} viewBox={`0 0 ${width} ${height}`} role="img" aria-labelledby={`${titleId} ${textId}`}>
      <title id={titleId}>{heading}</title>
      <desc id={textId}>{description}</desc>
      {y
        .ticks(4)
        .filter(Number.isInteger)
        .map((tick) => (
          <g key={tick}>
            <line class="grid" x1={margin.left} x2={width - margin.right} y1={y(tick)} y2={y(tick)} />
            <text x={margin.left - 6} y={y(tick)} dy="0.32em" text-anchor="end">
              {shortNumber(tick)}
            </text>
          </g>
        ))}
      {kind === 'bars' ? <Bars {...{ series, steps, x, y }} /> : <Lines {...{ series, steps, x, y }} />}
      {labelled(steps, labels).map(({ at }) => (
        <text key={at} x={(x(at) ?? 0) + x.bandwidth() / 2} y={height - 8} text-anchor="middle">
          {axisText(at, stepMs, steps)}
        </text>
      ))}
    </svg>
  );
}

interface MarksProps<Key extends string> {
  readonly series: readonly Series<Key>[];
  readonly steps: readonly Step<Key>[];
  readonly x: ReturnType<typeof scaleBand<number>>;
  readonly y: ReturnType<typeof scaleLinear<number>>;
}

function Bars<Key extends string>({ series, steps, x, y }: MarksProps<Key>) {
  const layers = stack<Step<Key>, Key>()
    .keys(series.map(({ key }) => key))
    .value((step, key) => step.values[key])([...steps]);
  const colours = new Map(series.map(({ key, colour }) => [key, colour]));
  return (
    <>
      {layers.map((layer) => (
        <g key={layer.key} class={`fill-${colours.get(layer.key)}`}>
          {layer.map(([low, high], index) => {
            const at = steps[index]?.at ?? 0;
            if (high <= low) return undefined;
            return <rect key={at} x={x(at)} width={x.bandwidth()} y={y(high)} height={y(low) - y(high)} />;
          })}
        </g>
      ))}
    </>
  );
}

function Lines<Key extends string>({ series, steps, x, y }: MarksProps<Key>) {
  return (
    <>
      {series.map(({ key, colour }) => {
        const path = line<Step<Key>>()
          .x(({ at }) => (x(at) ?? 0) + x.bandwidth() / 2)
          .y(({ values }) => y(values[key]));
        return <path key={key} class={`line line-${colour}`} d={path([...steps]) ?? ''} />;
      })}
    </>
  );
}

function NumberTable<Key extends string>({
  heading,
  series,
  steps,
  stepMs,
}: Pick<ChartProps<Key>, 'heading' | 'series' | 'steps' | 'stepMs'>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <section class="scroll numbers" aria-label={heading} tabIndex={0}>
      <table>
        <caption class="hidden">{heading}</caption>
        <thead>
          <tr>
            <th scope="col">From (UTC)</th>
            {series.map(({ key, label }) => (
              <th key={key} scope="col" class="number">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {steps.map((step) => (
            <tr key={step.at}>
              <th scope="row">{stepText(step.at, stepMs)}</th>
              {series.map(({ key, label }) => (
                <td key={key} class="number" data-label={label}>
                  <div class="cell">{step.values[key].toLocaleString('en')}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Parts of a whole as one bar, and in numbers. */
export function Shares({
  id,
  heading,
  parts,
  empty,
}: {
  readonly id: string;
  readonly heading: string;
  readonly parts: readonly { readonly label: string; readonly colour: string; readonly count: number }[];
  readonly empty: string;
}) {
  const whole = parts.reduce((sum, { count }) => sum + count, 0);
  let start = 0;
  const placed = parts.map((part) => {
    const width = whole === 0 ? 0 : (part.count / whole) * 100;
    start += width;
    return { ...part, x: start - width, width };
  });
  const description = placed.map(({ label, count }) => `${label} ${shareText(count, whole)}`).join(', ');
  return (
    <Panel heading={heading}>
      {whole === 0 ? (
        <p class="empty">{empty}</p>
      ) : (
        <>
          <svg
            class="chart shares"
            viewBox="0 0 100 8"
            preserveAspectRatio="none"
            role="img"
            aria-labelledby={`${id}-title ${id}-text`}
          >
            <title id={`${id}-title`}>{heading}</title>
            <desc id={`${id}-text`}>{description}</desc>
            {placed.map(({ label, colour, x, width }) => (
              <rect key={label} class={`fill-${colour}`} x={x} width={width} y={0} height={8} />
            ))}
          </svg>
          <ul class="list">
            {placed.map(({ label, colour, count }) => (
              <ShareLine key={label} colour={colour} label={label}>
                {count.toLocaleString('en')} ({shareText(count, whole)})
              </ShareLine>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

function ShareLine({
  colour,
  label,
  children,
}: {
  readonly colour: string;
  readonly label: string;
  readonly children: ComponentChildren;
}) {
  return (
    <li class="share">
      <span>
        <span class={`key key-${colour}`} />
        {label}
      </span>
      <span class="number">{children}</span>
    </li>
  );
}

export function shareText(count: number, whole: number): string {
  if (whole === 0) return '0%';
  const percent = (count / whole) * 100;
  if (percent > 0 && percent < 0.1) return 'less than 0.1%';
  return `${percent.toFixed(percent < 10 && percent > 0 ? 1 : 0)}%`;
}

function shortNumber(value: number): string {
  if (value >= 1_000_000) return `${value / 1_000_000}M`;
  return value >= 1000 ? `${value / 1000}k` : String(value);
}

/** Some of the steps, evenly. */
function labelled<Item>(steps: readonly Item[], most: number): Item[] {
  const every = Math.ceil(steps.length / most);
  return steps.filter((_step, index) => index % every === 0);
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The hour within a day or two, the day otherwise. */
function axisText(at: number, stepMs: number, steps: readonly { readonly at: number }[]): string {
  const first = steps[0]?.at ?? at;
  const last = steps.at(-1)?.at ?? at;
  if (last - first + stepMs <= 2 * dayMs) return new Date(at).toISOString().slice(11, 16);
  const date = new Date(at);
  return `${date.getUTCDate()} ${months[date.getUTCMonth()] ?? ''}`;
}

function stepText(at: number, stepMs: number): string {
  const text = new Date(at).toISOString();
  return stepMs >= dayMs ? text.slice(0, 10) : text.slice(0, 16).replace('T', ' ');
}
