/**
 * The order of the folders in src: who may import whom. The order is a table here and a picture in ARCHITECTURE.md;
 * a new folder needs a row in both.
 */
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { type Check, type Finding, type SourceFile, walk } from './tidy-source.js';

/** What each unit of src may import besides itself. A unit is a folder, or a file at the top. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  config: ['runtime'],
  mime: ['config', 'runtime'],
  syslog: ['config', 'runtime'],
  smtp: ['mime', 'config', 'runtime'],
  imap: ['mime', 'config', 'runtime'],
  inspect: ['mime', 'config', 'runtime'],
  scoring: ['inspect', 'mime', 'config', 'runtime'],
  policy: ['scoring', 'inspect', 'mime', 'config', 'runtime'],
  notice: ['policy', 'scoring', 'inspect', 'mime', 'config', 'runtime'],
  incident: ['notice', 'policy', 'scoring', 'inspect', 'mime', 'config', 'runtime'],
  quarantine: ['incident', 'notice', 'policy', 'scoring', 'inspect', 'mime', 'config', 'runtime'],
  pipeline: ['syslog', 'quarantine', 'incident', 'notice', 'policy', 'scoring', 'inspect', 'mime', 'config', 'runtime'],
  portal: [
    'pipeline',
    'syslog',
    'quarantine',
    'incident',
    'notice',
    'policy',
    'scoring',
    'inspect',
    'mime',
    'config',
    'runtime',
  ],
};
/**
 * Inside imap, what each folder may import besides itself and, as types and values, the contracts at the top of imap.
 * What is not named here may import all of imap.
 */
const withinImap: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  message: ['wire'],
  fetch: ['message', 'wire'],
  release: ['wire'],
  census: ['wire'],
};
const imapContracts = ['src/imap/handler.ts', 'src/imap/exchange.ts', 'src/imap/before-select.ts'];

/** The top row: these put the others together. */
const mayImportAll = ['cli', 'daemon', 'main'];

/** The pipeline meets the protocols only through what they ask of it: their handler contract and its values. */
const contracts = ['src/smtp/handler.ts', 'src/smtp/reply.ts', 'src/imap/handler.ts'];

/** In the protocol folders only these touch sockets; the rest turns bytes into values and back. */
const socketFiles = /^src\/(?:smtp|imap)\/(?:server|upstream|connection|socket)[a-z-]*\.ts$/;
/** what node:net has besides sockets */
const pureNames = ['isIP', 'isIPv4', 'isIPv6', 'BlockList'];
const socketModules = /^node:(?:net|tls|dgram|http|https)$/;

export interface Import {
  readonly from: SourceFile;
  readonly line: number;
  readonly specifier: string;
  /** brings in types or pure functions only */
  readonly harmless: boolean;
}

function specifierOf(node: ts.Node): { readonly text: string; readonly harmless: boolean } | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return { text: node.moduleSpecifier.text, harmless: isHarmless(node.importClause) };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
    return { text: node.moduleSpecifier.text, harmless: node.isTypeOnly };
  }
  const target = ts.isCallExpression(node) || ts.isNewExpression(node) ? node.arguments?.[0] : undefined;
  if (target === undefined || !ts.isStringLiteral(target)) return undefined;
  const dynamic = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
  // A worker's file is named by new URL('./x-worker.js', import.meta.url).
  const worker = ts.isNewExpression(node) && node.expression.getText() === 'URL' && target.text.endsWith('.js');
  return dynamic || worker ? { text: target.text, harmless: false } : undefined;
}

function isHarmless(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const named = clause.namedBindings;
  if (clause.name !== undefined || named === undefined || !ts.isNamedImports(named)) return false;
  return named.elements.every((element) => element.isTypeOnly || pureNames.includes(element.name.text));
}

export function importsOf(files: readonly SourceFile[]): Import[] {
  const found: Import[] = [];
  for (const from of files) {
    walk(from, (node, line) => {
      const specifier = specifierOf(node);
      if (specifier !== undefined) {
        found.push({ from, line, specifier: specifier.text, harmless: specifier.harmless });
      }
    });
  }
  return found;
}

function unitOf(path: string): string {
  return (path.split('/')[1] ?? '').replace(/\.tsx?$/, '');
}

function judgeImport(one: Import): string | undefined {
  const unit = unitOf(one.from.path);
  if (socketModules.test(one.specifier)) {
    const bound = (unit === 'smtp' || unit === 'imap' || unit === 'mime') && !one.harmless;
    return bound && !socketFiles.test(one.from.path)
      ? `only files named for a socket touch ${one.specifier}`
      : undefined;
  }
  if (!one.specifier.startsWith('.')) return undefined;
  const target = join(dirname(one.from.path), one.specifier).replace(/\.js$/, '.ts');
  if (!target.startsWith('src/')) return `src may not import ${target}`;
  const targetUnit = unitOf(target);
  if (unit === 'imap' && targetUnit === 'imap') return judgeWithinImap(one.from.path, target);
  if (mayImportAll.includes(unit) || unit === targetUnit) return undefined;
  const allowed = mayImport[unit];
  if (allowed === undefined) return `src/${unit} has no row in the import order`;
  if (allowed.includes(targetUnit)) return undefined;
  if (unit === 'pipeline' && contracts.includes(target)) return undefined;
  return `${unit} may not import ${targetUnit}`;
}

function judgeWithinImap(from: string, target: string): string | undefined {
  const folderOf = (path: string) => /^src\/imap\/([^/]+)\//.exec(path)?.[1] ?? '';
  const [folder, targetFolder] = [folderOf(from), folderOf(target)];
  const allowed = withinImap[folder];
  if (allowed === undefined || folder === targetFolder || allowed.includes(targetFolder)) return undefined;
  if (folder !== 'wire' && imapContracts.includes(target)) return undefined;
  return `imap/${folder} may not import ${target}`;
}

/** Imports that go up or sideways against the table above. */
export const importOrder: Check = (files) => {
  const findings: Finding[] = [];
  for (const one of importsOf(files.filter((file) => file.path.startsWith('src/')))) {
    const problem = judgeImport(one);
    if (problem !== undefined) findings.push({ path: one.from.path, line: one.line, problem });
  }
  return findings;
};
