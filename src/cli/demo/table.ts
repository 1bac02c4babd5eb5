/** A table whose cells may have several lines and are wrapped at the width of their column. */

export interface Column {
  readonly title: string;
  /** characters */
  readonly width: number;
}

const gap = '  ';

export function wrappedTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const head = row(
    columns,
    columns.map(({ title }) => title),
  );
  const rule = columns.map(({ width }) => '-'.repeat(width)).join(gap);
  return [head, rule, ...rows.flatMap((cells) => [row(columns, cells), ''])].join('\n').trimEnd();
}

function row(columns: readonly Column[], cells: readonly string[]): string {
  const wrapped = columns.map(({ width }, index) => wrap(cells[index] ?? '', width));
  const height = Math.max(...wrapped.map((lines) => lines.length));
  const lines = Array.from({ length: height }, (_, line) =>
    columns
      .map(({ width }, index) => (wrapped[index]?.[line] ?? '').padEnd(width))
      .join(gap)
      .trimEnd(),
  );
  return lines.join('\n');
}

/** Breaks at blanks, and inside a word only when it is longer than the column. */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    let line = '';
    for (const word of paragraph.split(' ')) {
      let rest = word;
      if (line !== '' && line.length + 1 + rest.length <= width) {
        line = `${line} ${rest}`;
        continue;
      }
      if (line !== '') lines.push(line);
      for (; rest.length > width; rest = rest.slice(width)) lines.push(rest.slice(0, width));
      line = rest;
    }
    return [...lines, line];
  });
}
