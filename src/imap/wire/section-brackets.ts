/** The brackets of a FETCH item, read out of a command into one spelling: strings that need it quoted, all else bare. */
import { limits } from '../../runtime/limits.js';
import type { CommandSource } from './command-source.js';
import { isArgumentOctet, octet } from './octet-scan.js';
import { writeField } from './section.js';

/** Items whose name is followed by brackets. */
export const sectionNames: ReadonlySet<string> = new Set([
  ...['BODY', 'BODY.PEEK', 'BINARY', 'BINARY.PEEK', 'BINARY.SIZE'],
]);

/** @param verb of a command, upper case */
export function hasSections(verb: string): boolean {
  return verb === 'FETCH' || verb === 'UID FETCH';
}

/**
 * Reads `[section]<o.c>` with the literals in it.
 * @returns undefined: see the source's `fault`
 */
export function readBrackets(source: CommandSource): Buffer | undefined {
  let text = plainOctets(source, octet.closeBracket);
  if (source.peek() === octet.space) {
    source.at += 1;
    const fields = readFields(source);
    if (fields === undefined) return undefined;
    text += ` (${fields.join(' ')})`;
  }
  if (source.peek() !== octet.closeBracket) return undefined;
  text += plainOctets(source, -1);
  return Buffer.from(text, 'latin1');
}

/** Octets of an argument up to, and without, the first `until`. */
function plainOctets(source: CommandSource, until: number): string {
  const from = source.at;
  const { bytes } = source;
  let at = from;
  while (at < bytes.length && bytes[at] !== until && isArgumentOctet(bytes[at] ?? 0)) at += 1;
  source.at = at;
  return bytes.toString('latin1', from, at);
}

/** `(name name …)`, each as it is to be written. */
function readFields(source: CommandSource): string[] | undefined {
  if (source.peek() !== octet.openParen) return undefined;
  source.at += 1;
  const fields: string[] = [];
  for (;;) {
    source.spaces();
    if (source.peek() === octet.closeParen) break;
    if (fields.length >= limits.imap.sectionFieldsMax) {
      source.fault = 'nesting';
      return undefined;
    }
    const field = readField(source);
    if (field === undefined) return undefined;
    fields.push(field);
    if (source.peek() !== octet.space && source.peek() !== octet.closeParen) return undefined;
  }
  source.at += 1;
  return fields.length === 0 ? undefined : fields;
}

function readField(source: CommandSource): string | undefined {
  if (!source.atString) return plainOctets(source, -1) || undefined;
  const string = source.string();
  return string === undefined ? undefined : writeField(string.bytes.toString('latin1'));
}
