/** The rules of a held message's life as a small model, and lives at random that the store has to agree about. */
import fc from 'fast-check';
import type { TokenAnswer } from '../../src/quarantine/lifecycle-store.js';
import type { RecipientMay } from '../../src/quarantine/token-table.js';
import { anna, carl, type HeldItem, holdWithLinks, publicUrl } from './lifecycle-stage.js';
import { accepted, refused } from './postman.js';
import { policy, type TestVault } from './test-vault.js';

type Who = 0 | 1;
type Act =
  | { readonly kind: 'request' | 'release' | 'delete'; readonly who: Who }
  | { readonly kind: 'deny' | 'adminRelease' | 'adminDelete' | 'expire' | 'deliver' | 'bounce' }
  | { readonly kind: 'may'; readonly may: RecipientMay };

const people = [anna, carl] as const;
const over = new Set(['released', 'deleted', 'expired']);

class Model {
  state = 'held';
  releasing: string | undefined;
  may: RecipientMay;
  readonly made: RecipientMay;
  readonly asked = [false, false];
  readonly owed: string[] = [];

  constructor(may: RecipientMay) {
    this.may = may;
    this.made = may;
  }

  get strong(): boolean {
    return this.may === 'release' && this.made === 'release';
  }

  tell(answer: string, actor: string): void {
    for (const [index, person] of people.entries()) {
      if (this.asked[index] === true && actor !== `recipient:${person}`) this.owed.push(`${person} ${answer}`);
    }
  }

  end(state: 'deleted' | 'expired', actor: string): void {
    if (this.state === 'release-requested') this.tell(state, actor);
    this.state = state;
    this.releasing = undefined;
  }

  /** What the act answers. */
  apply(act: Act): string {
    const open = !over.has(this.state) && this.releasing === undefined;
    switch (act.kind) {
      case 'may':
        this.may = act.may;
        return '';
      case 'request': {
        const may = open && (this.state === 'held' || (this.state === 'release-requested' && !this.asked[act.who]));
        if (!may) return this.asked[act.who] === true ? 'already' : 'refused';
        this.asked[act.who] = true;
        this.state = 'release-requested';
        return 'done';
      }
      case 'release':
        if (this.releasing !== undefined || this.state === 'released') return 'already';
        if (!open || !this.strong || this.state === 'request-denied') return 'refused';
        this.releasing = `recipient:${people[act.who]}`;
        return 'done';
      case 'delete':
        if (this.state === 'deleted') return 'already';
        if (this.releasing !== undefined) return 'busy';
        if (!open || !this.strong) return 'refused';
        this.end('deleted', `recipient:${people[act.who]}`);
        return 'done';
      case 'deny':
        if (this.state === 'request-denied') return 'false';
        if (this.state !== 'release-requested' || this.releasing !== undefined) return 'state-conflict';
        this.state = 'request-denied';
        this.tell('denied', 'cli:root');
        return 'true';
      case 'adminRelease':
        if (this.state === 'released') return 'released';
        if (over.has(this.state)) return 'state-conflict';
        this.releasing ??= 'cli:root';
        return 'queued';
      case 'adminDelete':
        if (this.state === 'deleted' || this.state === 'expired') return 'false';
        this.end('deleted', 'cli:root');
        return 'true';
      case 'expire':
        if (this.state === 'deleted' || this.state === 'expired' || this.releasing !== undefined) return 'false';
        this.end('expired', 'retention');
        return 'true';
      case 'deliver':
        if (this.releasing === undefined) return 'nothing';
        this.tell('released', this.releasing);
        this.state = 'released';
        this.releasing = undefined;
        return 'sent';
      case 'bounce':
        if (this.releasing === undefined) return 'nothing';
        this.releasing = undefined;
        return 'failed';
    }
  }
}

async function settle(test: TestVault, item: HeldItem, delivered: boolean): Promise<string> {
  const { vault, clock } = test;
  const mails = await vault.store.call('claim', clock.now, 'model', 1000);
  await vault.store.call('releaseLeases', 'model');
  const mail = mails.find(({ kind, item: id }) => kind === 'release' && id === item.id);
  if (mail === undefined) return 'nothing';
  const replies = people.map((address, position) => ({
    position,
    reply: delivered ? accepted(address) : refused(address, 550),
  }));
  const subscribers = { blocked: [], released: [], 'release-requested': [] };
  return vault.store.call('settleRelease', mail.id, replies, subscribers, clock.now);
}

async function run(act: Act, test: TestVault, item: HeldItem): Promise<string> {
  const { vault, clock } = test;
  const tokenOf = (who: Who) => (who === 0 ? item.first : item.second);
  const outcome = async (answer: Promise<TokenAnswer>) => (await answer).outcome;
  switch (act.kind) {
    case 'may':
      vault.reload({ ...policy, publicUrl, recipientMay: act.may });
      return '';
    case 'request':
      return outcome(vault.requestRelease(tokenOf(act.who)));
    case 'release':
      return outcome(vault.releaseByToken(tokenOf(act.who)));
    case 'delete':
      return outcome(vault.deleteByToken(tokenOf(act.who)));
    case 'deny':
      return String(await vault.deny(item.id, 'cli:root'));
    case 'adminRelease':
      return (await vault.release(item.id, 'cli:root')).kind;
    case 'adminDelete':
      return String(await vault.store.call('remove', item.id, 'deleted', 'cli:root', clock.now));
    case 'expire':
      return String(await vault.store.call('remove', item.id, 'expired', 'retention', clock.now));
    case 'deliver':
      return settle(test, item, true);
    case 'bounce':
      return settle(test, item, false);
  }
}

function expectSame(what: string, found: unknown, wanted: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${what}: ${left} and not ${right}`);
}

async function check(model: Model, test: TestVault, item: HeldItem): Promise<void> {
  expectSame('state', (await test.vault.detail(item.id)).item.state, model.state);
  const owed = (await test.vault.store.call('dueAnswers')).filter((answer) => answer.item === item.id);
  expectSame(
    'answers',
    owed.map(({ recipient, answer }) => `${recipient} ${answer}`),
    model.owed,
  );
  for (const [index, token] of [item.first, item.second].entries()) {
    const view = await test.vault.personalView(token);
    const idle = !over.has(model.state) && model.releasing === undefined;
    const { state, releasing, mayRequest, mayRelease, mayDelete } = view ?? {};
    const undecided = idle && model.state !== 'request-denied';
    expectSame(
      'view',
      { state, releasing, mayRequest, mayRelease, mayDelete, mail: view?.mail !== undefined },
      {
        state: model.state,
        releasing: model.releasing !== undefined,
        mayRequest: undecided && (model.state === 'held' || model.asked[index] !== true),
        mayRelease: undecided && model.strong,
        mayDelete: idle && model.strong,
        mail: !over.has(model.state),
      },
    );
  }
}

const who = fc.constantFrom<Who>(0, 1);
const may = fc.constantFrom<RecipientMay>('request', 'release');
const anAct: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ kind: fc.constantFrom('request' as const, 'release' as const, 'delete' as const), who }),
  fc.record({ kind: fc.constantFrom('deny' as const, 'adminRelease' as const, 'deliver' as const, 'bounce' as const) }),
  fc.record({ kind: fc.constantFrom('adminDelete' as const, 'expire' as const) }),
  fc.record({ kind: fc.constant('may' as const), may }),
);
const weighted = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('request' as const), who }) as fc.Arbitrary<Act> },
  { weight: 3, arbitrary: fc.constantFrom<Act>({ kind: 'deny' }, { kind: 'adminRelease' }, { kind: 'deliver' }) },
  { weight: 4, arbitrary: anAct },
);

/** Throws with the shortest life that the store and the model see differently. */
export async function checkLives(test: TestVault): Promise<{ readonly runs: number; readonly acts: number }> {
  let runs = 0;
  let acts = 0;
  const life = fc.asyncProperty(may, fc.array(weighted, { minLength: 3, maxLength: 12 }), async (first, list) => {
    runs += 1;
    test.vault.reload({ ...policy, publicUrl, recipientMay: first });
    const item = await holdWithLinks(test.vault, Buffer.from(`Subject: ${runs}\r\n\r\n${runs}\r\n`));
    const model = new Model(first);
    for (const act of list) {
      acts += 1;
      const found = await run(act, test, item).catch((error: { code?: string }) => error.code ?? String(error));
      expectSame(`answer of ${JSON.stringify(act)}`, found, model.apply(act));
      await check(model, test, item);
    }
    // The list of what is owed is bounded, and this life's share of it was looked at.
    for (const answer of await test.vault.store.call('dueAnswers')) {
      const mail = {
        kind: 'notice',
        item: answer.item,
        listener: 'inbound',
        recipient: 'x',
        message: undefined,
      } as const;
      await test.vault.store.call('queueAnswer', answer.id, { ...mail, messageId: String(answer.id) }, test.clock.now);
    }
  });
  await fc.assert(life, { numRuns: 80 });
  return { runs, acts };
}
