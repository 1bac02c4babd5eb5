/** `sluice lists test ADDRESS…`: which list entry matches an address, where it stands, and what that leads to. */
import { type Command, Option } from 'commander';
import { loadConfig } from '../config/load.js';
import { formatProblem, hasErrors } from '../config/problem.js';
import { listFields } from '../config/schema-policy.js';
import { loadAddressLists } from '../policy/address-lists.js';
import { explainAddress } from '../policy/explain-address.js';
import type { ListField } from '../policy/verdict.js';
import { takesConfig } from './configuration.js';

export interface ListTest {
  readonly addresses: readonly string[];
  /** the field that the addresses stand in; undefined tries all */
  readonly field: ListField | undefined;
  readonly configFile: string;
}

const exitCodes = { passes: 0, blocked: 1, 'no-address': 2 } as const;

/** Exit code 0: nothing is blocked; 1: an address is blocked or the configuration is bad; 2: no address at all. */
export async function testLists(test: ListTest, print: (line: string) => void): Promise<number> {
  const { config, problems } = await loadConfig(test.configFile);
  for (const problem of problems.filter((one) => one.severity === 'error'))
    print(formatProblem(problem, test.configFile));
  if (config === undefined) return 1;
  const loaded = await loadAddressLists(config.lists);
  for (const problem of loaded.problems) print(formatProblem(problem, test.configFile));
  if (hasErrors(loaded.problems)) return 1;
  const tests = test.addresses.map((address) => explainAddress(address, test.field, config.lists, loaded.lists));
  for (const { lines } of tests) for (const line of lines) print(line);
  return Math.max(0, ...tests.map(({ outcome }) => exitCodes[outcome]));
}

const examples = `
Examples:
  sluice lists test bob@example.net
  sluice lists test --config sluice.yaml --field body-sender bob@example.net anna@example.org`;

export function registerLists(program: Command): void {
  const lists = program.command('lists').description('Ask the allow and block lists').addHelpText('afterAll', examples);
  takesConfig(lists.command('test'))
    .description(
      'Say which entry matches an address, where it stands, and what that leads to; exit code 1 when blocked',
    )
    .argument('<address...>', 'addresses such as name@example.org')
    .addOption(new Option('--field <field>', 'where the address stands; all fields when absent').choices(listFields))
    .action(async (addresses: string[], options: { config: string; field?: ListField }) => {
      const test: ListTest = { addresses, field: options.field, configFile: options.config };
      process.exitCode = await testLists(test, (line) => process.stdout.write(`${line}\n`));
    });
}
