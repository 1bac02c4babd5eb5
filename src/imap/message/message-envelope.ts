/** ENVELOPE of RFC 9051 §7.5.2: the fields of a header as their octets are, not decoded. */

import { imapNstring } from '../wire/nstring.js';
import { envelopeAddresses } from './message-address.js';
import { fieldValue, firstValue, type MessageField } from './message-field.js';

function addressList(bytes: Buffer, fields: readonly MessageField[], name: string): string {
  const text = fields
    .filter((field) => field.name === name)
    .map((field) => fieldValue(bytes, field))
    .join(', ');
  const addresses = envelopeAddresses(text).map(({ name, route, mailbox, host }) => {
    const parts = [name, route, mailbox, host].map(imapNstring);
    return `(${parts.join(' ')})`;
  });
  return addresses.length === 0 ? 'NIL' : `(${addresses.join('')})`;
}

/** The parenthesized list, octets as latin1. */
export function envelope(bytes: Buffer, fields: readonly MessageField[]): string {
  const text = (name: string) => imapNstring(firstValue(bytes, fields, name));
  const from = addressList(bytes, fields, 'from');
  // The server fills these in; a client need not know how (RFC 9051 §7.5.2).
  const orFrom = (name: string) => {
    const list = addressList(bytes, fields, name);
    return list === 'NIL' ? from : list;
  };
  const parts = [text('date'), text('subject'), from, orFrom('sender'), orFrom('reply-to')];
  for (const name of ['to', 'cc', 'bcc']) parts.push(addressList(bytes, fields, name));
  parts.push(text('in-reply-to'), text('message-id'));
  return `(${parts.join(' ')})`;
}
