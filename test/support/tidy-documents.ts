/** Checks that the documents and the code say the same: RFCs, error codes, metrics. Pure functions over texts. */
import ts from 'typescript';
import { type Finding, type SourceFile, walk } from './tidy-source.js';

const citation = /\bRFCs? (\d{3,5}(?:(?:, (?:and )?| and |\/)\d{3,5}\b)*)/g;

/** Numbers of all RFCs that the sources cite, with the first place. `RFC 1870, 3461` cites two. */
export function citedRfcs(files: readonly SourceFile[]): Map<number, Finding> {
  const cited = new Map<number, Finding>();
  for (const file of files) {
    for (const [index, text] of file.text.split('\n').entries()) {
      for (const match of text.matchAll(citation)) {
        for (const digits of match[1]?.match(/\d+/g) ?? []) {
          const place = { path: file.path, line: index + 1, problem: `RFC ${digits} is not in the table of RFCs` };
          if (!cited.has(Number(digits))) cited.set(Number(digits), place);
        }
      }
    }
  }
  return cited;
}

export interface RfcRow {
  readonly line: number;
  readonly number: number;
  readonly status: string;
}

/** Rows `| 5321 | title | yes |` of a Markdown table; `RFC 5321` is fine as well, and words may follow the status. */
export function rfcTable(document: SourceFile): RfcRow[] {
  return document.text.split('\n').flatMap((text, index) => {
    const match = /^\|\s*(?:RFC )?(\d{3,5})\s*\|[^|]*\|\s*(\w+)/.exec(text);
    return match === null
      ? []
      : [{ line: index + 1, number: Number(match[1]), status: (match[2] ?? '').toLowerCase() }];
  });
}

/** Every cited RFC has a row, every row is `yes`, `partial` or `no`, and what is not `no` is cited. */
export function compareRfcs(files: readonly SourceFile[], document: SourceFile): Finding[] {
  const cited = citedRfcs(files);
  const rows = rfcTable(document);
  const at = (line: number, problem: string) => ({ path: document.path, line, problem });
  const findings = [...cited]
    .filter(([number]) => !rows.some((row) => row.number === number))
    .map(([, place]) => place);
  for (const [index, row] of rows.entries()) {
    if (!['yes', 'partial', 'no'].includes(row.status)) findings.push(at(row.line, `status "${row.status}"`));
    else if (row.status !== 'no' && !cited.has(row.number)) {
      findings.push(at(row.line, `RFC ${row.number} is said to be kept but no source cites it`));
    }
    if (rows.findIndex((other) => other.number === row.number) !== index) findings.push(at(row.line, 'a second row'));
  }
  if (rows.length === 0) findings.push(at(1, 'there is no table of RFCs'));
  return findings;
}

/** String values of the object literal that `name` is initialised with. */
function literalValues(file: SourceFile, name: string): Map<string, number> {
  const values = new Map<string, number>();
  walk(file, (node, line) => {
    if (!ts.isPropertyAssignment(node) || !ts.isStringLiteral(node.initializer)) return;
    const literal = node.parent.parent;
    const owner = ts.isAsExpression(literal) || ts.isSatisfiesExpression(literal) ? literal.parent : literal;
    if (ts.isVariableDeclaration(owner) && owner.name.getText() === name) values.set(node.initializer.text, line);
  });
  return values;
}

/** Error codes that nothing raises: the list of failures would promise what cannot happen. */
export function unusedErrorCodes(files: readonly SourceFile[], listPath: string): Finding[] {
  const list = files.find((file) => file.path === listPath);
  if (list === undefined) return [{ path: listPath, line: 1, problem: 'there is no list of error codes' }];
  const others = files.filter((file) => file !== list).map((file) => file.text);
  const camel = (code: string) => code.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  return [...literalValues(list, 'errorCodes')]
    .filter(
      ([code]) => !others.some((text) => text.includes(`'${code}'`) || text.includes(`errorCodes.${camel(code)}`)),
    )
    .map(([code, line]) => ({ path: listPath, line, problem: `nothing raises ${code}` }));
}

const metricName = /\bsluice_[a-z0-9_]+\b/g;

/** Where a document lists metrics, the list and the code hold the same names. */
export function compareMetrics(files: readonly SourceFile[], documents: readonly SourceFile[]): Finding[] {
  const place = (texts: readonly SourceFile[], problem: (name: string) => string) => {
    const found = new Map<string, Finding>();
    for (const file of texts) {
      for (const [index, line] of file.text.split('\n').entries()) {
        for (const [name] of line.matchAll(metricName)) {
          if (!found.has(name)) found.set(name, { path: file.path, line: index + 1, problem: problem(name) });
        }
      }
    }
    return found;
  };
  const coded = place(files, (name) => `${name} is in no document`);
  const documented = place(documents, (name) => `${name} is documented but not in the code`);
  if (documented.size === 0) return [];
  // A histogram's documented series have suffixes that the code does not write.
  const base = (name: string) => name.replace(/_(?:bucket|sum|count)$/, '');
  const undocumented = [...coded].filter(([name]) => !documented.has(name)).map(([, finding]) => finding);
  const unknown = [...documented].filter(([name]) => !coded.has(name) && !coded.has(base(name))).map(([, f]) => f);
  return [...undocumented, ...unknown];
}
