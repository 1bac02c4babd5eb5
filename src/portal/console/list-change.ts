/** Puts an entry into a list of the configuration for whoever looks at a message and not at the lists. */
import { listEdits } from '../../config/edit-lists.js';
import { readFileState } from '../settings/file-state.js';
import type { SettingsOptions } from '../settings/options.js';
import { problemText, saveSettings } from '../settings/saving.js';
import type { Flash } from '../view/console-page.js';

/** @param actor for the audit log */
export async function addListEntry(
  options: SettingsOptions,
  list: 'allow' | 'block',
  entry: string,
  actor: string,
): Promise<Flash> {
  const { settings } = await readFileState(options);
  const edits = listEdits(settings, { list, add: [entry] });
  const outcome = await saveSettings(options, actor, edits, undefined);
  const unchanged = `The ${list} list is as it was.`;
  switch (outcome.kind) {
    case 'told':
      return edits.length === 0
        ? { kind: 'done', text: `${entry} is in the ${list} list already.` }
        : { kind: outcome.flash.kind, text: `${entry} is now in the ${list} list. ${outcome.flash.text}` };
    case 'invalid': {
      const [first] = outcome.problems.filter(({ severity }) => severity === 'error');
      return {
        kind: 'failed',
        text: `${unchanged} ${first === undefined ? 'The file has errors' : problemText(first)}.`,
      };
    }
    case 'refused':
      return { kind: 'failed', text: `${unchanged} ${outcome.reason}` };
    case 'conflict':
      return { kind: 'failed', text: `${unchanged} The file was changed at the same moment. Do it again.` };
  }
}
