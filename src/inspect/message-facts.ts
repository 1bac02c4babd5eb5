/**
 * What the message header says of the people and the mail: addresses for the lists, subject and names for records.
 * Read only when somebody asks, so that a mail that nobody asks about pays nothing.
 */
import { parseAddressList } from '../mime/address.js';
import { displayText } from '../mime/entity.js';
import { decodeRaw, type Field, unfold } from '../mime/header.js';
import { limits } from '../runtime/limits.js';
import type { BodyAddresses } from './report.js';

/** RFC 5322 §2.1.1 bounds a line, and nobody reads a longer subject */
const textCharacters = 998;
const senderFields = new Set(['from', 'sender', 'reply-to']);
const receiverFields = new Set(['to', 'cc']);

export class MessageFacts {
  readonly #raw: Buffer;
  readonly #fields: readonly Field[];
  /** the header block is odd enough that another reader may see other fields */
  readonly #doubtful: boolean;
  #addresses: BodyAddresses | undefined;

  /** @param raw a copy of the header block, which is kept */
  constructor(raw: Buffer, fields: readonly Field[], doubtful: boolean) {
    this.#raw = raw;
    this.#fields = fields;
    this.#doubtful = doubtful;
  }

  /** The first field of that name, decoded for people; undefined when absent. */
  text(name: string): string | undefined {
    const field = this.#fields.find((candidate) => candidate.name.toLowerCase() === name);
    return field === undefined ? undefined : displayText(this.#raw, field, textCharacters);
  }

  get addresses(): BodyAddresses {
    this.#addresses ??= this.#readAddresses();
    return this.#addresses;
  }

  #readAddresses(): BodyAddresses {
    const sender = new Set<string>();
    const receiver = new Set<string>();
    const certainSender = new Set<string>();
    const certainReceiver = new Set<string>();
    const counts = new Map<string, number>();
    const candidates: { field: string; address: string }[] = [];
    for (const field of this.#fields) {
      const name = field.name.toLowerCase();
      const target = senderFields.has(name) ? sender : receiverFields.has(name) ? receiver : undefined;
      if (target === undefined) continue;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      const list = parseAddressList(decodeRaw(unfold(this.#raw, field)));
      for (const mailbox of list.mailboxes) {
        if (target.size < limits.mime.addressesMax) target.add(mailbox);
      }
      const [only, ...others] = list.mailboxes;
      // A Reply-To is the sender's wish: it may block, but nobody is trusted for it.
      if (name !== 'reply-to' && list.certain && only !== undefined && others.length === 0)
        candidates.push({ field: name, address: only });
    }
    for (const { field, address } of candidates) {
      if (counts.get(field) !== 1 || this.#doubtful) continue;
      (senderFields.has(field) ? certainSender : certainReceiver).add(address);
    }
    return {
      sender: [...sender],
      receiver: [...receiver],
      certainSender: [...certainSender],
      certainReceiver: [...certainReceiver],
    };
  }
}
