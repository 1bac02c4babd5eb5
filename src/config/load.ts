/**
 * Reads a configuration file: YAML, schema, defaults, checks. All problems are found at once, each with its place. The
 * environment is never consulted.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { checkSettings } from './checks.js';
import { checkFiles } from './file-checks.js';
import { type ConfigProblem, type Finding, hasErrors, type KeyPath, nearest, pathText, valueText } from './problem.js';
import { resolveConfig } from './resolve.js';
import { salvage } from './salvage.js';
import { type Config, type Settings, settingsSchema } from './schema.js';
import { schemaAt, shapeOf, typeText } from './schema-walk.js';

export interface LoadedConfig {
  /** undefined when a problem is an error */
  readonly config: Config | undefined;
  /** as written, with defaults; undefined when a value has the wrong form */
  readonly settings?: Settings;
  /** errors and warnings, by line */
  readonly problems: readonly ConfigProblem[];
}

/** Reads and checks the file and the files that it names. Never rejects for anything that the file says. */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  const absolute = resolve(file);
  try {
    const text = await readFile(absolute, 'utf8');
    return parseConfig(text, absolute);
  } catch (error) {
    return {
      config: undefined,
      problems: [{ severity: 'error', path: '', value: '', expected: `a readable file: ${messageOf(error)}` }],
    };
  }
}

/** @param file absolute; relative names in the text belong to its folder */
export function parseConfig(text: string, file: string): LoadedConfig {
  if (text.length > limits.config.fileBytes) {
    return {
      config: undefined,
      problems: [{ severity: 'error', path: '', value: '', expected: `at most ${limits.config.fileBytes} bytes` }],
    };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, stringKeys: true });
  const syntax = [...document.errors, ...document.warnings].map((issue): ConfigProblem => {
    const { line, col } = lines.linePos(issue.pos[0]);
    return {
      severity: 'error',
      path: '',
      value: '',
      expected: `well-formed YAML: ${issue.message}`,
      line,
      column: col,
    };
  });
  if (syntax.length > 0) return { config: undefined, problems: syntax };

  const place = (finding: Finding): ConfigProblem => located(finding, document, lines);
  let written: unknown;
  try {
    written = document.toJS({ maxAliasCount: limits.config.aliasesMax }) ?? {};
  } catch (error) {
    return { config: undefined, problems: [place({ severity: 'error', path: [], expected: messageOf(error) })] };
  }
  const parsed = settingsSchema.safeParse(written);
  if (!parsed.success) {
    const findings = parsed.error.issues.flatMap((issue) => issueFindings(issue, written));
    const rest = salvage(written, parsed.error.issues);
    if (rest !== undefined) findings.push(...settledFindings(rest.settings, file).filter(rest.concerns));
    return { config: undefined, problems: byLine(findings.map(place)) };
  }
  const config = resolveConfig(parsed.data, file);
  const problems = byLine(settledFindings(parsed.data, file).map(place));
  return { config: hasErrors(problems) ? undefined : config, settings: parsed.data, problems };
}

function settledFindings(settings: Settings, file: string): Finding[] {
  const config = resolveConfig(settings, file);
  return [...checkSettings(settings, config), ...checkFiles(settings, config)];
}

function issueFindings(issue: z.core.$ZodIssue, written: unknown): Finding[] {
  const path = issue.path.filter((step) => typeof step !== 'symbol');
  if (issue.code === 'unrecognized_keys') {
    const known = [...(keysAt(path)?.keys() ?? [])];
    return issue.keys.map((key) => ({
      severity: 'error',
      path: [...path, key],
      expected: unknownKeyText(key, known),
    }));
  }
  const value = valueAt(written, path);
  const schema = schemaAt(settingsSchema, path);
  const form = schema === undefined ? '' : typeText(schema);
  // A check of our own says what is wrong in this very value; zod's words say less than the form does.
  const expected = issue.code === 'custom' && issue.message !== 'Invalid input' ? `${form}: ${issue.message}` : form;
  return [
    { severity: 'error', path, value, expected: value === undefined ? `${expected}; the key is missing` : expected },
  ];
}

function unknownKeyText(key: string, known: readonly string[]): string {
  const guess = nearest(key, known);
  if (guess !== undefined) return `a known key; did you mean ${guess}?`;
  return `a known key; here these are: ${known.join(', ')}`;
}

function keysAt(path: KeyPath): ReadonlyMap<string, unknown> | undefined {
  const schema = schemaAt(settingsSchema, path);
  return schema === undefined ? undefined : shapeOf(schema);
}

function valueAt(root: unknown, path: KeyPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

/** Gives a finding its line: of the key, or of the nearest mapping around it that exists. */
function located(finding: Finding, document: Document, lines: LineCounter): ConfigProblem {
  const problem = {
    severity: finding.severity,
    path: pathText(finding.path),
    value: valueText(finding.value),
    expected: finding.expected,
  };
  const offset = offsetOf(document, finding.path);
  if (offset === undefined) return problem;
  const { line, col } = lines.linePos(offset);
  return { ...problem, line, column: col };
}

function offsetOf(document: Document, path: KeyPath): number | undefined {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const step = path[depth - 1];
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === step);
      if (pair !== undefined && isNode(pair.key) && pair.key.range) return pair.key.range[0];
    }
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return undefined;
}

function byLine(problems: ConfigProblem[]): ConfigProblem[] {
  return problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}
