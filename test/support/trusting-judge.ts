/** A judge that lets everything through and remembers what it was asked. */
import type {
  Account,
  Census,
  ImapHandler,
  ImapPeer,
  Intake,
  Mailbox,
  MailboxIdentity,
} from '../../src/imap/handler.js';
import { standings } from '../../src/imap/handler.js';
import { GateError } from '../../src/runtime/errors.js';
import { Spool, type SpoolPool } from '../../src/runtime/spool.js';

export class TrustingJudge implements ImapHandler {
  /** one line for each call, in order */
  readonly calls: string[] = [];
  inspected = true;
  /** makes `open` and the judgement of a message wait until `release` */
  slow = false;
  /** makes `open` fail, as a full disk does */
  broken = false;
  /** every mailbox is one of which more is remembered than it can have */
  crowded: Pick<Census, 'uidValidity' | 'mailboxId'> | undefined;
  readonly #spools: SpoolPool;
  #waiting: (() => void)[] = [];

  constructor(spools: SpoolPool) {
    this.#spools = spools;
  }

  inspects(peer: ImapPeer): boolean {
    this.calls.push(`inspects ${peer.tls ? 'tls' : 'clear'} ${peer.servername ?? '-'}`);
    return this.inspected;
  }

  loggedIn(): void {}

  release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #wait(): Promise<void> {
    return this.slow ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve();
  }

  account(_peer: ImapPeer, user: string | undefined): Account {
    this.calls.push(`account ${user ?? '-'}`);
    return {
      open: async (identity) => {
        const { name, mailboxId, uidValidity, uidNext, readOnly, utf8 } = identity;
        const facts = [mailboxId ?? '-', uidValidity, uidNext ?? '-', readOnly ? 'ro' : 'rw', utf8 ? 'utf8' : 'utf7'];
        this.calls.push(`open ${[name, ...facts].join(' ')}`);
        await this.#wait();
        if (this.broken) throw new GateError('store-failed', 'disk is full');
        return this.#mailbox(identity);
      },
      forget: async (name) => {
        this.calls.push(`forget ${name}`);
        await this.#wait();
      },
      renamed: async (from, to) => {
        this.calls.push(`renamed ${from} ${to}`);
        await this.#wait();
      },
      copied: async (from, to, pairs) => {
        this.calls.push(`copied ${from.identity.name} ${to.name} ${to.uidValidity} ${pairs.join(' ')}`);
        await this.#wait();
      },
      releases: async () => [],
      census: () => this.#census(),
      close: () => {
        this.calls.push('close');
      },
    };
  }

  #census(): Census | undefined {
    if (this.crowded === undefined) return undefined;
    return {
      ...this.crowded,
      forgetOthers: ({ count, has }, below) => {
        const uids = Array.from({ length: 200 }, (_, uid) => uid).filter(has);
        this.calls.push(`left ${[count, ...uids].join(' ')} below ${below}`);
      },
      close: () => {
        this.calls.push('census over');
      },
    };
  }

  #mailbox(identity: MailboxIdentity): Mailbox {
    // Until a message was seen whole, anything but empty.
    const sizes = new Map<number, number>();
    return {
      identity,
      standing: () => standings.original,
      bytes: (uid) => sizes.get(uid) ?? 1,
      notice: () => {
        throw new Error('nothing is withheld');
      },
      settle: async () => undefined,
      receive: () => intake(new Spool(this.#spools), sizes, () => (this.slow ? this.#wait() : undefined)),
      showMetadata: async () => undefined,
      metadataWaits: true,
    };
  }
}

function intake(spool: Spool, sizes: Map<number, number>, wait: () => Promise<void> | undefined): Intake {
  let closed = false;
  return {
    spool,
    write: (chunk) => {
      spool.append(chunk);
    },
    full: false,
    recorded: false,
    onDrain: undefined,
    judge: ({ uid }) => {
      sizes.set(uid, spool.length);
      return wait()?.then(() => ({ kind: 'original' })) ?? { kind: 'original' };
    },
    close: () => {
      if (!closed) spool.release();
      closed = true;
    },
  };
}
