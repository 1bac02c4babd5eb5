/**
 * What an administrator does to one held message or to several, told as he should hear it. Each act may be repeated:
 * what was done before is said, and nothing is done twice.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReleaseForm } from '../../quarantine/outbox-table.js';
import { GateError, messageOf } from '../../runtime/errors.js';
import { limits } from '../../runtime/limits.js';
import type { Flash } from '../view/console-page.js';
import type { ConsoleOptions } from './options.js';
import { pluralText } from './stranger.js';

export type BulkAct = 'release' | 'release-zip' | 'delete';

type Tools = Pick<ConsoleOptions, 'vault' | 'store' | 'log'>;

/** A refusal in the words of the store, for a person; other failures go on to the page that says that something failed. */
function refusalText(error: unknown): string {
  if (error instanceof GateError && ['state-conflict', 'not-found', 'open-failed'].includes(error.code)) {
    return `${error.message.slice(0, 1).toUpperCase()}${error.message.slice(1)}.`;
  }
  throw error;
}

/** Orders a release, and waits a moment for the answers, since most mail servers are quick. */
export async function releaseItem(id: string, by: string, as: ReleaseForm | undefined, tools: Tools): Promise<Flash> {
  try {
    const ticket = await tools.vault.release(id, by, undefined, { as });
    if (ticket.kind === 'released') return { kind: 'done', text: 'The message is released.' };
    const { releaseWaitMs, releaseLookMs } = limits.console;
    for (let waited = 0; waited < releaseWaitMs; waited += releaseLookMs) {
      const mail = await tools.store.call('mail', ticket.mail);
      if (mail === undefined || mail.state === 'sent') {
        return { kind: 'done', text: 'The message is released: the mail server took it for all recipients.' };
      }
      if (mail.state === 'failed' || mail.state === 'cancelled') {
        return {
          kind: 'failed',
          text: `The message could not be released: ${mail.lastReply ?? 'no reason was given'}`,
        };
      }
      if (mail.attempts > ticket.attempts) {
        const reason = mail.lastReply ?? 'no answer';
        return {
          kind: 'failed',
          text: `Not everybody has it yet, and it is tried again by itself. The answer was: ${reason}`,
        };
      }
      await sleep(releaseLookMs);
    }
    return {
      kind: 'done',
      text: 'The release is under way. The answers of the mail server appear under “Deliveries”.',
    };
  } catch (error) {
    return { kind: 'failed', text: refusalText(error) };
  }
}

export async function deleteItem(id: string, by: string, tools: Tools): Promise<Flash> {
  try {
    await tools.vault.delete(id, by);
    return { kind: 'done', text: 'The message is deleted for all its recipients.' };
  } catch (error) {
    return { kind: 'failed', text: refusalText(error) };
  }
}

export async function denyRequest(id: string, by: string, reason: string, tools: Tools): Promise<Flash> {
  try {
    const denied = await tools.vault.deny(id, by, reason === '' ? undefined : reason);
    return { kind: 'done', text: denied ? 'The request is denied.' : 'The request was denied before.' };
  } catch (error) {
    return { kind: 'failed', text: refusalText(error) };
  }
}

/** The same to several, one after the other; one that fails leaves the others. */
export async function actOnAll(act: BulkAct, ids: readonly string[], by: string, tools: Tools): Promise<Flash> {
  const done = { queued: 0, released: 0, deleted: 0 };
  const refused: string[] = [];
  for (const id of ids) {
    try {
      if (act === 'delete') {
        await tools.vault.delete(id, by);
        done.deleted += 1;
      } else {
        const ticket = await tools.vault.release(id, by, undefined, { as: act === 'release-zip' ? 'zip' : undefined });
        done[ticket.kind] += 1;
      }
    } catch (error) {
      if (!(error instanceof GateError)) throw error;
      tools.log('warn', 'an act on a held message was refused', { item: id, act, reason: messageOf(error) });
      refused.push(error.message);
    }
  }
  return { kind: refused.length === 0 ? 'done' : 'failed', text: sumText(done, refused) };
}

function sumText(
  { queued, released, deleted }: { readonly queued: number; readonly released: number; readonly deleted: number },
  refused: readonly string[],
): string {
  const are = (count: number) => (count === 1 ? 'is' : 'are');
  const sentences = [
    queued > 0 ? `The release of ${pluralText(queued, 'message')} is under way.` : '',
    released > 0 ? `${pluralText(released, 'message')} ${are(released)} released.` : '',
    deleted > 0 ? `${pluralText(deleted, 'message')} ${are(deleted)} deleted.` : '',
    refused.length > 0 ? `${pluralText(refused.length, 'message')} could not be: ${refused[0]}.` : '',
  ];
  return sentences.filter((sentence) => sentence !== '').join(' ');
}
