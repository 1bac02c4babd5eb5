/** The judge behind the IMAP sessions of one listener. */
import { isServerListed, normalServerName, serverNames } from '../config/server-names.js';
import type { ImapHandler, ImapPeer } from '../imap/handler.js';
import type { Vault } from '../quarantine/vault.js';
import { MailboxQuarantine } from '../quarantine/withhold.js';
import type { SpoolPool } from '../runtime/spool.js';
import { KnownAccount, UnknownAccount } from './imap-account.js';
import { ImapMailboxes } from './imap-mailboxes.js';
import { ImapTally } from './imap-record.js';
import { PolicyRevisions } from './imap-revisions.js';
import type { ImapListenerFacts, ImapServices, Reader } from './imap-services.js';
import type { PipelineServices } from './services.js';

/** Made once for all IMAP listeners. */
export function createImapServices(services: PipelineServices, vault: Vault, spools: SpoolPool): ImapServices {
  const { store } = vault;
  const { log, clock, metrics } = services;
  const mailboxes = new ImapMailboxes({ store, log, clock });
  const tally = new ImapTally(metrics);
  return { ...services, spools, store, withholding: new MailboxQuarantine(vault), mailboxes, tally };
}

export function createImapHandler(services: ImapServices, listener: ImapListenerFacts): ImapHandler {
  const upstream = `${normalServerName(listener.upstream.host)}:${listener.upstream.port}`;
  const revisions = new PolicyRevisions(() => services.policy(), services.scorer);
  return {
    inspects: (peer) => inspects(services, listener, peer),
    loggedIn: (judged) => {
      services.counts?.of(listener.name).add(judged ? 'interested' : 'ignored');
    },
    account: (peer, user) => {
      const { address: clientAddress, port: clientPort } = peer;
      const reader: Reader = { listener, upstream, user: user === '' ? undefined : user, clientAddress, clientPort };
      return reader.user === undefined
        ? new UnknownAccount(services, reader, revisions)
        : new KnownAccount(services, reader, reader.user, revisions);
    },
  };
}

function inspects({ policy }: ImapServices, { upstream }: ImapListenerFacts, { servername }: ImapPeer): boolean {
  const { action, servers } = policy().imap;
  if (action === 'permit') return false;
  if (isServerListed(servers, upstream, servername)) return true;
  // A client that asks for another name than the server's is not believed to mean one that nobody wants judged.
  return servername !== undefined && !serverNames(upstream).includes(normalServerName(servername));
}
