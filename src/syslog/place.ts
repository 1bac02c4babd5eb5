/** What records say besides what happened: which server stands behind a listener, between which zones, and who we are. */
import type { Told, ToldMail } from './told.js';

export interface ToldListener {
  /** as firewalls name it */
  readonly application: 'SMTP' | 'SMTPS' | 'IMAP' | 'IMAPS';
  /** of the real server, as configured */
  readonly host: string;
  /** the server's, when it is configured by its address, else the listener's own; undefined when that is a wildcard */
  readonly address: string | undefined;
  /** of that address */
  readonly port: number;
  /** mail comes from strangers to our users; else from our users, or to their mail programs */
  readonly inbound: boolean;
}

export interface Place {
  readonly listeners: ReadonlyMap<string, ToldListener>;
  readonly appName: string;
  /** of the product */
  readonly version: string;
  readonly zones: { readonly source: string; readonly destination: string } | undefined;
}

export function zonesOf({ zones }: Place, listener: ToldListener | undefined) {
  if (zones !== undefined) return zones;
  return listener?.inbound === true
    ? { source: 'untrust', destination: 'trust' }
    : { source: 'trust', destination: 'untrust' };
}

/** The same number for all messages of one connection: FNV-1a, 32 bits, of its two ends. */
export function sessionNumber({ listener, clientAddress, clientPort }: ToldMail): number {
  let hash = 0x811c9dc5;
  for (const octet of Buffer.from(`${listener} ${clientAddress} ${clientPort}`)) {
    hash = Math.imul(hash ^ octet, 0x01000193);
  }
  return hash >>> 0;
}

/** Malicious mail that was delivered is worse than what was withheld; see the table in ARCHITECTURE.md. */
export function severityOf(told: Told): 'error' | 'warning' | 'notice' | 'info' {
  if (told.kind === 'turned-bad') return 'error';
  if (told.kind === 'item')
    return ['released', 'partly-released', 'release-requested'].includes(told.event) ? 'notice' : 'info';
  const delivered = told.action === 'permit' || told.action === 'warn';
  if (told.malicious && delivered) return 'error';
  if (told.action === 'block') return 'warning';
  return told.action === 'permit' && !told.reasons.some((reason) => reason.startsWith('fallback')) ? 'info' : 'notice';
}
