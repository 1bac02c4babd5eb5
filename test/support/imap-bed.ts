/**
 * What IMAP tests stand on: a real server, what is tested before it, and mailboxes that are twins, one to be read
 * directly and one through.
 */
import type { Test } from 'tap';
import { type Dovecot, type DovecotOptions, startDovecot } from './dovecot.js';
import type { Gate, GateOptions } from './gate.js';
import { ImapClient, type ImapClientOptions } from './imap-client.js';
import { startGate } from './running.js';
import { TcpRelay } from './tcp-relay.js';

export interface ImapBed {
  readonly dovecot: Dovecot;
  /** the server itself */
  readonly direct: number;
  /** what stands before it */
  readonly through: number;
  /** whether that withholds malicious mail */
  readonly blocks: boolean;
}

/** With the gate. */
export async function startBed(
  t: Test,
  options: { readonly dovecot?: DovecotOptions; readonly gate?: GateOptions } = {},
): Promise<ImapBed & { readonly gate: Gate }> {
  const dovecot = await startDovecot(t, options.dovecot);
  const gate = await startGate(t, { imapUpstreamPort: dovecot.port, ...options.gate });
  return { dovecot, gate, direct: dovecot.port, through: gate.imapPort, blocks: true };
}

/** With a pass-through that changes nothing. */
export async function startPlainBed(t: Test, options: DovecotOptions = {}): Promise<ImapBed> {
  const dovecot = await startDovecot(t, options);
  const relay = await TcpRelay.start(dovecot.port);
  t.teardown(() => relay.stop());
  return { dovecot, direct: dovecot.port, through: relay.port, blocks: false };
}

export interface Twins {
  readonly direct: ImapClient;
  readonly through: ImapClient;
}

/** Logs in as one user directly and as another through. Both connections end with the test. */
export async function loginTwins(
  t: Test,
  bed: ImapBed,
  users: { readonly direct: string; readonly through: string },
  options: ImapClientOptions = {},
): Promise<Twins> {
  const { dovecot } = bed;
  const direct = await ImapClient.login(bed.direct, dovecot.user(users.direct), dovecot.password);
  const through = await ImapClient.login(bed.through, dovecot.user(users.through), dovecot.password, options);
  t.teardown(() => {
    direct.destroy();
    through.destroy();
  });
  return { direct, through };
}
