/**
 * The life of a held message in the store: what recipients may do with their links, what administrators decide about
 * requests, and its end. Each act is one transaction with its audit row and everything that somebody has to be told.
 */
import { GateError } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Subscribers } from './administrator-table.js';
import type { Item } from './item.js';
import type { ReleaseForm } from './outbox-table.js';
import { decisionOf, type PersonalView, personalView, receivedBy } from './personal-view.js';
import { fitsForm, type ReleaseStore } from './release-store.js';
import type { StoreTables } from './store-tables.js';
import { isRecipientActor, type RecipientMay, recipientActor, type Token } from './token-table.js';

/** What the configuration says at this moment about acts of recipients. */
export interface RecipientRules {
  readonly may: RecipientMay;
  readonly releaseAs: ReleaseForm;
  readonly subscribers: Subscribers;
}

/** What came of the wish of a token's bearer. */
export interface TokenAnswer {
  /** how things stand now; undefined when the link grants nothing */
  readonly view: PersonalView | undefined;
  /**
   * `done`: this call did it. `already`: it was done before, or is under way. `refused`: it is not his to do, or not
   * any more. `busy`: the message is being released at this moment.
   */
  readonly outcome: 'done' | 'already' | 'refused' | 'busy';
}

type ViewRules = Pick<RecipientRules, 'may' | 'releaseAs'>;
const leastRules: ViewRules = { may: 'request', releaseAs: 'original' };

type Known = { readonly token: Token; readonly item: Item; readonly view: PersonalView };

export class LifecycleStore {
  readonly #tables: StoreTables;
  readonly #releases: ReleaseStore;

  constructor(tables: StoreTables, releases: ReleaseStore) {
    this.#tables = tables;
    this.#releases = releases;
  }

  /**
   * What the bearer of a token may see; undefined alike for a token that never was and one that grants nothing.
   * @param rules the configuration of this moment; his token may give him less
   */
  personalView(hash: Uint8Array, now: number, rules: ViewRules = leastRules): PersonalView | undefined {
    return this.#known(hash, now, rules)?.view;
  }

  #known(hash: Uint8Array, now: number, rules: ViewRules): Known | undefined {
    const token = this.#tables.tokens.find(hash);
    if (token === undefined) return undefined;
    const item = this.#tables.item(token.item);
    const open = this.#tables.outbox.openRelease(item.id, now);
    const audit = this.#tables.audit.ofItem(item.id);
    const { may, releaseAs } = rules;
    const view = personalView(token, item, {
      may,
      releasable: fitsForm(item, releaseAs),
      releasing: open !== undefined,
      decision: decisionOf(item.state, audit),
      form: open?.releaseAs ?? releaseAs,
      received: receivedBy(token.recipient, this.#tables.items.deliveries(item.id), audit),
      now,
    });
    return view === undefined ? undefined : { token, item, view };
  }

  /** One act of a token's bearer, and how things stand after it. */
  #act(hash: Uint8Array, now: number, rules: ViewRules, act: (known: Known) => TokenAnswer['outcome']): TokenAnswer {
    return this.#tables.write(() => {
      const known = this.#known(hash, now, rules);
      if (known === undefined) return { view: undefined, outcome: 'refused' };
      const outcome = act(known);
      return { view: this.personalView(hash, now, rules), outcome };
    });
  }

  /**
   * Asks for a release on behalf of a token's recipient. Asking again is no error: `asked` says whether this call
   * changed anything.
   */
  requestRelease(hash: Uint8Array, now: number, rules?: RecipientRules): TokenAnswer & { readonly asked: boolean } {
    const answer = this.#act(hash, now, rules ?? leastRules, ({ token, item, view }) => {
      if (!view.mayRequest) return view.requestedAt === undefined ? 'refused' : 'already';
      this.#tables.items.setState(item.id, 'release-requested');
      this.#tables.tokens.use(hash, now);
      const actor = recipientActor(token.recipient);
      this.#tables.administrators.add(
        rules?.subscribers['release-requested'] ?? [],
        'release-requested',
        item.id,
        now,
        actor,
      );
      this.#tables.audit.append({ at: now, actor, action: 'release-requested', item: item.id, detail: {} });
      return 'done';
    });
    return { ...answer, asked: answer.outcome === 'done' };
  }

  /** Orders the release to all recipients on behalf of one; the outbox does the rest. */
  releaseByToken(hash: Uint8Array, now: number, rules: RecipientRules): TokenAnswer {
    return this.#act(hash, now, rules, ({ token, item, view }) => {
      if (view.releasing || view.state === 'released') return 'already';
      if (!view.mayRelease) return 'refused';
      this.#releases.queueRelease(
        item.id,
        recipientActor(token.recipient),
        now,
        undefined,
        rules.subscribers,
        rules.releaseAs,
      );
      return 'done';
    });
  }

  /** Deletes for all recipients on behalf of one; the caller removes the file, also when it was deleted before. */
  deleteByToken(hash: Uint8Array, now: number, rules: RecipientRules): TokenAnswer {
    return this.#act(hash, now, rules, ({ token, item, view }) => {
      if (view.state === 'deleted') return 'already';
      if (view.releasing) return 'busy';
      if (!view.mayDelete) return 'refused';
      this.#end(item, 'deleted', recipientActor(token.recipient), now, rules.subscribers);
      return 'done';
    });
  }

  /**
   * Refuses what was asked for; whoever asked is told. False when that was done before. An administrator may still
   * release the message, a recipient may not ask again.
   */
  denyRequest(id: string, by: string, now: number, reason?: string): boolean {
    return this.#tables.write(() => {
      const { state } = this.#tables.item(id);
      if (state === 'request-denied') return false;
      if (state !== 'release-requested') {
        const why = state === 'held' ? 'nobody asked for its release' : `it is ${state}`;
        throw new GateError('state-conflict', `item ${id}: ${why}, so there is nothing to deny`, { temporary: false });
      }
      if (this.#tables.outbox.openRelease(id, now) !== undefined) {
        throw new GateError('state-conflict', `item ${id} is being released: its request cannot be denied any more`);
      }
      const words = reason?.trim().slice(0, limits.quarantine.reasonCharacters);
      const given = words === '' ? undefined : words;
      this.#tables.items.setState(id, 'request-denied');
      this.#tables.answerRequests(id, 'denied', given, by, now);
      const detail = given === undefined ? {} : { reason: given };
      this.#tables.audit.append({ at: now, actor: by, action: 'request-denied', item: id, detail });
      return true;
    });
  }

  /**
   * Marks an item deleted; the caller removes its file. Deleting it again is no error. False when it was gone before.
   * An item does not expire while its release waits.
   */
  remove(id: string, state: 'deleted' | 'expired', by: string, now: number): boolean {
    return this.#tables.write(() => {
      const item = this.#tables.item(id);
      if (item.state === 'deleted' || item.state === 'expired') return false;
      const open = this.#tables.outbox.openRelease(id, now);
      if (open !== undefined && state === 'expired') return false;
      if (open?.leased === true) {
        throw new GateError('state-conflict', `item ${id} is being released at this moment: try again`);
      }
      this.#tables.outbox.cancelRelease(id, `the item is ${state}`);
      this.#end(item, state, by, now, undefined);
      return true;
    });
  }

  /** @param subscribers are told of what a recipient deletes */
  #end(item: Item, state: 'deleted' | 'expired', by: string, now: number, subscribers: Subscribers | undefined): void {
    const { items, tokens, administrators, audit } = this.#tables;
    items.setState(item.id, state);
    tokens.revokeOf(item.id, now);
    if (isRecipientActor(by)) administrators.add(subscribers?.released ?? [], 'deleted', item.id, now, by);
    if (item.state === 'release-requested') this.#tables.answerRequests(item.id, state, undefined, by, now);
    audit.append({ at: now, actor: by, action: state, item: item.id, detail: { was: item.state } });
  }

  dueForExpiry(now: number, max: number): string[] {
    return this.#tables.items.due(now, max);
  }
}
