/** The pages of recipients over real HTTP, and a vault behind them whose clock the test owns. */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import type { Test } from 'tap';
import { Previewer } from '../../src/portal/preview/previewer.js';
import { createPortal } from '../../src/portal/server.js';
import type { Item } from '../../src/quarantine/item.js';
import type { QuarantineLog, QuarantinePolicy } from '../../src/quarantine/settings.js';
import { newToken, type TokenAction, tokenHash } from '../../src/quarantine/token-table.js';
import { holdRequest } from './held-message.js';
import { openVault, policy, type TestVault } from './test-vault.js';

export const publicUrl = 'https://q.example.org';
export const dayMs = 86_400_000;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One request as its bytes should be: fetch would not send some of these fields. */
export function ask(port: number, path: string, asking: Asking = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = asking;
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { statusCode = 0, headers: fields } = response;
        resolve({ status: statusCode, headers: fields, body: Buffer.concat(chunks).toString('utf8') });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

export const formType = { 'content-type': 'application/x-www-form-urlencoded' };

export function nonceOf(page: string): string {
  return /name="nonce" value="([\w-]+)"/.exec(page)?.[1] ?? '';
}

export function post(
  port: number,
  token: string,
  nonce: string,
  headers: Readonly<Record<string, string>> = {},
  act = 'request',
): Promise<Answer> {
  const body = new URLSearchParams({ nonce }).toString();
  return ask(port, `/q/${token}/${act}`, { method: 'POST', headers: { ...formType, ...headers }, body });
}

export interface PortalStage extends TestVault {
  readonly port: number;
  readonly statuses: number[];
  readonly preview: Previewer;
}

export async function openPortal(t: Test, changes: Partial<QuarantinePolicy> = {}): Promise<PortalStage> {
  const opened = await openVault(t, { policy: { publicUrl, ...changes } });
  const statuses: number[] = [];
  const log: QuarantineLog = (level, event, fields) => opened.lines.push({ level, event, fields });
  const preview = new Previewer({ vault: opened.vault, log });
  const app = createPortal({
    vault: opened.vault,
    preview,
    notice: () => ({ ...policy.notice, learnMoreUrl: 'https://intranet.example.org/mail' }),
    publicUrl: () => publicUrl,
    formKey: Buffer.alloc(32, 7),
    clock: () => opened.clock.now,
    log,
    answered: (status) => statuses.push(status),
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(async () => {
    await app.close();
    await preview.close();
  });
  const [bound] = app.addresses();
  return { ...opened, port: typeof bound === 'object' ? bound.port : 0, statuses, preview };
}

let messages = 0;

/** Holds a new message and takes the recipients' tokens out of their notices, as their readers would. */
export async function hold(
  { vault, clock }: TestVault,
  facts: Parameters<typeof holdRequest>[1] = {},
  message?: Buffer,
): Promise<{ readonly id: string; readonly tokens: readonly string[] }> {
  messages += 1;
  const { id } = await vault.hold(holdRequest(message ?? Buffer.from(`message ${messages}`), facts));
  const mails = await vault.store.call('claim', clock.now, `test ${messages}`, 20);
  const tokens = mails
    .filter((mail) => mail.item === id)
    .map((mail) => {
      const text = Buffer.from(mail.message ?? []).toString('latin1');
      return /\/q\/([\w-]{32})/.exec(text.replace(/=\r\n/g, ''))?.[1] ?? '';
    });
  return { id, tokens };
}

export async function stateOf({ vault }: TestVault, id: string): Promise<Item['state']> {
  return (await vault.detail(id)).item.state;
}

/** A token of an item beside those of its notices. */
export function addToken(
  { directory }: TestVault,
  item: string,
  action: TokenAction,
  expires: number,
  recipient = 'anna@example.org',
): string {
  const token = newToken();
  const database = new Sqlite(join(directory, 'sluice.db'));
  database
    .prepare('INSERT INTO tokens (hash, item, recipient, action, expires) VALUES (?, ?, ?, ?, ?)')
    .run(tokenHash(token), item, recipient, action, expires);
  database.close();
  return token;
}

export function execute({ directory }: TestVault, sql: string, ...values: readonly unknown[]): void {
  const database = new Sqlite(join(directory, 'sluice.db'));
  database.prepare(sql).run(...values);
  database.close();
}
