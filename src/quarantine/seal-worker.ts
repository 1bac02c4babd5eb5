/** The sealing threads: whatever takes long because of arithmetic or the disk. They know no database. */

import { renderNotice } from '../notice/notice.js';
import type { NoticeFacts, NoticeSettings } from '../notice/settings.js';
import { type ErrorCode, GateError, messageOf } from '../runtime/errors.js';
import { type OpenRequest, openMessage, type SealRequest, sealMessage } from './seal.js';

export type SealTask =
  | { readonly kind: 'seal'; readonly request: SealRequest }
  | { readonly kind: 'open'; readonly request: OpenRequest }
  | { readonly kind: 'notices'; readonly settings: NoticeSettings; readonly facts: readonly NoticeFacts[] };

export interface RenderedNotice {
  readonly eml: Uint8Array;
  readonly messageId: string;
}

export type SealAnswer =
  | { readonly kind: 'sealed'; readonly bytes: number }
  | { readonly kind: 'opened' }
  | { readonly kind: 'notices'; readonly notices: readonly RenderedNotice[] }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly temporary: boolean };

async function run(task: SealTask): Promise<SealAnswer> {
  switch (task.kind) {
    case 'seal':
      return { kind: 'sealed', bytes: await sealMessage(task.request) };
    case 'open':
      await openMessage(task.request);
      return { kind: 'opened' };
    case 'notices': {
      const notices: RenderedNotice[] = [];
      for (const facts of task.facts) {
        const { eml, messageId } = await renderNotice(task.settings, facts);
        notices.push({ eml, messageId });
      }
      return { kind: 'notices', notices };
    }
  }
}

/** Errors lose their class between threads, so they travel as values. */
export default async function answer(task: SealTask): Promise<SealAnswer> {
  try {
    return await run(task);
  } catch (error) {
    const failure =
      error instanceof GateError ? error : new GateError('seal-failed', messageOf(error), { cause: error });
    return { kind: 'failed', code: failure.code, message: failure.message, temporary: failure.temporary };
  }
}
