/** SEARCH of the demonstration's mailboxes: numbers and flags, which is what clients that synchronise ask for. */
import type { Token } from '../../imap/wire/wire.js';
import type { MailboxView, Numbered } from './mailbox-view.js';

type Test = (numbered: Numbered) => boolean;

const flagKeys: Readonly<Record<string, string>> = {
  ANSWERED: '\\Answered',
  DELETED: '\\Deleted',
  DRAFT: '\\Draft',
  FLAGGED: '\\Flagged',
  SEEN: '\\Seen',
};

function word(token: Token | undefined): string {
  return token === undefined || token.kind === 'list' ? '' : token.bytes.toString('latin1').toUpperCase();
}

function inSet(view: MailboxView, set: string, uid: boolean): Test | undefined {
  const chosen = view.choose(set, uid);
  if (chosen === undefined) return undefined;
  const uids = new Set(chosen.map(({ mail }) => mail.uid));
  return ({ mail }) => uids.has(mail.uid);
}

function flagTest(key: string): Test | undefined {
  const flag = flagKeys[key];
  if (flag !== undefined) return ({ mail }) => mail.flags.has(flag);
  const without = key.startsWith('UN') ? flagKeys[key.slice(2)] : undefined;
  return without === undefined ? undefined : ({ mail }) => !mail.flags.has(without);
}

/** The messages that all keys accept; undefined where a key is not known here. */
export function search(view: MailboxView, keys: readonly Token[]): Numbered[] | undefined {
  let found = view.all();
  for (let index = 0; index < keys.length; index += 1) {
    let key = word(keys[index]);
    const not = key === 'NOT';
    if (not) {
      index += 1;
      key = word(keys[index]);
    }
    let test: Test | undefined;
    if (key === 'ALL') test = () => true;
    else if (key === 'UID') {
      index += 1;
      test = inSet(view, word(keys[index]), true);
    } else test = flagTest(key) ?? inSet(view, key, false);
    if (test === undefined) return undefined;
    const accepts = test;
    found = found.filter((numbered) => accepts(numbered) !== not);
  }
  return keys.length === 0 ? undefined : found;
}
