/** One record as RFC 5424 writes it: values in, bytes out. What is in a record is for srx-records.ts and cef-records.ts. */
import { limits } from '../runtime/limits.js';
import { cleanValue, escapeCefHeader, escapeCefValue, escapeParam, fitValues } from './value-text.js';

/** RFC 5424 §6.2.1, table 2 */
export const severities = { error: 3, warning: 4, notice: 5, info: 6 } as const;
export type Severity = (typeof severities)[keyof typeof severities];

/** RFC 5424 §6.2.1, table 1, under the names that syslog daemons use; the number is the code */
export const facilities = {
  kern: 0,
  user: 1,
  mail: 2,
  daemon: 3,
  auth: 4,
  syslog: 5,
  authpriv: 10,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;
export type Facility = keyof typeof facilities;

export type Pair = readonly [name: string, value: string];

export type RecordContent =
  | { readonly kind: 'data'; readonly id: string; readonly params: readonly Pair[] }
  | {
      readonly kind: 'cef';
      /** vendor, product, version, class, name, severity */
      readonly header: readonly string[];
      readonly extension: readonly Pair[];
    };

export interface SyslogRecord {
  readonly severity: Severity;
  /** ms since 1970 */
  readonly at: number;
  readonly appName: string;
  readonly msgId: string;
  readonly content: RecordContent;
}

/** Who sends it. */
export interface Origin {
  readonly facility: Facility;
  readonly hostname: string;
}

/**
 * The record without framing, UTF-8, never longer than `bytesMax` and without any control character: it is one record
 * in every framing. It has no byte order mark: collectors look for `CEF:` where the message begins.
 */
export function formatRecord(record: SyslogRecord, { facility, hostname }: Origin, bytesMax: number): Buffer {
  const priority = facilities[facility] * 8 + record.severity;
  const at = new Date(record.at).toISOString();
  const host = headerField(hostname, 255);
  // RFC 5424 §6: PRI VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID
  const head = `<${priority}>1 ${at} ${host} ${headerField(record.appName, 48)} - ${headerField(record.msgId, 32)} `;
  const { content } = record;
  const room = bytesMax - head.length;
  return Buffer.from(head + (content.kind === 'data' ? dataText(content, room) : cefText(content, room)));
}

/** RFC 5424 §6.2: printable US-ASCII without blanks, or the nil value. */
function headerField(text: string, max: number): string {
  const clean = text.replace(/[^\x21-\x7e]/g, '_').slice(0, max);
  return clean === '' ? '-' : clean;
}

function cleaned(pairs: readonly Pair[]): string[] {
  return pairs.map(([, value]) => cleanValue(value, limits.syslog.valueCharacters));
}

function dataText({ id, params }: Extract<RecordContent, { kind: 'data' }>, room: number): string {
  const fixed = params.reduce((sum, [name]) => sum + name.length + 4, id.length + 2);
  const values = fitValues(cleaned(params), escapeParam, room - fixed);
  return `[${id}${params.map(([name], at) => ` ${name}="${values[at] ?? ''}"`).join('')}]`;
}

function cefText({ header, extension }: Extract<RecordContent, { kind: 'cef' }>, room: number): string {
  const names = header.map((field) => escapeCefHeader(cleanValue(field, headerCharacters)));
  const head = `- CEF:0|${names.join('|')}|`;
  const fixed = extension.reduce((sum, [name]) => sum + name.length + 2, Buffer.byteLength(head));
  const values = fitValues(cleaned(extension), escapeCefValue, room - fixed);
  return `${head}${extension.map(([name], at) => `${name}=${values[at] ?? ''}`).join(' ')}`;
}

/** of a field in the header of CEF; the name of a threat is the longest */
const headerCharacters = 100;
