/** `sluice scan FILE…`: what the gate would do with a message, and everything it found, without sending anything. */
import { createReadStream } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { normalAddress } from '../config/address-pattern.js';
import { messageOf } from '../runtime/errors.js';
import { defaultConfiguration, readConfiguration } from './configuration.js';
import { pageOf } from './scan/page.js';
import { isClean, MessageScanner, type ScanEnvelope, type Scanned } from './scan/scan-message.js';

interface ScanOptions {
  readonly config?: string;
  readonly mailFrom?: string;
  readonly rcptTo?: readonly string[];
  readonly pretty?: boolean;
}

const examples = `
Standard output gets one JSON object a line for each file, or with --pretty a page. A file in which every line ends in
LF is read with CRLF, as a mail server would send it. Nothing is delivered, stored or remembered; the backends of the
configuration are asked about files as the gate would ask them.

Exit code: 0 nothing was found, 1 something would not simply be permitted or could not be read, 2 wrong use.

Examples:
  sluice scan mail.eml
  sluice scan --pretty --config sluice.yaml --mail-from bob@example.net --rcpt-to anna@example.org mail.eml
  sluice scan Maildir/cur/* | jq -r 'select(.verdict.action != "permit") | .file'
  sluice scan - < mail.eml`;

/** One file after the other, so that memory stays that of one message. */
export async function scanFiles(
  files: readonly string[],
  scanner: MessageScanner,
  print: (result: Scanned | Unreadable) => void,
): Promise<number> {
  let code = 0;
  for (const file of files) {
    const result = await scanFile(file, scanner);
    if ('error' in result || !isClean(result)) code = 1;
    print(result);
  }
  return code;
}

interface Unreadable {
  readonly file: string;
  readonly error: string;
}

async function scanFile(file: string, scanner: MessageScanner): Promise<Scanned | Unreadable> {
  try {
    return await scanner.scan(file, file === '-' ? process.stdin : createReadStream(file));
  } catch (error) {
    return { file, error: `cannot be read: ${messageOf(error)}` };
  }
}

/** Absent values as null, so that every line has the same keys. Bytes that terminals obey are escaped. */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value, (_key, member: unknown) => (member === undefined ? null : member));
  return text.replace(/[\u007f-\u009f\u2028\u2029\p{Cf}]/gu, (character) => {
    const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
}

function textOf(result: Scanned | Unreadable, pretty: boolean): string {
  if (!pretty) return `${jsonLine(result)}\n`;
  return 'error' in result ? `${result.file}\n  ${result.error}\n` : pageOf(result);
}

/** `<>` and nothing are the null reverse-path; angle brackets around an address are allowed. */
function parseAddress(text: string): string {
  const bare = text.replace(/^<(.*)>$/, '$1');
  if (normalAddress(bare) === undefined)
    throw new InvalidArgumentError('It is not an address such as name@example.org.');
  return bare;
}

function parseSender(text: string): string {
  return text === '' || text === '<>' ? '' : parseAddress(text);
}

function collectRecipients(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, parseAddress(text)];
}

export function registerScan(program: Command): void {
  program
    .command('scan')
    .description('Say what the gate would do with mail files, and what it found in them')
    .argument('<file...>', 'mail files (RFC 5322), - for standard input')
    .option(
      '-c, --config <file>',
      'configuration with lists, policy and backends (default: built-in defaults, no lists)',
    )
    .option('--mail-from <address>', 'envelope sender; the null reverse-path when absent', parseSender)
    .option('--rcpt-to <address>', 'envelope recipient; may be given more than once', collectRecipients)
    .option('--pretty', 'a page for a person instead of JSON')
    .addHelpText('after', examples)
    .action(async (files: string[], options: ScanOptions) => {
      const { config, mailFrom, rcptTo, pretty } = options;
      const configuration = config === undefined ? await defaultConfiguration() : await readConfiguration(config);
      const envelope: ScanEnvelope = { mailFrom: mailFrom ?? '', recipients: rcptTo ?? [] };
      const scanner = new MessageScanner(configuration, envelope);
      try {
        process.exitCode = await scanFiles(files, scanner, (result) => {
          process.stdout.write(textOf(result, pretty === true));
        });
      } finally {
        await scanner.close();
      }
    });
}
