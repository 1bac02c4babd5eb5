/** Source files as the tidy checks see them: path, text, syntax tree; and what a check reports. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

export interface SourceFile {
  /** from the top of the repository, with `/` */
  readonly path: string;
  readonly text: string;
}

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly problem: string;
}

export type Check = (files: readonly SourceFile[]) => Finding[];

export function formatFinding(finding: Finding): string {
  return `${finding.path}:${finding.line} ${finding.problem}`;
}

export function readSources(root: string, folders: readonly string[], pattern: RegExp): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && pattern.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => ({ path: relative(root, file), text: readFileSync(file, 'utf8') })),
  );
}

/** Calls `visit` for every node of the file with its first line, from 1. */
export function walk(file: SourceFile, visit: (node: ts.Node, line: number, tree: ts.SourceFile) => void): void {
  const tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2023, true);
  const step = (node: ts.Node): void => {
    visit(node, tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1, tree);
    ts.forEachChild(node, step);
  };
  step(tree);
}

/** A check that looks at one node at a time: `judge` gives the problem, or undefined. */
export function nodeCheck(judge: (node: ts.Node, file: SourceFile) => string | undefined): Check {
  return (files) => {
    const findings: Finding[] = [];
    for (const file of files) {
      walk(file, (node, line) => {
        const problem = judge(node, file);
        if (problem !== undefined) findings.push({ path: file.path, line, problem });
      });
    }
    return findings;
  };
}

/** A check that looks at one line at a time. */
export function lineCheck(judge: (line: string, file: SourceFile) => string | undefined): Check {
  return (files) =>
    files.flatMap((file) =>
      file.text.split('\n').flatMap((text, index) => {
        const problem = judge(text, file);
        return problem === undefined ? [] : [{ path: file.path, line: index + 1, problem }];
      }),
    );
}
