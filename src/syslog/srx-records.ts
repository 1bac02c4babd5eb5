/**
 * What happened, in the records of the firewall that this gate emulates: its AAMW_ACTION_LOG for every file and its
 * AAMW_MALWARE_EVENT_LOG for one that turned out bad, with its names in its order; and, as it has none for mail, a
 * record of our own for every message and for what becomes of it in quarantine.
 */
import { type Place, sessionNumber, severityOf, zonesOf } from './place.js';
import { type Pair, type Severity, type SyslogRecord, severities } from './record.js';
import type { Told, ToldFile, ToldMail, ToldTurnedBad } from './told.js';

/** 2636 is the enterprise number of the firewall's vendor; the rest names its platform. */
const firewallData = 'junos@2636.1.1.1.2.129';
/** RFC 5612 §2: the number for documentation, as this project has none of its own */
const ownData = 'sluice@32473';

const nothing = 'N/A';
const given = (text: string | undefined): string => (text === undefined || text === '' ? nothing : text);

export function srxRecords(told: Told, place: Place): SyslogRecord[] {
  const severity = severities[severityOf(told)];
  const own = { severity, at: told.at, appName: place.appName, msgId: 'SLUICE_MAIL_EVENT' };
  const event: SyslogRecord = { ...own, content: { kind: 'data', id: ownData, params: ownParams(told, place) } };
  switch (told.kind) {
    case 'mail':
      return [...actionLogs(told, place, severity), event];
    case 'turned-bad':
      return [malwareEvent(told, place, severity), event];
    case 'item':
      return [event];
    default:
      return told satisfies never;
  }
}

/** One for each file; one without a file where a list decided about mail that has none. */
function actionLogs(mail: ToldMail, place: Place, severity: Severity): SyslogRecord[] {
  const files: readonly (ToldFile | undefined)[] =
    mail.files.length === 0 && mail.list !== undefined ? [undefined] : mail.files;
  return files.map((file) => ({
    severity,
    at: mail.at,
    appName: 'RT_AAMW',
    msgId: 'AAMW_ACTION_LOG',
    content: { kind: 'data', id: firewallData, params: actionParams(mail, file, place) },
  }));
}

function actionParams(mail: ToldMail, file: ToldFile | undefined, place: Place): Pair[] {
  const listener = place.listeners.get(mail.listener);
  const zones = zonesOf(place, listener);
  const list = file === undefined ? mail.list : file.list;
  const passes = mail.action === 'permit' || mail.action === 'warn';
  return [
    ['hostname', given(listener?.host)],
    ['file-category', given(file?.category)],
    ['verdict-number', String(file?.level ?? -1)],
    ['malware-info', given(file?.threat)],
    ['action', passes ? 'PERMIT' : 'BLOCK'],
    ['list-hit', list === undefined ? nothing : list === 'allow' ? 'whitelist' : 'blacklist'],
    ['file-hash-lookup', file?.known === true ? 'TRUE' : 'FALSE'],
    ['source-address', given(mail.clientAddress)],
    ['source-port', String(mail.clientPort)],
    ['destination-address', given(listener?.address)],
    ['destination-port', String(listener?.port ?? 0)],
    ['protocol-id', '6'],
    ['application', given(listener?.application)],
    ['nested-application', 'UNKNOWN'],
    ['policy-name', given(mail.listener)],
    ['username', given(mail.user)],
    ['roles', nothing],
    ['session-id-32', String(sessionNumber(mail))],
    ['source-zone-name', zones.source],
    ['destination-zone-name', zones.destination],
    ['sample-sha256', given(file?.sha256)],
    ['file-name', given(file?.name)],
    ['url', nothing],
  ];
}

function malwareEvent(turned: ToldTurnedBad, place: Place, severity: Severity): SyslogRecord {
  const params: Pair[] = [
    ['timestamp', clockText(turned.at)],
    ['tenant-id', nothing],
    ['sample-sha256', given(turned.file.sha256)],
    ['client-ip', given(turned.clientAddress)],
    ['verdict-number', String(turned.file.level)],
    ['malware-info', given(turned.file.threat)],
    ['username', given(turned.recipients[0])],
    ['hostname', given(place.listeners.get(turned.listener)?.host)],
  ];
  const content = { kind: 'data', id: firewallData, params } as const;
  return { severity, at: turned.at, appName: 'RT_AAMW', msgId: 'AAMW_MALWARE_EVENT_LOG', content };
}

/** `Thu Jun 23 09:55:38 2016`, UTC */
function clockText(at: number): string {
  const [day = '', date = '', month = '', year = '', time = ''] = new Date(at)
    .toUTCString()
    .replace(',', '')
    .split(' ');
  return `${day} ${month} ${date} ${time} ${year}`;
}

/** Absent values are left out. */
function ownParams(told: Told, place: Place): Pair[] {
  const pairs: (readonly [string, string | number | undefined])[] = [
    ...eventPairs(told, place),
    ['sender', told.sender],
    ['recipients', told.recipients.join(', ')],
    ['subject', told.subject],
    ['threat-level', told.threatLevel],
    ['threat', told.threat],
  ];
  return pairs.flatMap(([name, value]): Pair[] => (value === undefined || value === '' ? [] : [[name, String(value)]]));
}

function eventPairs(told: Told, place: Place): (readonly [string, string | number | undefined])[] {
  const protocol = place.listeners.get(told.listener)?.application;
  const where = [
    ['listener', told.listener],
    ['protocol', protocol],
  ] as const;
  switch (told.kind) {
    case 'mail':
      return [['event', 'mail'], ['id', told.id], ['item', told.item], ...where, ...mailPairs(told)];
    case 'item':
      return [['event', told.event], ['item', told.item], ...where, ['by', told.by]];
    case 'turned-bad':
      return [
        ['event', 'turned-bad'],
        ['id', told.id],
        ...where,
        ['message-id', told.messageId],
        ['client', told.clientAddress],
        ['delivered', new Date(told.deliveredAt).toISOString()],
        ['files', told.file.name],
        ['sha256', told.file.sha256],
      ];
    default:
      return told satisfies never;
  }
}

function mailPairs(mail: ToldMail): (readonly [string, string | number | undefined])[] {
  return [
    ['message-id', mail.messageId],
    ['client', mail.clientAddress],
    ['user', mail.user],
    ['action', mail.action],
    ['outcome', mail.outcome],
    ['reply', mail.reply],
    ['reasons', mail.reasons.join('; ')],
    ['malicious', mail.malicious ? 'true' : undefined],
    ['score', mail.score],
    ['bytes', mail.bytes],
    ['recipient-count', mail.recipientCount],
    ['files', mail.files.map(({ name }) => name).join(', ')],
    ['files-omitted', mail.filesOmitted === 0 ? undefined : mail.filesOmitted],
    ['sha256', mail.files[0]?.sha256],
  ];
}
