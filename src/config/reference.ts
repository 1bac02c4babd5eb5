/** The reference configuration and the schema for editors, as text made from the schema alone. write-reference.ts stores them; a test compares them. */
import { stringify } from 'yaml';
import { z } from 'zod';
import { settingsSchema } from './schema.js';
import {
  choicesOf,
  constantOf,
  defaultOf,
  elementOf,
  isOptional,
  sentenceOf,
  shapeOf,
  typeText,
} from './schema-walk.js';

type Schema = z.core.$ZodType;

/** columns of a comment line */
const width = 110;

/** Values for keys without a default, or without a default that works here, so that the reference is a configuration that works. */
const examples: Readonly<Record<string, unknown>> = {
  hostname: 'gate.example.org',
  'smtp.listeners[].name': 'inbound',
  'smtp.listeners[].listen': '127.0.0.1:2525',
  'smtp.listeners[].tlsFiles.certificateFile': '/etc/sluice/inbound.crt',
  'smtp.listeners[].tlsFiles.keyFile': '/etc/sluice/inbound.key',
  'smtp.listeners[].upstream.host': '127.0.0.1',
  'smtp.listeners[].upstream.servername': 'mail.example.org',
  'smtp.listeners[].upstream.caFile': '/etc/sluice/upstream-ca.crt',
  'smtp.listeners[].onBlock': 'replace',
  'smtp.listeners[].localDomains': ['example.org'],
  'imap.listeners[].name': 'mailboxes',
  'imap.listeners[].listen': '127.0.0.1:1143',
  'imap.listeners[].tlsFiles.certificateFile': '/etc/sluice/imap.crt',
  'imap.listeners[].tlsFiles.keyFile': '/etc/sluice/imap.key',
  'imap.listeners[].upstream.host': '127.0.0.1',
  'imap.listeners[].upstream.port': 143,
  'imap.listeners[].upstream.servername': 'imap.example.org',
  'imap.listeners[].upstream.caFile': '/etc/sluice/upstream-ca.crt',
  'tls.certificateFile': '/etc/sluice/gate.crt',
  'tls.keyFile': '/etc/sluice/gate.key',
  'tls.caFile': '/etc/sluice/ca.crt',
  'policy.fallback.causes.backend-unavailable': 'defer',
  'policy.fallback.causes.verdict-timeout': 'defer',
  'policy.fallback.causes.out-of-resources': 'defer',
  'scoring.backends[].yaraRules': '/etc/sluice/yara',
  'scoring.backends[].url': 'http://127.0.0.1:8090',
  'scoring.backends[].tokenFile': '/etc/sluice/scoring-token',
  'scoring.backends[].caFile': '/etc/sluice/scoring-ca.crt',
  'quarantine.identityFile': '/etc/sluice/identity.txt',
  'quarantine.recordDays': 365,
  'quarantine.releaseRelay.host': '127.0.0.1',
  'notice.from': 'Mail Security <postmaster@example.org>',
  'administrators[].address': 'secops@example.org',
  'portal.administrators[].name': 'root',
  'portal.administrators[].passwordFile': '/etc/sluice/root.password',
  'log.file': '/var/log/sluice.log',
  'log.syslog.host': '127.0.0.1',
  'log.syslog.port': 514,
  'log.syslog.caFile': '/etc/sluice/ca.crt',
  'log.syslog.zones.source': 'untrust',
  'log.syslog.zones.destination': 'trust',
};

/** Every key with its sentence, type, range and default; keys that are absent by default stand in comments. */
export function referenceYaml(): string {
  const head = [
    '# Every key of the configuration, at its default. Made from the schema by dist/src/config/write-reference.js; do not edit.',
    '# Relative file names belong to the folder of the configuration file. Unknown keys are errors.',
    '# A line that begins with #: and a key is absent by default; the value shown is an example.',
    '',
  ];
  return `${[...head, ...mapping(settingsSchema, '', '')].join('\n')}\n`;
}

/** JSON Schema of the configuration file, for editors that complete and check YAML. */
export function editorSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(settingsSchema, { io: 'input', target: 'draft-07' }), null, 2)}\n`;
}

function mapping(schema: Schema, path: string, indent: string): string[] {
  return [...(shapeOf(schema) ?? [])].flatMap(([key, value]) =>
    entry(key, value, path === '' ? key : `${path}.${key}`, indent),
  );
}

function entry(key: string, schema: Schema, path: string, indent: string): string[] {
  const lines = comment(sentenceOf(schema), indent);
  if (path.split('.').length === 1) lines.unshift('');
  const items = elementOf(schema);
  if (items !== undefined && shapeOf(items) !== undefined) return [...lines, ...list(key, items, path, indent)];
  if (shapeOf(schema) !== undefined) {
    const children = mapping(schema, path, `${indent}  `);
    const absent = isOptional(schema) || !children.some((line) => isLive(line));
    return [
      ...lines,
      ...(absent ? [`${indent}#: ${key}:`, ...children.map(commentedOut)] : [`${indent}${key}:`, ...children]),
    ];
  }
  const initial = defaultOf(schema);
  const shown = examples[path] ?? initial ?? constantOf(schema);
  const note = initial === undefined || shown === initial ? '' : `; default ${inline(initial)}`;
  const live = initial !== undefined || !isOptional(schema);
  return [
    ...lines,
    ...comment(`(${typeText(schema)}${note})`, indent),
    `${indent}${live ? '' : '#: '}${key}: ${inline(shown)}`,
  ];
}

/** Lists of mappings that the gate does without. */
const emptyLists: readonly string[] = ['administrators', 'portal.administrators'];

/**
 * A list of mappings is shown with one item of each kind: a real one where the gate needs one, all others in comments.
 */
function list(key: string, items: Schema, path: string, indent: string): string[] {
  const [first = [], ...others] = choicesOf(items).map((choice) => item(choice, path, indent));
  const further = others.flat().map(commentedOut);
  if (!emptyLists.includes(path)) return [`${indent}${key}:`, ...first, ...further];
  return [`${indent}#: ${key}:`, ...first.map(commentedOut), ...further];
}

/** Comments that stand before the dash belong to the first key of the item. */
function item(schema: Schema, path: string, indent: string): string[] {
  const keys = mapping(schema, `${path}[]`, `${indent}    `);
  const first = keys.findIndex((line) => isLive(line));
  return keys.map((line, index) => (index === first ? `${indent}  - ${line.slice(indent.length + 4)}` : line));
}

function isLive(line: string): boolean {
  return line.trim() !== '' && !line.trimStart().startsWith('#');
}

function commentedOut(line: string): string {
  if (!isLive(line)) return line;
  const text = line.trimStart();
  return `${line.slice(0, line.length - text.length)}#: ${text}`;
}

function inline(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: false }).trimEnd();
}

function comment(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + 2 + line.length + 1 + word.length > width) {
      lines.push(`${indent}# ${line}`);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  if (line !== '') lines.push(`${indent}# ${line}`);
  return lines;
}
