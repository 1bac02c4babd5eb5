/**
 * Opens sealed originals to be looked at: one at a time, in a thread with bounds on bytes, memory and time, and nothing
 * of it ever has a name on the disk. What was parsed a moment ago is not opened again.
 */
import { read } from 'node:fs';
import { promisify } from 'node:util';
import { Piscina } from 'piscina';
import type { OpenedMessage } from '../../quarantine/blobs.js';
import type { QuarantineLog } from '../../quarantine/settings.js';
import type { Vault } from '../../quarantine/vault.js';
import { GateError, messageOf } from '../../runtime/errors.js';
import { limits } from '../../runtime/limits.js';
import type { MessagePreview, Preview, PreviewFailure, PreviewOutcome } from './preview.js';
import type { PreviewTask } from './preview-worker.js';

export interface PreviewerOptions {
  readonly vault: Pick<Vault, 'detail' | 'openItem'>;
  readonly log: QuarantineLog;
  /** instead of `limits.preview.timeMs` */
  readonly timeMs?: number;
}

const readFrom = promisify(read);

/** Why an original cannot be had, as far as the failure itself says so. */
const reasons: Partial<Record<GateError['code'], PreviewFailure>> = {
  'key-unreadable': 'no-identity',
  'not-found': 'gone',
  'state-conflict': 'gone',
};

export class Previewer implements Preview {
  readonly #options: PreviewerOptions;
  /** by item, in the order in which they were asked for */
  readonly #kept = new Map<string, Promise<MessagePreview>>();
  #thread: Piscina<PreviewTask, MessagePreview> | undefined;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: PreviewerOptions) {
    this.#options = options;
  }

  async preview(item: string): Promise<PreviewOutcome> {
    try {
      const { state, bytes } = (await this.#options.vault.detail(item)).item;
      if (state === 'deleted' || state === 'expired') return this.#gone(item);
      if (bytes > limits.preview.sealedBytes) return { kind: 'unavailable', reason: 'too-large' };
      const kept = this.#kept.get(item);
      if (kept === undefined && this.#waiting >= limits.preview.queueMax)
        return { kind: 'unavailable', reason: 'busy' };
      return { kind: 'shown', preview: await (kept ?? this.#keep(item)) };
    } catch (error) {
      const reason = (error instanceof GateError ? reasons[error.code] : undefined) ?? 'failed';
      if (reason === 'failed')
        this.#options.log('warn', 'a held message could not be shown', { item, reason: messageOf(error) });
      return { kind: 'unavailable', reason };
    }
  }

  #gone(item: string): PreviewOutcome {
    this.#kept.delete(item);
    return { kind: 'unavailable', reason: 'gone' };
  }

  #keep(item: string): Promise<MessagePreview> {
    this.#waiting += 1;
    const work = this.#last
      .then(() => this.#make(item))
      .finally(() => {
        this.#waiting -= 1;
      });
    this.#last = work.catch(() => undefined);
    this.#kept.set(item, work);
    const forget = () => {
      if (this.#kept.get(item) === work) this.#kept.delete(item);
    };
    const later = () => setTimeout(forget, limits.preview.keptMs).unref();
    // What a message does to its thread it would do again; what the quarantine refuses may be different in a moment.
    work.then(later, (error: unknown) => (error instanceof GateError ? forget() : later()));
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= limits.preview.keptMax) break;
      this.#kept.delete(oldest);
    }
    return work;
  }

  async #make(item: string): Promise<MessagePreview> {
    const opened = await this.#options.vault.openItem(item);
    const task = await takeHead(opened);
    this.#thread ??= new Piscina({
      filename: new URL('./preview-worker.js', import.meta.url).href,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: limits.preview.threadIdleMs,
      resourceLimits: { maxOldGenerationSizeMb: limits.preview.memoryMb },
    });
    const signal = AbortSignal.timeout(this.#options.timeMs ?? limits.preview.timeMs);
    return this.#thread.run(task, { signal, transferList: [task.bytes.buffer] });
  }

  async close(): Promise<void> {
    this.#kept.clear();
    await this.#thread?.destroy();
  }
}

/** Read beside the main thread, since it may be many megabytes. */
async function takeHead({
  source,
  close,
}: OpenedMessage): Promise<PreviewTask & { readonly bytes: Uint8Array<ArrayBuffer> }> {
  try {
    const end = Math.min(source.length, limits.preview.messageBytes);
    const bytes = new Uint8Array(new ArrayBuffer(end));
    let filled = 0;
    while (filled < end) {
      const { bytesRead } = await readFrom(source.fd, bytes, filled, end - filled, filled);
      if (bytesRead === 0) throw new Error(`the opened message ends at ${filled}, wanted ${end}`);
      filled += bytesRead;
    }
    return { bytes, cut: end < source.length };
  } finally {
    close();
  }
}
