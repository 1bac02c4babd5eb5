/** Databases of old and young items with everything that may hang on them, and which of them may be forgotten. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { AuditTable } from '../../src/quarantine/audit.js';
import type { Database } from '../../src/quarantine/database.js';
import { ItemTable } from '../../src/quarantine/item-table.js';
import { verdict } from './held-message.js';

export const dayMs = 86_400_000;
export const now = Date.UTC(2027, 0, 1);
export const since = now - 365 * dayMs;
const upstreams = ['one:143', 'two:143'] as const;

/** How a message of a mailbox stands that refers to a notice. */
type Standing = 'none' | 'shown' | 'exchanged' | 'given-up';

export interface ItemPlan {
  readonly state: 'held' | 'release-requested' | 'request-denied' | 'released' | 'deleted' | 'expired';
  readonly released: boolean;
  readonly protocol: 'smtp' | 'imap';
  readonly days: number;
  readonly queued: boolean;
  readonly untold: boolean;
  readonly unanswered: boolean;
  readonly uncounted: boolean;
  readonly parcel: boolean;
  readonly heldAgainDays: number | undefined;
  readonly incidentDays: readonly number[];
  readonly notices: readonly { readonly upstream: 0 | 1; readonly message: Standing }[];
}

export interface WorldPlan {
  readonly items: readonly ItemPlan[];
  /** ages in days of incidents without an item, and of administrators' mails that name no event */
  readonly incidents: readonly number[];
  readonly mails: readonly { readonly days: number; readonly queued: boolean }[];
}

// Rarely and often old; what holds an item back is rare, so that something goes in nearly every world.
const days = fc.oneof(
  fc.integer({ min: 366, max: 900 }),
  fc.integer({ min: 0, max: 364 }),
  fc.constantFrom(365, 366, 364),
);
const rarely = fc.oneof({ weight: 24, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
const mostlyOld = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 366, max: 900 }) },
  { weight: 1, arbitrary: days },
);
const state = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('deleted' as const, 'expired' as const) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'held' as const,
      'release-requested' as const,
      'request-denied' as const,
      'released' as const,
    ),
  },
);
const standing = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('none' as const, 'exchanged' as const) },
  { weight: 1, arbitrary: fc.constantFrom('shown' as const, 'given-up' as const) },
);
const itemPlan: fc.Arbitrary<ItemPlan> = fc.record({
  state,
  released: fc.boolean(),
  protocol: fc.constantFrom('smtp' as const, 'imap' as const),
  days,
  queued: rarely,
  untold: rarely,
  unanswered: rarely,
  uncounted: rarely,
  parcel: fc.boolean(),
  heldAgainDays: fc.option(mostlyOld, { nil: undefined, freq: 6 }),
  incidentDays: fc.array(mostlyOld, { maxLength: 3 }),
  notices: fc.array(fc.record({ upstream: fc.constantFrom(0 as const, 1 as const), message: standing }), {
    maxLength: 3,
  }),
});
export const worldPlan: fc.Arbitrary<WorldPlan> = fc.record({
  items: fc.array(itemPlan, { minLength: 1, maxLength: 12 }),
  incidents: fc.array(days, { maxLength: 4 }),
  mails: fc.array(fc.record({ days, queued: rarely }), { maxLength: 6 }),
});

export interface Signature {
  readonly item: string;
  readonly upstream: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly coreSha256: string;
}

export interface World {
  /** what may be forgotten by the rules */
  readonly forgotten: ReadonlySet<string>;
  readonly kept: ReadonlySet<string>;
  /** messages by which released items are known, as they are found in mailboxes of a server */
  readonly known: readonly Signature[];
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex');
/** Of the form of a real one, and in the order of the numbers. */
function idOf(index: number): string {
  const letters = [...String(index).padStart(6, '0')].map((digit) => 'abcdefghij'[Number(digit)] ?? '');
  return letters.join('').padEnd(26, 'z');
}

/** Fills an empty database; what it writes by hand is what the tables of the store write. */
export class WorldBuilder {
  readonly #database: Database;
  readonly #items: ItemTable;
  readonly #audit: AuditTable;
  #uid = 0;

  constructor(database: Database) {
    this.#database = database;
    this.#items = new ItemTable(database);
    this.#audit = new AuditTable(database);
  }

  #run(sql: string, ...values: unknown[]): number {
    return Number(this.#database.prepare(sql).run(...values).lastInsertRowid);
  }

  build(plan: WorldPlan): World {
    this.#run("INSERT INTO imap_mailboxes VALUES (1, 'one:143', 'anna', 'name INBOX', 0, 'INBOX', 1, ?)", now);
    this.#run("INSERT INTO counters VALUES (?, 'smtp.expired', 7)", now);
    const known: Signature[] = [];
    const noticesOf: number[][] = [];
    for (const [index, item] of plan.items.entries()) noticesOf.push(this.#item(idOf(index), item, known));
    for (const [index, item] of plan.items.entries()) this.#acts(idOf(index), item, false);
    const counted = this.#database.prepare('SELECT max(seq) FROM audit').pluck().get() ?? 0;
    this.#run("INSERT INTO counter_state VALUES ('seen', 'audit', ?)", counted);
    for (const [index, item] of plan.items.entries()) this.#acts(idOf(index), item, true);
    for (const [index, age] of plan.incidents.entries()) this.#incident(`loose${index}`, null, now - age * dayMs);
    for (const { days: age, queued } of plan.mails) this.#mail('administrator', null, now - age * dayMs, queued);
    const newest = Math.max(0, ...noticesOf.flat());
    const forgotten = new Set<string>();
    const kept = new Set<string>();
    for (const [index, item] of plan.items.entries()) {
      const goes = mayGo(item) && !(noticesOf[index] ?? []).includes(newest);
      (goes ? forgotten : kept).add(idOf(index));
    }
    return { forgotten, kept, known };
  }

  #item(id: string, plan: ItemPlan, known: Signature[]): number[] {
    const created = now - plan.days * dayMs;
    const [sha256, bytes] = [digest(id), 1000 + this.#uid];
    const recipients = ['anna@example.org', 'carl@example.org'].map((address) => ({ address, parameters: [] }));
    this.#items.insert(
      {
        id,
        state: plan.state,
        sha256,
        bytes,
        envelope: { mailFrom: 'bob@example.net', mailParameters: [], recipients },
        listener: 'inbound',
        protocol: plan.protocol,
        clientAddress: '192.0.2.1',
        verdict: verdict(),
        facts: { messageId: undefined, date: undefined, problems: [], findings: [], omitted: 0 },
        subject: 'Your invoice',
        from: undefined,
        created,
        expires: created + 30 * dayMs,
        blobBytes: 5000,
      },
      id,
    );
    if (isReleased(plan)) this.#run('UPDATE items SET was_released = 1 WHERE id = ?', id);
    this.#told(id, created, plan);
    for (const [index, age] of plan.incidentDays.entries()) this.#incident(`${id} ${index}`, id, now - age * dayMs);
    const notices = plan.notices.map(({ upstream, message }, index) =>
      this.#notice(id, `${id} notice ${index}`, upstreams[upstream], message, isReleased(plan) ? known : []),
    );
    if (isReleased(plan) && plan.protocol === 'smtp') known.push(...everywhere(id, bytes, sha256));
    if (plan.parcel && plan.protocol === 'smtp' && isReleased(plan)) {
      this.#items.addParcel(id, bytes + 500, digest(`${id} parcel`));
      known.push(...everywhere(id, bytes + 500, digest(`${id} parcel`)));
    }
    return notices;
  }

  #told(id: string, created: number, plan: ItemPlan): void {
    for (const recipient of ['anna@example.org', 'carl@example.org']) {
      const notice = this.#mail('notice', id, created, plan.queued);
      const answered = plan.unanswered && recipient.startsWith('carl') ? null : notice;
      const hash = Buffer.from(digest(`${id} ${recipient}`), 'hex');
      this.#run('INSERT INTO tokens VALUES (?, ?, ?, ?, ?, NULL, NULL)', hash, id, recipient, 'request', created);
      this.#run(
        "INSERT INTO recipient_answers (item, recipient, answer, at, mail) VALUES (?, ?, 'expired', ?, ?)",
        id,
        recipient,
        created,
        answered,
      );
    }
    const mail = plan.untold ? null : this.#mail('administrator', null, created, false);
    this.#run(
      "INSERT INTO administrator_events (administrator, event, item, at, actor, mail) VALUES ('ops@example.org', 'blocked', ?, ?, 'gate', ?)",
      id,
      created,
      mail,
    );
  }

  #notice(id: string, name: string, upstream: string, message: string, known: Signature[]): number {
    const signature = {
      item: id,
      upstream,
      bytes: 2000 + this.#uid,
      sha256: digest(name),
      coreSha256: digest(`${name} core`),
    };
    const row = this.#run(
      'INSERT INTO imap_notices (upstream, sha256, bytes, core_sha256, item, message) VALUES (?, ?, ?, ?, ?, ?)',
      upstream,
      signature.sha256,
      signature.bytes,
      signature.coreSha256,
      id,
      Buffer.from(name),
    );
    this.#run('INSERT INTO imap_told VALUES (?, ?, ?)', upstream, signature.sha256, 'anna');
    known.push(signature, { ...signature, bytes: 1, sha256: digest(`other trace of ${name}`) });
    this.#uid += 1;
    if (message === 'none') return row;
    this.#run('INSERT INTO imap_messages VALUES (1, ?, 3, 2000, 0, ?)', this.#uid, row);
    const step = { exchanged: 'done', 'given-up': 'given-up' }[message];
    if (step !== undefined) this.#run('INSERT INTO imap_swaps VALUES (1, ?, ?, NULL, NULL)', this.#uid, step);
    return row;
  }

  #acts(id: string, plan: ItemPlan, late: boolean): void {
    const at = now - plan.days * dayMs;
    const append = (action: string, when: number) =>
      this.#audit.append({ at: when, actor: 'gate', action, item: id, detail: {} });
    if (late) {
      if (plan.uncounted) append(plan.state, at);
      return;
    }
    append('held', at);
    if (plan.heldAgainDays !== undefined) append('held-again', now - plan.heldAgainDays * dayMs);
  }

  #incident(id: string, item: string | null, at: number): void {
    const values = [
      id,
      item,
      at,
      'smtp',
      'inbound',
      '192.0.2.1',
      'block',
      10,
      'EICAR',
      'bob',
      '[]',
      null,
      '[]',
      'new',
      '[]',
    ];
    this.#run(`INSERT INTO incidents VALUES (${values.map(() => '?').join()})`, ...values);
  }

  #mail(kind: string, item: string | null, at: number, queued: boolean): number {
    return this.#run(
      'INSERT INTO outbox (kind, state, item, listener, recipient, message_id, created, next_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      kind,
      queued ? 'queued' : 'sent',
      item,
      'inbound',
      'anna@example.org',
      'm',
      at,
      at,
    );
  }
}

function everywhere(item: string, bytes: number, sha256: string): Signature[] {
  return upstreams.map((upstream) => ({ item, upstream, bytes, sha256, coreSha256: digest(`${sha256} elsewhere`) }));
}

function isReleased(plan: ItemPlan): boolean {
  return plan.state === 'released' || (plan.released && (plan.state === 'expired' || plan.state === 'deleted'));
}

/** The rules, said once more in another way. */
function mayGo(plan: ItemPlan): boolean {
  if (plan.state !== 'deleted' && plan.state !== 'expired') return false;
  const young = [plan.days, ...plan.incidentDays, plan.heldAgainDays ?? 1000].some((age) => age < 365);
  const stands = plan.notices.some(({ message }) => message === 'shown' || message === 'given-up');
  return !young && !stands && !plan.queued && !plan.untold && !plan.unanswered && !plan.uncounted;
}
