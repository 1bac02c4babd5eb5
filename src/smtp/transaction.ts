/** The envelope state of one mail transaction; RSET, EHLO and the end of the message drop it, the connection stays. */
import type { Content } from './content.js';
import type { SmtpEnvelope, SmtpPeer, SmtpRecipient } from './handler.js';
import { type MailPath, parameterValue } from './mail-path.js';

export class Transaction {
  readonly mailFrom: string;
  readonly mailParameters: readonly string[];
  readonly recipients: SmtpRecipient[] = [];
  /** RFC 3030 §3: BODY=BINARYMIME content can only travel by BDAT */
  readonly binary: boolean;
  /** content under way, between its first BDAT and its last */
  content: Content | undefined;
  /** a chunk failed: the others are swallowed and refused until RSET (RFC 3030 §2) */
  chunkFailed = false;

  constructor(path: MailPath) {
    this.mailFrom = path.address;
    this.mailParameters = path.parameters;
    this.binary = parameterValue(path.parameters, 'BODY')?.toUpperCase() === 'BINARYMIME';
  }

  envelope(peer: SmtpPeer): SmtpEnvelope {
    return {
      peer,
      mailFrom: this.mailFrom,
      mailParameters: this.mailParameters,
      recipients: [...this.recipients],
    };
  }
}
