/** Which list entries match an address, where they stand, and what that leads to, in words for the person who asks. */
import { normalAddress } from '../config/address-pattern.js';
import { listFields } from '../config/schema-policy.js';
import type { AddressLists } from './address-lists.js';
import type { AllowRules } from './match-lists.js';
import type { ListField } from './verdict.js';

export interface ListRules extends AllowRules {
  readonly applyWithoutAttachment: boolean;
}

export interface AddressExplained {
  readonly outcome: 'passes' | 'blocked' | 'no-address';
  /** the first names the address; those that belong to another begin with blanks */
  readonly lines: readonly string[];
}

/** @param field where the address stands; undefined for all */
export function explainAddress(
  address: string,
  field: ListField | undefined,
  rules: ListRules,
  lists: AddressLists,
): AddressExplained {
  const split = normalAddress(address);
  if (split === undefined) {
    const words = `${address}: no address with a local part and a domain, so no entry matches it`;
    return { outcome: 'no-address', lines: [words] };
  }
  const normal = `${split.local}@${split.domain}`;
  const lines = [`${address}${normal === address ? '' : ` (compared as ${normal})`}`];
  const allow = lists.allow.findAll(split);
  const block = lists.block.findAll(split);
  for (const match of allow) lines.push(`  allow  ${match.entry}  from ${match.source}`);
  for (const match of block) lines.push(`  block  ${match.entry}  from ${match.source}`);
  const able = rules.allowFields.filter((one) => field === undefined || one === field);
  if (allow.length > 0 && able.length > 0) {
    lines.push(`  => passes unscanned where it is ${able.join(', ')}: the allow list is asked before the block list`);
    for (const condition of conditions(able, rules)) lines.push(`     ${condition}`);
    const others = listFields.filter((one) => !able.includes(one) && (field === undefined || one === field));
    if (others.length > 0 && block.length > 0) lines.push(`  => malicious where it is ${others.join(', ')}`);
    return { outcome: 'passes', lines };
  }
  if (allow.length > 0)
    lines.push(`  allowed entries do not count here: lists.allowFields is [${rules.allowFields.join(', ')}]`);
  if (block.length === 0) {
    lines.push('  => no list decides; the message is judged by its attachments');
    return { outcome: 'passes', lines };
  }
  lines.push(
    `  => malicious where it is ${field ?? listFields.join(', ')}; one listed recipient decides for the whole message`,
  );
  if (!rules.applyWithoutAttachment)
    lines.push('     only for a message with an attachment (lists.applyWithoutAttachment is false)');
  return { outcome: 'blocked', lines };
}

function conditions(fields: readonly ListField[], rules: ListRules): string[] {
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
