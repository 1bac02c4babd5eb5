/** What of a message can be put into the lists of the configuration: its sender, and everybody of his domain. */
import { parsePattern } from '../../config/address-pattern.js';
import { cleanLine } from '../../notice/clean.js';
import type { Item } from '../../quarantine/item.js';

export interface ListEntry {
  readonly entry: string;
  readonly label: string;
}

export function listEntries({ envelope }: Pick<Item, 'envelope'>): ListEntry[] {
  const address = envelope.mailFrom;
  const at = address.lastIndexOf('@');
  if (at <= 0) return [];
  const domain = `*${address.slice(at)}`;
  const entries: ListEntry[] = [];
  // A sender may write `*@example.org` as his address, which as an entry would mean everybody.
  if (kindOf(address) === 'address') entries.push({ entry: address, label: `the sender ${cleanLine(address, 100)}` });
  if (kindOf(domain) === 'domain') {
    entries.push({ entry: domain, label: `everybody at ${cleanLine(address.slice(at + 1), 100)}` });
  }
  return entries;
}

function kindOf(entry: string): string | undefined {
  const pattern = parsePattern(entry);
  return typeof pattern === 'string' ? undefined : pattern.kind;
}
