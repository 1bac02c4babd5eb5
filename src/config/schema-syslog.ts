/** The `log.syslog` section: the log collector that is told of every message. */
import { z } from 'zod';
import { filePath, hostName, portNumber } from './schema-smtp.js';
import { formed } from './schema-walk.js';

export const syslogFormats = ['srx', 'cef'] as const;
export const syslogTransports = ['udp', 'tcp', 'tls'] as const;
export const syslogFramings = ['octet-counted', 'newline'] as const;
/** of RFC 5424 §6.2.1, those that are not for parts of the system */
export const syslogFacilities = [
  'user',
  'mail',
  'daemon',
  'auth',
  'authpriv',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const;

const word = (max: number) =>
  formed(
    z
      .string()
      .max(max)
      .regex(/^[\x21-\x7e]+$/),
    `printable ASCII without blanks, at most ${max} characters`,
  );

const zone = formed(z.string().regex(/^[\x20-\x7e]{1,63}$/), 'printable ASCII, at most 63 characters');

export const syslogSchema = z
  .strictObject({
    host: hostName.describe('Name or address of the collector.'),
    port: portNumber.optional().describe('Its port. Default: 514 for udp and tcp, 6514 for tls (RFC 5425).'),
    transport: z
      .enum(syslogTransports)
      .default('udp')
      .describe('udp loses records without telling; tcp and tls keep up to 8 MB of them while the collector is away.'),
    format: z
      .enum(syslogFormats)
      .default('srx')
      .describe(
        "srx: the firewall's AAMW_ACTION_LOG for every file, and SLUICE_MAIL_EVENT for every message. cef: one record in the Common Event Format for every message.",
      ),
    facility: z.enum(syslogFacilities).default('user').describe('Facility of every record.'),
    appName: word(48)
      .default('sluice')
      .describe("APP-NAME of our own records; the firewall's are always those of RT_AAMW."),
    framing: z
      .enum(syslogFramings)
      .default('octet-counted')
      .describe('How records are told apart over tcp and tls: by their length (RFC 6587 §3.4.1), or one on each line.'),
    verify: z.boolean().default(true).describe("Whether the collector's certificate must be valid for its name."),
    caFile: filePath
      .optional()
      .describe('PEM file of authorities for the collector; `tls.caFile` when absent, else the system list.'),
    zones: z
      .strictObject({
        source: zone.describe('Zone of the clients.'),
        destination: zone.describe('Zone of the real server.'),
      })
      .optional()
      .describe(
        'Zones in the records of the firewall. Default: untrust to trust for mail that comes in, trust to untrust for submission and mailboxes.',
      ),
  })
  .describe('A log collector that is told of every message, by syslog (RFC 5424). Without this section there is none.');
