/**
 * A released original gets a new UID, because clients keep what they were shown under the old one. Runs on the
 * server's side inside the client's SELECT, before that is sent: selects the mailbox itself, and for each released copy
 * makes a copy in the same mailbox and removes the old one (release-steps.ts). Whatever fails, the client's SELECT goes
 * on, the notice stays, and the next SELECT takes up the work where it was.
 */
import { messageOf } from '../../runtime/errors.js';
import { limits } from '../../runtime/limits.js';
import type { Logger } from '../../runtime/log.js';
import type { TaggedResponse } from '../exchange.js';
import type { Account, ReleasedCopy } from '../handler.js';
import type { OutgoingCommand, ServerEvent } from '../wire/wire.js';
import { type SwapResult, swapOne } from './release-steps.js';

/** What the session lends for the time of a swap. */
export interface SwapPort {
  /** Whether the server has announced this; upper case. */
  offers(capability: string): boolean;
  /**
   * Sends a command under a tag of the session's. `take` gets what the server says meanwhile, except BYE and alerts;
   * none of it reaches the client. Rejects when the connection is over, or the server breaks the protocol.
   */
  run(command: OutgoingCommand, take?: (event: ServerEvent) => void): Promise<TaggedResponse>;
}

export interface SwapServices {
  readonly locks: SwapLocks;
  /** ms */
  readonly now: () => number;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/**
 * Which digests are being swapped. Two sessions that copied equal messages at a time could take each other's copy for
 * their own, and one of the two messages would be lost.
 */
export class SwapLocks {
  readonly #held = new Set<string>();

  take(copy: ReleasedCopy): boolean {
    const key = keyOf(copy);
    if (this.#held.has(key)) return false;
    this.#held.add(key);
    return true;
  }

  free(copy: ReleasedCopy): void {
    this.#held.delete(keyOf(copy));
  }
}

const keyOf = (copy: ReleasedCopy): string => `${copy.uidValidity} ${copy.sha256}`;

/** The mailbox as our own SELECT found it. */
export interface SelectedForSwap {
  readonly uidValidity: number;
  /** grows with every copy that is made */
  uidNext: number;
  /** as the client wrote it */
  readonly name: OutgoingCommand;
  /** UIDs that are copies of something */
  readonly taken: Set<number>;
}

/** What a session runs before it sends its client's SELECT; not for EXAMINE. Never rejects. */
export function swapBeforeSelect(
  services: SwapServices,
): (port: SwapPort & { readonly account: Account }, name: string, argument: OutgoingCommand) => Promise<void> {
  return async (port, name, argument) => {
    try {
      const copies = await port.account.releases(name);
      if (copies.length > 0) await swapReleased(port, argument, copies, services);
    } catch (error) {
      services.log.warn({ error: messageOf(error) }, 'whether messages were released cannot be read');
    }
  };
}

/**
 * Leaves the mailbox selected where the server has no UNSELECT: whatever the client's own SELECT is answered, no other
 * mailbox is selected then.
 *
 * @param name the mailbox, an astring as the client wrote it. Never rejects.
 */
export async function swapReleased(
  port: SwapPort,
  name: OutgoingCommand,
  copies: readonly ReleasedCopy[],
  services: SwapServices,
): Promise<void> {
  const { log, locks } = services;
  const held: ReleasedCopy[] = [];
  const pending = inOrder(copies);
  if (pending.length === 0) return;
  try {
    if (!includes(port, 'UIDPLUS')) {
      // RFC 4315 §2.1: without UID EXPUNGE the only way would remove whatever else is marked as deleted.
      const what = 'no UIDPLUS, so that the notices of released messages stay';
      await giveUp(pending, what, log);
      return;
    }
    // Taken before the mailbox is selected: its UIDNEXT must count what another session has just copied.
    const keys = new Set<string>();
    for (const copy of pending.slice(0, limits.releaseSwap.perSelect)) {
      const key = keyOf(copy);
      if (keys.has(key)) held.push(copy);
      else if (locks.take(copy)) {
        keys.add(key);
        held.push(copy);
      }
    }
    if (held.length > 0) await selectAndSwap(port, name, held, services);
  } catch (error) {
    // The connection is over, which the session sees for itself, or a step could not be recorded.
    log.warn({ error: messageOf(error) }, 'released messages keep their notices until the mailbox is selected again');
  } finally {
    for (const copy of held) locks.free(copy);
  }
}

/** What was begun comes first: only when its copy is known is a further copy of the same message not mistaken for it. */
function inOrder(copies: readonly ReleasedCopy[]): readonly ReleasedCopy[] {
  const begun = (copy: ReleasedCopy) => (copy.step === 'waiting' ? 1 : 0);
  return copies
    .filter((copy) => copy.step !== 'done' && copy.step !== 'given-up')
    .sort((left, right) => begun(left) - begun(right) || left.uid - right.uid);
}

async function selectAndSwap(
  port: SwapPort,
  name: OutgoingCommand,
  copies: readonly ReleasedCopy[],
  services: SwapServices,
): Promise<void> {
  const opened = await select(port, name);
  if (opened === 'refused') return;
  try {
    if (opened.readOnly) return;
    if (!opened.deletes || !(await mayReplace(port, name))) {
      await giveUp(
        copies,
        'this user may not remove messages, so that the notices of released ones stay',
        services.log,
      );
      return;
    }
    if (opened.uidValidity === 0 || opened.uidNext === 0) {
      await giveUp(copies, 'no UIDNEXT, without which a copy could not be found again', services.log);
      return;
    }
    await swapAll(port, { ...opened, name, taken: takenBy(copies) }, copies, services);
  } finally {
    // RFC 3691. CLOSE would expunge, and a client's SELECT that fails must not find this mailbox selected.
    if (includes(port, 'UNSELECT')) await port.run([Buffer.from('UNSELECT')]);
  }
}

function takenBy(copies: readonly ReleasedCopy[]): Set<number> {
  return new Set(copies.flatMap(({ copyUid }) => (copyUid === undefined ? [] : [copyUid])));
}

async function swapAll(
  port: SwapPort,
  selected: SelectedForSwap,
  copies: readonly ReleasedCopy[],
  { log, now }: SwapServices,
): Promise<void> {
  const until = now() + limits.releaseSwap.beginMs;
  const unsettled = new Set<string>();
  for (const copy of copies) {
    if (now() >= until) return;
    if (unsettled.has(copy.sha256)) continue;
    const result: SwapResult = await swapOne(port, selected, copy);
    const record = { uid: copy.uid, copyUid: result.copyUid };
    if (result.kind === 'swapped') log.info(record, 'a released message took the place of its notice');
    if (result.kind !== 'swapped' && result.kind !== 'gone') unsettled.add(copy.sha256);
    if (result.kind === 'later' || result.kind === 'given-up') {
      log.warn({ ...record, reason: result.reason }, 'the notice of a released message stays');
    }
    if (result.kind === 'given-up') await copy.advance('given-up');
  }
}

async function giveUp(copies: readonly ReleasedCopy[], reason: string, log: SwapServices['log']): Promise<void> {
  log.warn({ reason, count: copies.length }, 'the notice of a released message stays');
  for (const copy of copies) await copy.advance('given-up');
}

interface Opened {
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly readOnly: boolean;
  /** RFC 9051 §7.1: \Deleted is among PERMANENTFLAGS, or there are none, which means all */
  readonly deletes: boolean;
}

async function select(port: SwapPort, name: OutgoingCommand): Promise<Opened | 'refused'> {
  let uidValidity = 0;
  let uidNext = 0;
  let deletes = true;
  const answer = await port.run([Buffer.from('SELECT '), ...name], (event) => {
    if (event.kind !== 'status' || event.code === undefined) return;
    const { code } = event;
    if (code.name === 'UIDVALIDITY') uidValidity = numberIn(code.text);
    else if (code.name === 'UIDNEXT') uidNext = numberIn(code.text);
    else if (code.name === 'PERMANENTFLAGS') deletes = /(?:^|[\s(])\\Deleted(?:$|[\s)])/i.test(code.text);
  });
  if (answer.status !== 'OK') return 'refused';
  return { uidValidity, uidNext, deletes, readOnly: answer.code?.name === 'READ-ONLY' };
}

/** RFC 4314 §4: COPY needs `i`, \Deleted `t`, EXPUNGE `e`; older servers say `d` for the last two. */
async function mayReplace(port: SwapPort, name: OutgoingCommand): Promise<boolean> {
  if (!port.offers('ACL')) return true;
  let rights: string | undefined;
  const answer = await port.run([Buffer.from('MYRIGHTS '), ...name], (event) => {
    if (event.kind === 'data' && event.name === 'MYRIGHTS')
      rights = / "?([A-Za-z0-9]*)"?\r\n$/.exec(event.raw.toString('latin1'))?.[1];
  });
  // Whoever does not say is asked by doing it.
  if (answer.status !== 'OK' || rights === undefined) return true;
  const has = (right: string) => rights?.includes(right) === true;
  return has('i') && (has('d') || (has('t') && has('e')));
}

/** RFC 9051 Appendix E: IMAP4rev2 includes both. */
function includes(port: SwapPort, extension: 'UIDPLUS' | 'UNSELECT'): boolean {
  return port.offers(extension) || port.offers('IMAP4REV2');
}

/** A decimal number at the start; 0 when there is none. */
function numberIn(text: string): number {
  const digits = /^ *(\d{1,10})\b/.exec(text)?.[1];
  return digits === undefined ? 0 : Number(digits);
}
