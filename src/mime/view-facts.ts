/**
 * The facts of an entity whose header has several readings: type and disposition of the first, names of all. The texts
 * of its fields are put into a header of one reading, for which readEntity is responsible.
 */
import { type EntityFacts, readEntity } from './entity.js';
import type { Field } from './header.js';
import type { HeaderView } from './view-header.js';

export function factsOf(header: HeaderView, digest: boolean): EntityFacts {
  const lines: string[] = [];
  const fields: Field[] = [];
  let at = 0;
  const add = (name: string, values: readonly string[]) => {
    for (const value of values) {
      const line = `${name}:${value.replace(/[\r\n]/g, ' ')}\n`;
      fields.push({ name, start: at, valueStart: at + name.length + 1, end: at + line.length });
      lines.push(line);
      at += line.length;
    }
  };
  add('Content-Type', header.types);
  add('Content-Transfer-Encoding', header.encodings);
  add('Content-Disposition', header.dispositions);
  const raw = Buffer.from(lines.join(''), 'latin1');
  return readEntity(raw, fields, digest ? 'message/rfc822' : 'text/plain', false, new Set());
}
