/** The judge of mailboxes with its real store, inspector and sealing, and a policy that the test swaps. */
import type { Test } from 'tap';
import { parseConfig } from '../../src/config/load.js';
import type { Account, Intake, Mailbox, MailboxIdentity, Ruling } from '../../src/imap/handler.js';
import { createInspector, type Inspector } from '../../src/inspect/inspection.js';
import { DeliveredFiles } from '../../src/pipeline/delivered.js';
import { createImapHandler, createImapServices } from '../../src/pipeline/imap-handler.js';
import type { ImapListenerFacts, ImapServices } from '../../src/pipeline/imap-services.js';
import type { PipelineServices } from '../../src/pipeline/services.js';
import { buildLivePolicy, type LivePolicy } from '../../src/policy/live-policy.js';
import type { StoreAccess, StoreMethod } from '../../src/quarantine/store-access.js';
import type { Vault } from '../../src/quarantine/vault.js';
import { createLog } from '../../src/runtime/log.js';
import { createMetrics } from '../../src/runtime/metrics.js';
import { SpoolPool } from '../../src/runtime/spool.js';
import type { Backend } from '../../src/scoring/backend.js';
import { EmbeddedBackend } from '../../src/scoring/embedded.js';
import { Scorer } from '../../src/scoring/scorer.js';
import { FakeBackend } from './fake-backend.js';
import { folderOf } from './running.js';
import { openVault, type TestVault } from './test-vault.js';

const minimal =
  'imap: { listeners: [{ listen: "127.0.0.1:1143", upstream: { host: imap.example.org } }] }\nsmtp: { listeners: [] }';

export const listener: ImapListenerFacts = {
  name: 'imap',
  upstream: { host: 'imap.example.org', port: 143 },
  messageBytesMax: 1_073_741_824,
};
export const peer = { address: '192.0.2.9', port: 40_000, tls: false, servername: undefined };

/** @param yaml sections beside the listener */
export async function policyOf(yaml: string): Promise<LivePolicy> {
  const { config, problems } = parseConfig(`${yaml}\n${yaml.includes('imap:\n') ? '' : minimal}`, '/etc/gate.yaml');
  if (config === undefined) throw new Error(JSON.stringify(problems));
  const { snapshot } = await buildLivePolicy(config);
  if (snapshot === undefined) throw new Error('no policy');
  return snapshot;
}

export interface JudgeOptions {
  readonly yaml?: string;
  /** a folder that an earlier judge used */
  readonly directory?: string;
  readonly inspector?: (real: Inspector) => Inspector;
  /** called before each call to the store */
  readonly store?: (method: StoreMethod) => void;
  readonly embedded?: boolean;
  readonly listener?: Partial<ImapListenerFacts>;
  readonly publicUrl?: string;
  readonly subscribers?: readonly string[];
}

export class JudgeFixture {
  readonly services: ImapServices;
  readonly backend: FakeBackend;
  readonly test: TestVault;
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  readonly listener: ImapListenerFacts;
  policy: LivePolicy;

  private constructor(
    test: TestVault,
    policy: LivePolicy,
    backend: FakeBackend,
    services: ImapServices,
    about: ImapListenerFacts,
    lines: JudgeFixture['lines'],
  ) {
    this.test = test;
    this.policy = policy;
    this.backend = backend;
    this.services = services;
    this.listener = about;
    this.lines = lines;
  }

  static async open(t: Test, options: JudgeOptions = {}): Promise<JudgeFixture> {
    const administrators = (options.subscribers ?? []).map((address) => ({ address, notify: ['blocked'] as const }));
    const test = await openVault(t, {
      ...(options.directory === undefined ? {} : { directory: options.directory }),
      policy: { administrators, publicUrl: options.publicUrl },
    });
    const backend = new FakeBackend();
    const holder: { fixture?: JudgeFixture } = {};
    const first = await policyOf(options.yaml ?? '');
    const policy = () => holder.fixture?.policy ?? first;
    const backends: Backend[] = options.embedded === false ? [] : [new EmbeddedBackend(() => policy().feeds)];
    const scorer = new Scorer([...backends, backend], () => policy().scorer);
    const real = createInspector();
    const lines: Record<string, unknown>[] = [];
    const stream = { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) };
    const log = createLog({ level: 'debug', addresses: 'full', file: undefined }, stream);
    const pipeline: PipelineServices = {
      inspector: options.inspector?.(real) ?? real,
      scorer,
      quarantine: test.vault,
      policy,
      delivered: new DeliveredFiles(() => ({ score: 0, name: '' }), Date.now),
      releaseKey: Buffer.alloc(32, 7),
      log: log.logger,
      metrics: createMetrics(),
      now: () => performance.now(),
      clock: () => test.clock.now,
      supervise: (work) => void work,
    };
    const vault = options.store === undefined ? test.vault : watched(test.vault, options.store);
    const services = createImapServices(pipeline, vault, new SpoolPool(folderOf(t)));
    const fixture = new JudgeFixture(test, first, backend, services, { ...listener, ...options.listener }, lines);
    holder.fixture = fixture;
    t.teardown(async () => {
      services.tally.flush();
      await scorer.close();
      await real.close();
    });
    return fixture;
  }

  account(user: string | undefined = 'anna@example.org', about: Partial<ImapListenerFacts> = {}): Account {
    return createImapHandler(this.services, { ...this.listener, ...about }).account(peer, user);
  }

  async mailbox(
    user: string | undefined = 'anna@example.org',
    identity: Partial<MailboxIdentity> = {},
  ): Promise<Mailbox> {
    return this.account(user).open(identityOf(identity));
  }
}

export function identityOf(identity: Partial<MailboxIdentity> = {}): MailboxIdentity {
  return {
    name: 'INBOX',
    mailboxId: undefined,
    uidValidity: 7,
    uidNext: undefined,
    readOnly: false,
    utf8: false,
    ...identity,
  };
}

/** The whole way of a message to its client. */
export async function read(mailbox: Mailbox, uid: number, mail: Buffer, chunkBytes = 65_536): Promise<Ruling> {
  const intake = take(mailbox, mail, chunkBytes);
  try {
    return await intake.judge({ uid });
  } finally {
    intake.close();
  }
}

export function take(mailbox: Mailbox, mail: Buffer, chunkBytes = 65_536): Intake {
  const intake = mailbox.receive();
  for (let at = 0; at < mail.length; at += chunkBytes) intake.write(mail.subarray(at, at + chunkBytes));
  return intake;
}

function watched(vault: Vault, before: (method: StoreMethod) => void): Vault {
  const { store } = vault;
  const access: StoreAccess = {
    call: async (method, ...args) => {
      before(method);
      return store.call(method, ...args);
    },
    close: () => store.close(),
  };
  Object.defineProperty(vault, 'store', { value: access });
  return vault;
}

export function noticeOf(ruling: Ruling): Extract<Ruling, { readonly kind: 'notice' }> {
  if (ruling.kind !== 'notice') throw new Error(`not a notice: ${JSON.stringify(ruling)}`);
  return ruling;
}
