/** What happened, in the Common Event Format: one record for every message, item and file that turned out bad. */
import { type Place, severityOf } from './place.js';
import { type Pair, type SyslogRecord, severities } from './record.js';
import type { Told, ToldFile, ToldMail } from './told.js';

export function cefRecords(told: Told, place: Place): SyslogRecord[] {
  const { kind, title, level } = classOf(told);
  const header = ['Sluice', 'Mail Gate', place.version, kind, title, String(level)];
  const fields = extensionOf(told, place).flatMap(([name, value]): Pair[] =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  );
  const there = new Set(fields.map(([name]) => name));
  const isIdle = (name: string) => name.endsWith('Label') && !there.has(name.slice(0, -'Label'.length));
  const extension = fields.filter(([name]) => !isIdle(name));
  const severity = severities[severityOf(told)];
  const content = { kind: 'cef', header, extension } as const;
  return [{ severity, at: told.at, appName: place.appName, msgId: 'CEF', content }];
}

/** The severity of CEF, 0..10, is the threat level; a list that condemns counts as high. */
function classOf(told: Told): { readonly kind: string; readonly title: string; readonly level: number } {
  switch (told.kind) {
    case 'mail': {
      const level = told.malicious ? Math.max(told.threatLevel, 7) : Math.max(told.threatLevel, 0);
      return { kind: 'email', title: told.threat === '' ? titles[told.action] : told.threat, level };
    }
    case 'item':
      return { kind: 'quarantine', title: `Quarantined message ${told.event}`, level: Math.max(told.threatLevel, 0) };
    case 'turned-bad':
      return { kind: 'turned-bad', title: told.file.threat || 'Delivered file', level: Math.max(told.threatLevel, 7) };
    default:
      return told satisfies never;
  }
}

const titles = {
  permit: 'Mail permitted',
  warn: 'Mail tagged',
  block: 'Mail blocked',
  defer: 'Mail deferred',
} as const;

type Field = readonly [string, string | number | undefined];

function extensionOf(told: Told, place: Place): Field[] {
  const listener = place.listeners.get(told.listener);
  const common: Field[] = [
    ['rt', told.at],
    ['app', listener?.application],
    ['dst', listener?.address],
    ['dpt', listener?.port],
    ['dhost', listener?.host],
    ['suser', told.sender],
    ['duser', told.recipients.join(', ')],
    ['msg', told.subject],
    ['cs1Label', 'listener'],
    ['cs1', told.listener],
    ['cs2Label', 'threat'],
    ['cs2', told.threat],
    ['cn1Label', 'threatLevel'],
    ['cn1', told.threatLevel],
  ];
  switch (told.kind) {
    case 'mail':
      return [['externalId', told.item ?? told.id], ['eventId', told.id], ...common, ...mailFields(told)];
    case 'item':
      return [['externalId', told.item], ...common, ['act', told.event], ['suid', told.by]];
    case 'turned-bad':
      return [
        ['externalId', told.id],
        ...common,
        ['src', told.clientAddress],
        ['act', 'permit'],
        ['start', told.deliveredAt],
        ['cs3Label', 'messageId'],
        ['cs3', told.messageId],
        ...fileFields(told.file),
      ];
    default:
      return told satisfies never;
  }
}

function mailFields(mail: ToldMail): Field[] {
  return [
    ['src', mail.clientAddress],
    ['spt', mail.clientPort],
    ['duid', mail.user],
    ['proto', 'TCP'],
    ['in', mail.bytes],
    ['act', mail.action],
    ['outcome', mail.outcome],
    ['reason', mail.reasons.join('; ')],
    ['cs3Label', 'messageId'],
    ['cs3', mail.messageId],
    ['cn2Label', 'recipients'],
    ['cn2', mail.recipientCount],
    ['cfp1Label', 'score'],
    ['cfp1', mail.score],
    ...(mail.files[0] === undefined ? [] : fileFields(mail.files[0])),
    ['cs4Label', 'files'],
    ['cs4', mail.files.length > 1 ? mail.files.map(({ name }) => name).join(', ') : undefined],
  ];
}

function fileFields(file: ToldFile): Field[] {
  return [
    ['fileName', file.name],
    ['fileHash', file.sha256],
    ['fileType', file.type],
    ['fsize', file.bytes],
  ];
}
