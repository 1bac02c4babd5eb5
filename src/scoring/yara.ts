/**
 * YARA rules from a folder: compiled at start and on reload, asked for the content of files. The engine is an optional
 * package, so this file is the only one that knows of it; without it a folder of rules is an error of configuration.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigProblem } from '../config/problem.js';
import type { PartFacts } from '../inspect/report.js';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Answer, Backend, PartContent } from './backend.js';

export interface YaraMatch {
  readonly rule: string;
  /** 0 to 1: the rule's own `score` (hundredths when it is above 1), else .75 */
  readonly score: number;
}

/** Compiled rules. */
export interface Matcher {
  readonly version: string;
  readonly files: number;
  /** Runs in a thread of its own; the highest score first. */
  scan(bytes: Uint8Array): Promise<readonly YaraMatch[]>;
}

export interface LoadedYara {
  /** undefined when an error keeps all rules from being used */
  readonly matcher: Matcher | undefined;
  readonly problems: readonly ConfigProblem[];
}

/** Compiled rules by their folder. */
export type YaraRules = ReadonlyMap<string, Matcher>;

/** what a rule without a score of its own counts */
const scoreWithoutMeta = 0.75;
const ruleFile = /\.yara?$/i;
const configPath = 'scoring.backends';
/** rule files come from elsewhere too, and may not read files of this machine */
const options = { enableIncludes: false } as const;

/** The part of `@litko/yara-x` that is used; its types are only there when it is installed. */
interface Engine {
  create(): Rules;
  compile(source: string, options: object): Rules;
  validate(source: string, options: object): { readonly errors: readonly { readonly message: string }[] };
}

interface Rules {
  addRuleSource(source: string): void;
  scanAsync(data: Buffer): Promise<readonly { readonly ruleIdentifier: string; readonly meta: object }[]>;
}

/** Broken files are problems with file and line; the others still work. */
export async function loadYara(folder: string): Promise<LoadedYara> {
  const engine = await loadEngine();
  if (engine === undefined) {
    return failed(
      folder,
      'no YARA rules, or the package @litko/yara-x installed (npm install --no-save @litko/yara-x@0.3.0)',
    );
  }
  let names: string[];
  try {
    names = (await readdir(folder)).filter((name) => ruleFile.test(name)).sort();
  } catch (error) {
    return failed(folder, `a folder that the gate may read (${messageOf(error)})`);
  }
  const problems: ConfigProblem[] = [];
  const sources: { readonly file: string; readonly source: string }[] = [];
  for (const name of names) {
    const file = join(folder, name);
    const source = await readSource(file);
    const problem =
      source === undefined ? problemOf(file, 'a text that the gate may read') : validate(engine, file, source);
    if (problem !== undefined) problems.push(problem);
    else if (source !== undefined) sources.push({ file, source });
  }
  const { rules, used } = compileAll(engine, sources, problems);
  return { matcher: new CompiledRules(rules, used), problems };
}

export async function loadYaraFolders(
  folders: readonly string[],
): Promise<{ readonly rules: YaraRules; readonly problems: readonly ConfigProblem[] }> {
  const rules = new Map<string, Matcher>();
  const problems: ConfigProblem[] = [];
  for (const folder of folders) {
    const loaded = await loadYara(folder);
    problems.push(...loaded.problems);
    if (loaded.matcher !== undefined) rules.set(folder, loaded.matcher);
  }
  return { rules, problems };
}

async function loadEngine(): Promise<Engine | undefined> {
  try {
    // A name in a variable, so that the compiler does not ask for types of a package that may not be there.
    const name = '@litko/yara-x';
    const loaded: unknown = await import(name);
    // The package is CommonJS; what it exports is fixed by its pinned version.
    const engine = loaded as Engine & { readonly default?: Engine };
    return typeof engine.create === 'function' ? engine : engine.default;
  } catch {
    // Not installed, or not for this machine: the caller says so.
    return undefined;
  }
}

async function readSource(file: string): Promise<string | undefined> {
  try {
    const content = await readFile(file);
    return content.length > limits.scoring.yaraFileBytes ? undefined : content.toString('utf8');
  } catch {
    // Told as a problem of this file.
    return undefined;
  }
}

function validate(engine: Engine, file: string, source: string): ConfigProblem | undefined {
  try {
    const message = engine.validate(source, options).errors[0]?.message;
    return message === undefined ? undefined : compilerProblem(file, message);
  } catch (error) {
    return compilerProblem(file, messageOf(error));
  }
}

interface RuleSource {
  readonly file: string;
  readonly source: string;
}

/** All together, which scans fastest; one by one when they do not go together, as with a name in two files. */
function compileAll(
  engine: Engine,
  sources: readonly RuleSource[],
  problems: ConfigProblem[],
): { readonly rules: Rules; readonly used: readonly RuleSource[] } {
  try {
    return { rules: engine.compile(sources.map(({ source }) => source).join('\n'), options), used: sources };
  } catch {
    // Which file is at fault shows below.
  }
  const rules = engine.create();
  const used = sources.filter(({ file, source }) => {
    try {
      rules.addRuleSource(source);
      return true;
    } catch (error) {
      // Lines are counted through all files here, so none is named.
      const { line: _line, column: _column, ...problem } = compilerProblem(file, messageOf(error));
      problems.push(problem);
      return false;
    }
  });
  return { rules, used };
}

/** The compiler draws its messages over several lines: the first says what, the second where. */
function compilerProblem(file: string, message: string): ConfigProblem {
  const what = /error\[\w+\]: ([^\n]+)/.exec(message)?.[1] ?? message.split('\n', 1)[0] ?? '';
  const place = /--> (?:[^\n]*?:)?(\d+):(\d+)/.exec(message);
  const problem = problemOf(file, `a YARA rule that compiles (${what})`);
  return place === null ? problem : { ...problem, line: Number(place[1]), column: Number(place[2]) };
}

function problemOf(file: string, expected: string): ConfigProblem {
  return { severity: 'warning', path: configPath, value: '', expected, file };
}

function failed(folder: string, expected: string): LoadedYara {
  return { matcher: undefined, problems: [{ severity: 'error', path: configPath, value: folder, expected }] };
}

class CompiledRules implements Matcher {
  readonly version: string;
  readonly files: number;
  readonly #rules: Rules;

  constructor(rules: Rules, sources: readonly RuleSource[]) {
    this.#rules = rules;
    this.files = sources.length;
    const hash = createHash('sha256');
    for (const { source } of sources) hash.update(`${source.length}\n${source}`);
    this.version = hash.digest('hex').slice(0, 16);
  }

  async scan(bytes: Uint8Array): Promise<readonly YaraMatch[]> {
    const found = await this.#rules.scanAsync(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return found
      .map(({ ruleIdentifier, meta }) => ({ rule: ruleIdentifier, score: scoreOf(meta) }))
      .sort((a, b) => b.score - a.score);
  }
}

/** Rule sets in the wild count to 100, this gate to 1. */
function scoreOf(meta: object): number {
  const score: unknown = 'score' in meta ? meta.score : undefined;
  if (typeof score !== 'number' || !(score >= 0)) return scoreWithoutMeta;
  return score > 1 ? Math.min(1, score / 100) : score;
}

/** Asks the rules of this moment; a reload swaps them. */
export class YaraBackend implements Backend {
  readonly name = 'yara';
  readonly cacheable = true;
  readonly opensArchives = false;
  readonly #matcher: () => Matcher | undefined;
  #last: Matcher | undefined;

  /** @param matcher the rules of this moment; undefined when there are none, which is a missing answer */
  constructor(matcher: () => Matcher | undefined) {
    this.#matcher = matcher;
  }

  /** A reload may name another folder, which is taken up at the next start: until then the last rules stay. */
  #current(): Matcher | undefined {
    this.#last = this.#matcher() ?? this.#last;
    return this.#last;
  }

  get version(): string {
    return this.#current()?.version ?? 'none';
  }

  async lookup(): Promise<undefined> {
    return undefined;
  }

  async score(_part: PartFacts, content: PartContent, signal: AbortSignal): Promise<Answer> {
    const matcher = this.#current();
    if (matcher === undefined) return this.#none('backend-unavailable', 'no rules are loaded');
    if (content.bytes > limits.scoring.yaraBytes) return this.#none('oversize', `${content.bytes} bytes`);
    try {
      const chunks: Uint8Array[] = [];
      for await (const chunk of content.read(signal)) chunks.push(Buffer.from(chunk));
      const [worst] = await matcher.scan(Buffer.concat(chunks));
      const engine = `yara-x/${matcher.version}`;
      return { kind: 'score', backend: this.name, score: worst?.score ?? 0, name: worst?.rule ?? '', engine };
    } catch (error) {
      return this.#none('backend-unavailable', messageOf(error));
    }
  }

  #none(cause: 'oversize' | 'backend-unavailable', detail: string): Answer {
    return { kind: 'none', backend: this.name, cause, detail };
  }

  health(): { readonly up: boolean; readonly detail: string } {
    const matcher = this.#current();
    return { up: matcher !== undefined, detail: `${matcher?.files ?? 0} rule files` };
  }

  async close(): Promise<void> {}
}
