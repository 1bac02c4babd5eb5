/** `sluice lists test ADDRESS…`: which list entry matches an address, where it stands, and what that leads to. */
import { type Command, Option } from 'commander';
import { normalAddress } from '../config/address-pattern.js';
import { loadConfig } from '../config/load.js';
import { formatProblem, hasErrors } from '../config/problem.js';
import type { Config } from '../config/schema.js';
import { listFields } from '../config/schema-policy.js';
import { type AddressLists, loadAddressLists } from '../policy/address-lists.js';
import type { ListField } from '../policy/verdict.js';
import { takesConfig } from './configuration.js';

export interface ListTest {
  readonly addresses: readonly string[];
  /** the field that the addresses stand in; undefined tries all */
  readonly field: ListField | undefined;
  readonly configFile: string;
}

/** Exit code 0: nothing is blocked; 1: an address is blocked or the configuration is bad; 2: no address at all. */
export async function testLists(test: ListTest, print: (line: string) => void): Promise<number> {
  const { config, problems } = await loadConfig(test.configFile);
  for (const problem of problems.filter((one) => one.severity === 'error'))
    print(formatProblem(problem, test.configFile));
  if (config === undefined) return 1;
  const loaded = await loadAddressLists(config.lists);
  for (const problem of loaded.problems) print(formatProblem(problem, test.configFile));
  if (hasErrors(loaded.problems)) return 1;
  const codes = test.addresses.map((address) => explain(address, test.field, config.lists, loaded.lists, print));
  return Math.max(0, ...codes);
}

function explain(
  address: string,
  field: ListField | undefined,
  rules: Config['lists'],
  lists: AddressLists,
  print: (line: string) => void,
): number {
  const split = normalAddress(address);
  if (split === undefined) {
    print(`${address}: no address with a local part and a domain, so no entry matches it`);
    return 2;
  }
  const normal = `${split.local}@${split.domain}`;
  print(`${address}${normal === address ? '' : ` (compared as ${normal})`}`);
  const allow = lists.allow.findAll(split);
  const block = lists.block.findAll(split);
  for (const match of allow) print(`  allow  ${match.entry}  from ${match.source}`);
  for (const match of block) print(`  block  ${match.entry}  from ${match.source}`);
  const able = rules.allowFields.filter((one) => field === undefined || one === field);
  if (allow.length > 0 && able.length > 0) {
    print(`  => passes unscanned where it is ${able.join(', ')}: the allow list is asked before the block list`);
    for (const condition of conditions(able, rules)) print(`     ${condition}`);
    const others = listFields.filter((one) => !able.includes(one) && (field === undefined || one === field));
    if (others.length > 0 && block.length > 0) print(`  => malicious where it is ${others.join(', ')}`);
    return 0;
  }
  if (allow.length > 0)
    print(`  allowed entries do not count here: lists.allowFields is [${rules.allowFields.join(', ')}]`);
  if (block.length === 0) {
    print('  => no list decides; the message is judged by its attachments');
    return 0;
  }
  print(
    `  => malicious where it is ${field ?? listFields.join(', ')}; one listed recipient decides for the whole message`,
  );
  if (!rules.applyWithoutAttachment)
    print('     only for a message with an attachment (lists.applyWithoutAttachment is false)');
  return 1;
}

function conditions(fields: readonly ListField[], rules: Config['lists']): string[] {
  const texts: string[] = [];
  if (fields.some((field) => field.startsWith('body-'))) {
    texts.push('in the header only when the field is there once, with one mailbox, and can be read in one way');
  }
  if (fields.some((field) => field === 'envelope-to' || field === 'body-receiver')) {
    texts.push(
      rules.allowRecipients === 'any'
        ? 'as a recipient it lets the message pass to all recipients (lists.allowRecipients is any)'
        : 'as a recipient only when every recipient of the envelope is allowed (lists.allowRecipients is all)',
    );
  }
  if (!rules.applyWithoutAttachment)
    texts.push('only for a message with an attachment (lists.applyWithoutAttachment is false)');
  return texts;
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
