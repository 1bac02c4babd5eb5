/** Where commands find their configuration, and how they read it: the file as the daemon would read it now, unwatched. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { LiveConfig } from '../config/live-config.js';
import { resolveConfig } from '../config/resolve.js';
import { type Config, settingsSchema } from '../config/schema.js';
import { buildLivePolicy, type LivePolicy } from '../policy/live-policy.js';
import { GateError } from '../runtime/errors.js';

/** Looked for in this order when no file is named. */
export const usualFiles = ['./sluice.yaml', '/etc/sluice/sluice.yaml'] as const;

export interface Configuration {
  readonly config: Config;
  readonly policy: LivePolicy;
}

/**
 * Gives a command, and those below it, the option `--config`; their actions find it set. Without it the first usual
 * file is taken, and when there is none the command ends as wrong use.
 */
export function takesConfig(command: Command): Command {
  return command.addOption(configOption()).hook('preAction', (_registered, called) => {
    const given: unknown = called.optsWithGlobals().config;
    called.setOptionValue('config', given ?? usualFile(called, 'give --config FILE'));
  });
}

/** For a command below one that takes a configuration: the option may stand behind either name. */
export function configOption(): Option {
  return new Option('-c, --config <file>', `configuration file (default: ${usualFiles.join(', else ')})`);
}

/** The first usual file that is there. @param advice how this command is told of another one */
export function usualFile(command: Command, advice: string): string {
  const found = usualFiles.find((file) => existsSync(file));
  if (found !== undefined) return found;
  return command.error(`error: no configuration: ${advice}, there is none at ${usualFiles.join(' or ')}`);
}

/** Rejects with `config-invalid`, its message listing all errors, each on its line. */
export async function readConfiguration(file: string): Promise<Configuration> {
  const { live } = await LiveConfig.open<LivePolicy>(file, {
    build: buildLivePolicy,
    onReload: () => {
      // Nothing is watched, so nothing is read again.
    },
  });
  const configuration = { config: live.started, policy: live.snapshot };
  live.close();
  return configuration;
}

/** Of an empty file: the embedded backend, no lists. Such a gate could not run, as it has no listener. */
export async function defaultConfiguration(): Promise<Configuration> {
  const config = resolveConfig(settingsSchema.parse({}), resolve(usualFiles[0]));
  const { snapshot } = await buildLivePolicy(config);
  if (snapshot === undefined) throw new GateError('config-invalid', 'the built-in defaults are not in order');
  return { config, policy: snapshot };
}
