/** The `smtp` and `tls` sections: every key with its type, default, range and a sentence. Checks between keys are in checks.ts. */
import { z } from 'zod';
import { normalDomain } from './address-pattern.js';
import { isHost, parseAddressRange, parseHostPort } from './host-port.js';
import { formed } from './schema-walk.js';

export const tlsModes = ['none', 'starttls', 'implicit'] as const;

/** A file name; relative ones belong to the configuration file's folder. */
export const filePath = formed(z.string().min(1), 'a file name');

export const listenAddress = formed(
  z.string().refine((text) => parseHostPort(text) !== undefined),
  'address:port, IPv6 in brackets, e.g. 127.0.0.1:2525 or [::1]:2525',
);

export const hostName = formed(z.string().refine(isHost), 'a host name or IP address');

export const portNumber = z.int().min(1).max(65535);

const domainName = formed(
  z.string().refine((text) => normalDomain(text) !== undefined),
  'a domain such as example.org',
);

export const tlsFilesSchema = z.strictObject({
  certificateFile: filePath.describe('PEM file with the certificate and its intermediates.'),
  keyFile: filePath.describe('PEM file with the private key, readable by the gate only.'),
});

export const tlsSchema = tlsFilesSchema
  .partial()
  .extend({
    caFile: filePath
      .optional()
      .describe(
        'PEM file of authorities that upstream certificates are verified against, in place of the system list.',
      ),
  })
  .describe('Certificate and key of every listener that has no `tlsFiles` of its own.');

/** What the gate calls a listener. */
export const listenerName = formed(
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/),
  'letters, digits, dots, dashes and underscores, at most 63',
);

export const proxyPeers = z
  .array(
    formed(
      z.string().refine((text) => parseAddressRange(text) !== undefined),
      'an IP address or a range such as 192.0.2.0/24',
    ),
  )
  .default([])
  .describe('Addresses and ranges of load balancers whose PROXY header (v1 or v2) is required and believed.');

/** A wait: whole seconds. */
export const seconds = (initial: number, max: number, sentence: string) =>
  z.int().min(1).max(max).default(initial).describe(sentence);

const upstreamSchema = z
  .strictObject({
    host: hostName.describe('Name or address of the real server.'),
    port: portNumber.default(25).describe('Port of the real server.'),
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

export const listenerSchema = z.strictObject({
  listen: listenAddress.describe('Address and port to listen on, IPv6 in brackets; port 0 takes a free one.'),
  name: listenerName.optional().describe('Name in logs, metrics and the quarantine; `smtp-<port>` when absent.'),
  tls: z.enum(tlsModes).default('none').describe('What clients get: no TLS, STARTTLS, or TLS from the first byte.'),
  tlsFiles: tlsFilesSchema.optional().describe('Certificate and key of this listener alone.'),
  upstream: upstreamSchema,
  direction: z
    .enum(['inbound', 'submission'])
    .default('inbound')
    .describe(
      'inbound: mail from strangers to our users. submission: mail from our users, so that strangers get no notices.',
    ),
  onBlock: z
    .enum(['replace', 'reject'])
    .optional()
    .describe(
      'What the client of a blocked message sees: replace answers 250 and sends notices instead, reject answers 554. The original is quarantined either way. Default: replace for inbound, reject for submission.',
    ),
  localDomains: z
    .array(domainName)
    .default([])
    .describe(
      'Domains that unauthenticated clients may address; any other recipient gets 550 5.7.1. Needed, unless `clientIdentity` is set, where the real server trusts the address of the gate.',
    ),
  clientIdentity: z
    .enum(['none', 'xclient', 'proxy-v2'])
    .default('none')
    .describe(
      'How the real server learns who the client is: not at all, by XCLIENT (Postfix), or by a PROXY v2 header.',
    ),
  proxyProtocolFrom: proxyPeers,
  authWithoutTls: z
    .enum(['never', 'loopback', 'always'])
    .default('loopback')
    .describe(
      'Whether AUTH is offered on a connection without TLS. loopback: only where the address that this listener itself listens on is a loopback address.',
    ),
});

const timeoutsSchema = z
  .strictObject({
    commandSeconds: seconds(300, 3600, 'Silence of a client between commands (RFC 5321 §4.5.3.2.7).'),
    dataSeconds: seconds(180, 3600, 'Silence of a client inside a message (RFC 5321 §4.5.3.2.5).'),
    connectSeconds: seconds(30, 600, 'Connecting to the real server, until its banner.'),
    upstreamReplySeconds: seconds(
      300,
      3600,
      'Waiting for a reply of the real server to a command (RFC 5321 §4.5.3.2).',
    ),
    upstreamFinalReplySeconds: seconds(600, 3600, 'Waiting for its reply to a whole message (RFC 5321 §4.5.3.2.6).'),
    proxyHeaderSeconds: seconds(10, 60, 'Waiting for the PROXY header of a listed peer.'),
    tlsHandshakeSeconds: seconds(30, 300, 'A TLS handshake, on either side.'),
    shutdownSeconds: seconds(30, 600, 'How long running transactions may take to finish when the gate stops.'),
  })
  .describe('How long the gate waits.');

const limitsSchema = z
  .strictObject({
    connections: z
      .int()
      .min(1)
      .max(100_000)
      .default(10_000)
      .describe(
        'Client connections at a time; more are answered 421. Each uses two file descriptors and, when idle, some 50 KB.',
      ),
    connectionsPerPeer: z
      .int()
      .min(1)
      .max(100_000)
      .default(2500)
      .describe(
        'Connections at a time from one address. A quarter of all by default: a gate often has one mail server, one load balancer or one load generator in front of it, and that one must get through.',
      ),
    recipients: z
      .int()
      .min(1)
      .max(100_000)
      .default(1000)
      .describe('Recipients of one message; RFC 5321 §4.5.3.1.8 asks for at least 100.'),
    errors: z
      .int()
      .min(1)
      .max(10_000)
      .default(20)
      .describe('Refused commands on one connection before it is closed with 421.'),
    messageBytes: z
      .int()
      .min(0)
      .max(Number.MAX_SAFE_INTEGER)
      .default(1_073_741_824)
      .describe(
        "Largest message taken, where the real server's own SIZE is not smaller; 0 leaves it to the real server. Bounds what one message may take of the disk.",
      ),
  })
  .describe('How much the gate takes on.');

export const smtpSchema = z
  .strictObject({
    listeners: z.array(listenerSchema).default([]).describe('The ports of the gate, each tied to one real server.'),
    timeouts: timeoutsSchema.prefault({}),
    limits: limitsSchema.prefault({}),
  })
  .describe('The SMTP relay.');
