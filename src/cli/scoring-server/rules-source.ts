/**
 * Where the scoring server's rules come from: the embedded backend of a gate's configuration, or feeds and YARA rules
 * named on the command line. Changed files are read again while requests go on.
 */
import { resolve } from 'node:path';
import { FileWatch } from '../../config/file-watch.js';
import { LiveConfig } from '../../config/live-config.js';
import { formatProblem } from '../../config/problem.js';
import { resolveConfig } from '../../config/resolve.js';
import { type Config, settingsSchema } from '../../config/schema.js';
import { buildLivePolicy, type LivePolicy } from '../../policy/live-policy.js';
import { GateError } from '../../runtime/errors.js';
import type { Rules } from './analyser.js';

export interface RulesSource extends Rules {
  /** Reads everything again; what cannot be used is told, and the running rules stay. */
  reload(): Promise<void>;
  close(): void;
}

/** Told what a reload came to: problems, one a line, and whether it was applied. */
export type OnReload = (applied: boolean, problems: readonly string[]) => void;

/** Of a gate's configuration only the embedded backend counts. Rejects with `config-invalid`. */
export async function rulesOfConfig(file: string, onReload: OnReload): Promise<RulesSource> {
  const { live } = await LiveConfig.open<LivePolicy>(file, {
    build: buildLivePolicy,
    onReload: ({ applied, problems }) =>
      onReload(
        applied,
        problems.map((problem) => formatProblem(problem, file)),
      ),
    watch: true,
  });
  return {
    policy: () => live.snapshot,
    yaraRules: yaraRulesOf(live.started),
    reload: async () => void (await live.reload()),
    close: () => live.close(),
  };
}

function yaraRulesOf({ scoring }: Config): string | undefined {
  const embedded = scoring.backends.find((backend) => backend.type === 'embedded');
  return embedded?.type === 'embedded' ? embedded.yaraRules : undefined;
}

/** Rejects with `config-invalid`, its message listing what is wrong with the files. */
export async function rulesOfFiles(
  hashFeeds: readonly string[],
  yaraRules: string | undefined,
  onReload: OnReload,
): Promise<RulesSource> {
  const embedded = { type: 'embedded', hashFeeds, ...(yaraRules === undefined ? {} : { yaraRules }) };
  const settings = settingsSchema.parse({ scoring: { backends: [embedded] } });
  const config = resolveConfig(settings, resolve('./sluice.yaml'));
  const build = async () => {
    const { snapshot, problems } = await buildLivePolicy(config);
    return { snapshot, lines: problems.map((problem) => formatProblem(problem, problem.file ?? 'command line')) };
  };
  const first = await build();
  if (first.snapshot === undefined) throw new GateError('config-invalid', first.lines.join('\n'), { temporary: false });
  let policy = first.snapshot;
  const reload = async (): Promise<void> => {
    const { snapshot, lines } = await build();
    if (snapshot !== undefined) policy = snapshot;
    onReload(snapshot !== undefined, lines);
  };
  const watch = new FileWatch(() => void reload());
  await watch.watch(hashFeeds.map((file) => resolve(file)));
  return { policy: () => policy, yaraRules: yaraRulesOf(config), reload, close: () => watch.close() };
}
