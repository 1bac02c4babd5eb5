/** The administrators' pages over a quarantine of their own, and a browser that keeps its cookies. */
import { randomBytes, scryptSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { formatPasswordRecord } from '../../src/config/password-record.js';
import type { ConsoleAccount } from '../../src/portal/console/accounts.js';
import type { HealthFacts } from '../../src/portal/console/health-facts.js';
import type { ConsoleOptions } from '../../src/portal/console/options.js';
import { registerConsole } from '../../src/portal/console/register.js';
import { Previewer } from '../../src/portal/preview/previewer.js';
import { createPortal } from '../../src/portal/server.js';
import { openVault, policy, type TestVault } from './test-vault.js';

export const password = 'correct horse battery';

/** A record as cheap as one may be: tests sign in often. */
export function cheapRecord(text: string): string {
  const salt = randomBytes(16);
  const costs = { ln: 14, r: 8, p: 1 };
  const hash = scryptSync(text, salt, 32, { N: 2 ** 14, r: 8, p: 1, maxmem: 67_108_864 });
  return formatPasswordRecord({ ...costs, salt, hash });
}

export const health: HealthFacts = {
  version: '0.1.0',
  runtime: 'v20.20.0',
  started: Date.UTC(2026, 1, 27, 3, 4),
  ready: true,
  listeners: [
    { name: 'inbound', protocol: 'smtp', place: '127.0.0.1:2525', upstream: 'mail.example.org:25', state: 'ok' },
    { name: 'mailboxes', protocol: 'imap', place: '[::1]:1143', upstream: 'imap.example.org:143', state: 'ok' },
  ],
  backends: [
    { name: 'embedded', up: true, detail: 'rules of version 7', lastAnswerMs: undefined },
    { name: 'clamd', up: false, detail: 'connect ECONNREFUSED 127.0.0.1:3310', lastAnswerMs: Date.UTC(2026, 1, 28) },
  ],
  portal: 'ok',
  spool: { bytes: 1_234_567, files: 2, inspectionsQueued: 0 },
  disk: { folder: '/var/lib/sluice', freeBytes: 40e9, totalBytes: 100e9, databaseBytes: 12_345_678 },
  configuration: {
    file: '/etc/sluice/sluice.yaml',
    problems: ['/etc/sluice/sluice.yaml:12:3: warning: lists.allowFields, expected no body-sender'],
    restartKeys: [],
    reading: 'first',
  },
};

export interface ConsoleStage extends TestVault {
  readonly app: FastifyInstance;
  readonly accounts: ConsoleAccount[];
  readonly options: ConsoleOptions;
  url: string;
  statuses: number[];
  browser(address?: string): Browser;
}

/** The part of a tap test that we need. */
interface Ending {
  teardown(work: () => unknown): void;
}

export async function openConsole(
  t: Ending,
  settings: {
    readonly url?: string;
    readonly names?: readonly string[];
    readonly options?: Partial<ConsoleOptions>;
  } = {},
): Promise<ConsoleStage> {
  const opened = await openVault(t, { policy: { publicUrl: 'http://127.0.0.1:8080' } });
  const { vault, clock, lines, directory } = opened;
  const accounts = (settings.names ?? ['root', 'second']).map((name) => {
    const passwordFile = join(directory, `${name}.password`);
    writeFileSync(passwordFile, `${cheapRecord(password)}\n`, { mode: 0o600 });
    return { name, passwordFile };
  });
  const statuses: number[] = [];
  const preview = new Previewer({ vault, log: () => undefined });
  t.teardown(() => preview.close());
  const stage = { url: settings.url ?? 'http://127.0.0.1:8080' };
  const log: ConsoleOptions['log'] = (level, event, fields) => lines.push({ level, event, fields });
  const options: ConsoleOptions = {
    store: vault.store,
    vault,
    preview,
    health: async () => health,
    accounts: () => accounts,
    url: () => stage.url,
    secret: Buffer.alloc(32, 9),
    clock: () => clock.now,
    log,
    ...settings.options,
  };
  const app = createPortal({
    vault,
    preview: { preview: async () => ({ kind: 'unavailable', reason: 'no-identity' }) },
    notice: () => policy.notice,
    publicUrl: () => stage.url,
    formKey: Buffer.alloc(32, 7),
    clock: () => clock.now,
    log,
    answered: (status) => statuses.push(status),
    console: (instance) => registerConsole(instance, options),
  });
  t.teardown(() => app.close());
  const browser = (address = '127.0.0.1') => new Browser(app, address);
  return Object.assign(stage, { ...opened, app, accounts, options, statuses, browser });
}

export function csrfOf(page: string): string {
  return /name="csrf" value="([\w-]+)"/.exec(page)?.[1] ?? '';
}

export class Browser {
  readonly cookies = new Map<string, string>();
  readonly #app: FastifyInstance;
  readonly #address: string;
  /** the value that stands in the forms of the last page */
  csrf = '';

  constructor(app: FastifyInstance, address: string) {
    this.#app = app;
    this.#address = address;
  }

  async #send(options: {
    method: 'GET' | 'POST' | 'HEAD' | 'PUT';
    url: string;
    headers?: Readonly<Record<string, string>>;
    payload?: string;
  }): Promise<LightMyRequestResponse> {
    const cookies = Object.fromEntries(this.cookies);
    const answer = await this.#app.inject({ ...options, cookies, remoteAddress: this.#address });
    for (const { name, value, expires } of answer.cookies) {
      if (expires !== undefined && expires.getTime() === 0) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const csrf = csrfOf(answer.body);
    if (csrf !== '') this.csrf = csrf;
    return answer;
  }

  get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<LightMyRequestResponse> {
    return this.#send({ method: 'GET', url, headers });
  }

  other(method: 'HEAD' | 'PUT', url: string): Promise<LightMyRequestResponse> {
    return this.#send({ method, url });
  }

  /** Sends a form with the value of the last page, unless the fields say another. */
  post(
    url: string,
    fields: Readonly<Record<string, string | readonly string[]>> = {},
    headers: Readonly<Record<string, string>> = {},
  ): Promise<LightMyRequestResponse> {
    const form = new URLSearchParams();
    for (const [name, value] of Object.entries({ csrf: this.csrf, ...fields })) {
      for (const one of typeof value === 'string' ? [value] : value) form.append(name, one);
    }
    const type = { 'content-type': 'application/x-www-form-urlencoded', ...headers };
    return this.#send({ method: 'POST', url, headers: type, payload: form.toString() });
  }

  async signIn(name = 'root', given = password, next = ''): Promise<LightMyRequestResponse> {
    await this.get('/admin/sign-in');
    return this.post('/admin/sign-in', { name, password: given, next });
  }
}
