/** The house rules that a compiler and a linter do not know, each as a pure function over source files. */
import { basename } from 'node:path';
import ts from 'typescript';
import { type Check, lineCheck, nodeCheck, type SourceFile } from './tidy-source.js';

const fileLinesMax = 400;
const functionLinesMax = 70;

/** Test files are large on purpose, since the runner costs seconds a file; their functions are not. */
export const fileLength: Check = (files) =>
  files
    .filter((file) => !file.path.endsWith('.test.ts'))
    .map((file) => ({ file, lines: file.text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > fileLinesMax)
    .map(({ file, lines }) => ({ path: file.path, line: 1, problem: `${lines} lines, more than ${fileLinesMax}` }));

export const functionLength: Check = nodeCheck((node) => {
  if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return undefined;
  const tree = node.getSourceFile();
  const first = tree.getLineAndCharacterOfPosition(node.getStart(tree)).line;
  const lines = tree.getLineAndCharacterOfPosition(node.getEnd()).line - first + 1;
  return lines > functionLinesMax ? `a function of ${lines} lines, more than ${functionLinesMax}` : undefined;
});

const bannedNames = ['util', 'utils', 'common', 'helper', 'helpers', 'types', 'misc', 'index', 'shared', 'constants'];

export const fileNames: Check = (files) =>
  files.flatMap((file) => {
    const name = basename(file.path).replace(/(?:\.(?:test|sql))?\.\w+$/, '');
    const problem = bannedNames.includes(name)
      ? `a file called ${name} says nothing about what it holds`
      : /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name)
        ? undefined
        : 'file names are kebab-case';
    return problem === undefined ? [] : [{ path: file.path, line: 1, problem }];
  });

export const opensWithComment: Check = (files) =>
  files
    .filter((file) => !/^(?:#![^\n]*\n)?\/[/*]/.test(file.text))
    .map((file) => ({ path: file.path, line: 1, problem: 'the file does not begin with a comment on what it owns' }));

// A letter in brackets keeps each pattern from matching itself.
const unfinished = /\b(?:TO[D]O|FIX[M]E|XX[X])\b/;
const suppressed = /@ts-(?:ignore|expect-error|nocheck)|biome-[i]gnore(?! lint\/[\w/]+: \S)/;
const foreign = /(?:^|[\s'"`(=])\/(?:home|root|work|Users)\/\w|\b(?:issue|ticket) #?\d/;

export const unfinishedWork: Check = lineCheck((line) =>
  unfinished.test(line) ? 'unfinished work does not go into the source' : undefined,
);

export const suppressions: Check = lineCheck((line) =>
  suppressed.test(line) ? 'a suppressed diagnostic needs its reason, and the compiler is never silenced' : undefined,
);

/** Paths of someone's machine and numbers of someone's tracker mean nothing to a reader. */
export const foreignWords: Check = lineCheck((line) =>
  foreign.test(line) ? "a path or number from outside the repository's world" : undefined,
);

export const looseTypes: Check = nodeCheck((node) => {
  if (node.kind === ts.SyntaxKind.AnyKeyword) return 'any switches the type checker off: use unknown and look';
  if (ts.isNonNullExpression(node)) return 'a non-null assertion is a guess: test the value';
  return undefined;
});

/** A thread pool loads its worker files by their default export; nothing else has one. */
export const defaultExports: Check = nodeCheck((node, file) => {
  if (file.path.endsWith('-worker.ts')) return undefined;
  const exported = ts.isExportAssignment(node) || node.kind === ts.SyntaxKind.DefaultKeyword;
  return exported && !ts.isDefaultClause(node.parent) ? 'exports have names' : undefined;
});

/** Neither a statement nor a comment that says why none is needed. */
function isUnexplained(block: ts.Block): boolean {
  return block.statements.length === 0 && !/\/[/*]/.test(block.getText());
}

function isEmptyFunction(node: ts.Node | undefined): boolean {
  const callable = node !== undefined && (ts.isArrowFunction(node) || ts.isFunctionExpression(node));
  return callable && ts.isBlock(node.body) && isUnexplained(node.body);
}

export const emptyCatches: Check = nodeCheck((node) => {
  const empty = ts.isCatchClause(node)
    ? isUnexplained(node.block)
    : ts.isCallExpression(node) &&
      ts.isPropertyAccessExpression(node.expression) &&
      node.expression.name.text === 'catch' &&
      isEmptyFunction(node.arguments[0]);
  return empty ? 'an error vanishes here and no comment says why it may' : undefined;
});

/** cli, bench and test talk to a person at a terminal; the daemon has a log and a configuration. */
function isTerminal(file: SourceFile): boolean {
  return /^(?:src\/cli\/|src\/main\.ts|bench\/|test\/)/.test(file.path);
}

export const consoleOutput: Check = nodeCheck((node, file) => {
  const console = ts.isPropertyAccessExpression(node) && node.expression.getText() === 'console';
  return console && !isTerminal(file) ? 'the daemon writes to its log, not to the console' : undefined;
});

export const environment: Check = nodeCheck((node, file) => {
  const reads = ts.isPropertyAccessExpression(node) && node.getText() === 'process.env';
  return reads && !isTerminal(file) ? 'settings come from the configuration, not from the environment' : undefined;
});

/** What would let a stranger's string act in a page, and what the pages' own policy would stop from working. */
export const pageMarkup: Check = nodeCheck((node) => {
  if (ts.isIdentifier(node) && node.text === 'dangerouslySetInnerHTML')
    return 'markup in a page is made by elements only';
  if (!ts.isJsxAttribute(node)) return undefined;
  const name = node.name.getText();
  if (/^on(?:[A-Z]|[a-z]{3})/.test(name)) return `${name}: the pages' policy runs no script that stands in a page`;
  if (name === 'style') return 'a style in a page is stopped by its own policy: use a class of the style sheet';
  return name === 'srcDoc' || name === 'srcdoc'
    ? 'a frame has its content from an address with a policy of its own'
    : undefined;
});
