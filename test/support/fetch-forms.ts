/** FETCH items as a client writes them, as the values that readers make of them; and answers read back. */
import { answerItem, type StoredMessage } from '../../src/imap/message/stored-message.js';
import type { FetchItem, Section } from '../../src/imap/wire/wire.js';
import { fetchItemsOf, type ImapValue, readResponse } from './imap-values.js';

const form =
  /^([A-Z0-9.]+)(?:\[([0-9.]*?)\.?(HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME)?(?: \(([^)]*)\))?\])?(?:<(\d+)(?:\.(\d+))?>)?$/;

/** @throws Error when it is no item */
export function itemOf(text: string): FetchItem {
  const found = form.exec(text);
  if (found === null) throw new Error(`not an item: ${text}`);
  const [, name = '', part = '', word, fields = '', offset, count] = found;
  const section: Section = {
    part: part === '' ? [] : part.split('.').map(Number),
    text: word as Section['text'], // one of the words in the pattern
    fields: fields === '' ? [] : fields.split(' '),
  };
  const bracketed = text.includes('[');
  return {
    name: bracketed ? `${name}[]` : name,
    section: bracketed ? section : undefined,
    partial:
      offset === undefined
        ? undefined
        : { offset: Number(offset), count: count === undefined ? undefined : Number(count) },
    lazy: false,
  };
}

/** What an independent reader makes of our answer: exactly one item. @throws Error when it is not well-formed */
export function answered(message: StoredMessage, text: string): { readonly name: string; readonly value: ImapValue } {
  const answer = answerItem(message, itemOf(text));
  const raw = Buffer.concat([Buffer.from('* 1 FETCH ('), answer, Buffer.from(')\r\n')]);
  const [entry, ...rest] = fetchItemsOf(readResponse(raw));
  if (entry === undefined || rest.length > 0) throw new Error(`not one item: ${raw.toString('latin1')}`);
  return { name: entry[0], value: entry[1] };
}
