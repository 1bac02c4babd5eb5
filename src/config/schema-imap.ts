/** The `imap` section: every key with its type, default, range and a sentence. Checks between keys are in imap-checks.ts. */
import { z } from 'zod';
import {
  filePath,
  hostName,
  listenAddress,
  listenerName,
  portNumber,
  proxyPeers,
  seconds,
  tlsFilesSchema,
  tlsModes,
} from './schema-smtp.js';

const upstreamSchema = z
  .strictObject({
    host: hostName.describe('Name or address of the real server. `policy.imap.servers` lists names only.'),
    port: portNumber.optional().describe('Port of the real server. Default: 143, with `tls: implicit` 993.'),
    tls: z
      .enum(tlsModes)
      .default('none')
      .describe(
        'How the gate protects its connection to the real server. With starttls, a server that offers none is an error, not a clear connection.',
      ),
    verify: z.boolean().default(true).describe("Whether the real server's certificate must be valid for its name."),
    servername: hostName.optional().describe('Name to ask for and verify; `host` when absent.'),
    caFile: filePath.optional().describe('PEM file of authorities for this server; `tls.caFile` when absent.'),
  })
  .describe('The real server behind this listener.');

export const imapListenerSchema = z.strictObject({
  listen: listenAddress.describe('Address and port to listen on, IPv6 in brackets; port 0 takes a free one.'),
  name: listenerName.optional().describe('Name in logs, metrics and the quarantine; `imap-<port>` when absent.'),
  tls: z.enum(tlsModes).default('none').describe('What clients get: no TLS, STARTTLS, or TLS from the first byte.'),
  tlsFiles: tlsFilesSchema.optional().describe('Certificate and key of this listener alone.'),
  upstream: upstreamSchema,
  clientIdentity: z
    .enum(['none', 'proxy-v2'])
    .default('none')
    .describe(
      'How the real server learns who the client is: not at all, or by a PROXY v2 header (in Dovecot `haproxy = yes` and `haproxy_trusted_networks`).',
    ),
  proxyProtocolFrom: proxyPeers,
  authWithoutTls: z
    .enum(['never', 'loopback', 'always'])
    .default('loopback')
    .describe(
      'Whether a client may log in on a connection without TLS; else it sees LOGINDISABLED. loopback: only where the address that this listener itself listens on is a loopback address.',
    ),
});

const timeoutsSchema = z
  .strictObject({
    connectSeconds: seconds(30, 600, 'Connecting to the real server, until its greeting.'),
    tlsHandshakeSeconds: seconds(30, 300, 'A TLS handshake, on either side.'),
    proxyHeaderSeconds: seconds(10, 60, 'Waiting for the PROXY header of a listed peer.'),
    loginSeconds: seconds(120, 3600, 'From the greeting until a client has logged in.'),
    idleSeconds: seconds(
      1860,
      86_400,
      'Silence of a client that has logged in, between commands and in IDLE. RFC 9051 §5.4 asks for at least 1800, as clients count on it.',
    ),
    upstreamReplySeconds: seconds(
      600,
      7200,
      'Silence of the real server while it owes an answer. A search in a large mailbox may take minutes.',
    ),
    stallSeconds: seconds(300, 3600, 'Patience with a client that takes nothing of what is sent to it.'),
    keepAliveSeconds: seconds(
      15,
      300,
      'Time between the untagged OK lines that a client gets while a message is judged. Some clients give up after a minute of silence.',
    ),
    shutdownSeconds: seconds(30, 600, 'How long running commands may take to finish when the gate stops.'),
  })
  .describe('How long the gate waits.');

const count = (initial: number, max: number, sentence: string) =>
  z.int().min(1).max(max).default(initial).describe(sentence);

const limitsSchema = z
  .strictObject({
    connections: count(
      10_000,
      100_000,
      'Client connections at a time; more are answered BYE. Each uses two file descriptors, and a mail program keeps up to ten open.',
    ),
    connectionsPerPeer: count(
      2500,
      100_000,
      'Connections at a time from one address. A quarter of all by default: a whole office may come from one address.',
    ),
    errors: count(20, 10_000, 'Refused commands on one connection before it is closed with BYE.'),
    messageBytes: count(
      1_073_741_824,
      Number.MAX_SAFE_INTEGER,
      'Largest message that is judged; a larger one meets the fallback `oversize`. Bounds what one message may take of the disk.',
    ),
  })
  .describe('How much the gate takes on.');

export const imapSchema = z
  .strictObject({
    judge: z
      .enum(['before-metadata', 'before-content'])
      .default('before-metadata')
      .describe(
        'What waits for the judgement of a message. before-metadata: also its size, structure, envelope and header, so that a client only ever sees one version; before-content: its content alone, so that a first look into a huge mailbox is quick. Flags, UID and dates never wait.',
      ),
    listeners: z.array(imapListenerSchema).default([]).describe('The ports of the gate, each tied to one real server.'),
    timeouts: timeoutsSchema.prefault({}),
    limits: limitsSchema.prefault({}),
  })
  .describe('The IMAP proxy.');
