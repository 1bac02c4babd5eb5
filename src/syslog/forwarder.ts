/** Tells one collector: what happened becomes records of its format, addresses hidden as the log hides them. */
import { type AddressMode, redact } from '../runtime/log.js';
import { cefRecords } from './cef-records.js';
import type { Place } from './place.js';
import { formatRecord, type Origin } from './record.js';
import type { Sender } from './sender.js';
import { srxRecords } from './srx-records.js';
import type { Audience, Told } from './told.js';

export interface ForwarderOptions {
  readonly format: 'srx' | 'cef';
  readonly place: Place;
  readonly origin: Origin;
  readonly addresses: AddressMode;
  /** of one record, without framing */
  readonly bytesMax: number;
}

export class Forwarder implements Audience {
  readonly #options: ForwarderOptions;
  readonly #sender: Pick<Sender, 'send'>;

  constructor(options: ForwarderOptions, sender: Pick<Sender, 'send'>) {
    this.#options = options;
    this.#sender = sender;
  }

  tell(told: Told): void {
    for (const record of recordsOf(told, this.#options)) this.#sender.send(record);
  }
}

/** The records of one event, as they are sent. */
export function recordsOf(told: Told, options: ForwarderOptions): Buffer[] {
  const { format, place, origin, addresses, bytesMax } = options;
  const shown = addresses === 'full' ? told : hidden(told, addresses);
  const records = format === 'srx' ? srxRecords(shown, place) : cefRecords(shown, place);
  return records.map((record) => formatRecord(record, origin, bytesMax));
}

/** The log's own rule. It leaves out or hashes what is personal as a whole, and keeps the kinds of all else. */
function hidden(told: Told, addresses: AddressMode): Told {
  const copy = redact({ ...told }, addresses) as Partial<Told>;
  return { ...told, ...nobody, ...copy } as Told;
}

const nobody = { sender: '', recipients: [], subject: undefined, messageId: undefined, user: undefined };
