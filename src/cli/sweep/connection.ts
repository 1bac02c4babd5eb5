/** The contract of a sweep over imapflow: a login through the gate's own listener, as any mail program's. */
import { ImapFlow, type ImapFlowOptions } from 'imapflow';
import { noticeFieldName } from '../../notice/notice.js';
import { messageOf } from '../../runtime/errors.js';
import { ConnectionLost, type Judged, NotListening, type SweepConnection, SweepRefused } from './sweep.js';
import { describeTarget, type SweepTarget } from './target.js';

export interface SweepLogin {
  /** whose mailboxes are swept; what is judged is remembered for this name */
  readonly user: string;
  /** who the password belongs to, when that is somebody else (RFC 4616: authorisation identity) */
  readonly login: string | undefined;
  readonly password: string;
}

/** Rejects with `SweepRefused` where no second attempt would help, else with `ConnectionLost`. */
export async function openConnection(target: SweepTarget, login: SweepLogin): Promise<SweepConnection> {
  const client = new ImapFlow(optionsOf(target, login));
  client.on('error', () => {
    // Whoever waits for an answer is told by its promise.
  });
  try {
    await client.connect();
    return new ImapConnection(client);
  } catch (error) {
    client.close();
    throw explained(error, target, login);
  }
}

function optionsOf(target: SweepTarget, { user, login, password }: SweepLogin): ImapFlowOptions {
  return {
    host: target.host,
    port: target.port,
    secure: target.tls === 'implicit',
    doSTARTTLS: target.tls === 'starttls',
    ...(target.tlsOptions === undefined ? {} : { tls: target.tlsOptions }),
    auth:
      login === undefined
        ? { user, pass: password }
        : { user: login, pass: password, authzid: user, loginMethod: 'AUTH=PLAIN' },
    logger: false,
    disableAutoIdle: true,
    disableAutoEnable: true,
    clientInfo: { name: 'sluice sweep' },
  };
}

/** What the server said when it refused; undefined when it was not the server. */
function responseText(error: unknown): string | undefined {
  const { responseStatus, responseText: text } = error as { responseStatus?: unknown; responseText?: unknown };
  if (responseStatus !== 'NO' && responseStatus !== 'BAD') return undefined;
  return typeof text === 'string' && text !== '' ? text : responseStatus;
}

function explained(error: unknown, target: SweepTarget, { user, login }: SweepLogin): Error {
  const where = describeTarget(target);
  const refusal = responseText(error);
  const { serverResponseCode, authenticationFailed } = error as {
    serverResponseCode?: unknown;
    authenticationFailed?: unknown;
  };
  // RFC 5530: UNAVAILABLE passes. Anything else would only count as further attempts to guess a password.
  if (authenticationFailed === true && serverResponseCode !== 'UNAVAILABLE')
    return new SweepRefused(`${where} refuses the login of ${login ?? user}: ${refusal ?? 'wrong name or password'}`);
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED')
    return new NotListening(`nothing listens for ${where}: is the gate running? Start it with sluice run`);
  if (code?.startsWith('CERT_') === true || code?.includes('CERT') === true || /certificate/.test(message))
    return new SweepRefused(
      `the certificate of ${where} is not believed: ${message}. A private authority goes into tls.caFile`,
    );
  return new ConnectionLost(`no connection through ${where}: ${refusal ?? message}`);
}

/**
 * What makes the gate judge a message: one octet of its content, which no setting shows unjudged. A header or a size
 * would do only for messages with attachments. The field tells a notice from other mail.
 */
const query = { uid: true, source: { start: 0, maxLength: 1 }, headers: [noticeFieldName] };

class ImapConnection implements SweepConnection {
  readonly #client: ImapFlow;

  constructor(client: ImapFlow) {
    this.#client = client;
  }

  async mailboxes(): Promise<{ path: string; messages: number }[]> {
    const listed = await this.#asked(() => this.#client.list());
    const found: { path: string; messages: number }[] = [];
    for (const { path, flags } of listed) {
      // RFC 9051 §7.3.1
      if (flags.has('\\Noselect') || flags.has('\\NonExistent')) continue;
      const status = await this.#asked(() => this.#client.status(path, { messages: true })).catch((error: unknown) => {
        if (error instanceof ConnectionLost) throw error;
        return false as const;
      });
      found.push({ path, messages: status === false ? 0 : (status.messages ?? 0) });
    }
    return found;
  }

  async open(path: string): Promise<readonly number[] | string> {
    try {
      await this.#asked(() => this.#client.mailboxOpen(path, { readOnly: true }));
      const uids = await this.#asked(() => this.#client.search({ all: true }, { uid: true }));
      return uids === undefined || uids === false ? [] : uids.sort((left, right) => right - left);
    } catch (error) {
      if (error instanceof ConnectionLost) throw error;
      return `it cannot be opened: ${messageOf(error)}`;
    }
  }

  async judge(uids: readonly number[]): Promise<Judged> {
    const answers = new Map<number, 'clean' | 'withheld'>();
    try {
      await this.#asked(async () => {
        for await (const message of this.#client.fetch(rangesOf(uids), query, { uid: true })) {
          // Flags that another client changed come without content.
          if (message.source === undefined && message.headers === undefined) continue;
          const field = message.headers?.toString('latin1').toLowerCase() ?? '';
          const notice = field.startsWith(`${noticeFieldName.toLowerCase()}:`);
          answers.set(message.uid, notice ? 'withheld' : 'clean');
        }
      });
      return { answers, refused: undefined };
    } catch (error) {
      if (error instanceof ConnectionLost) throw error;
      return { answers, refused: messageOf(error) };
    }
  }

  close(): void {
    this.#client.close();
  }

  /** A refusal rejects with what the server says; all else means that the connection is of no more use. */
  async #asked<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      if (!this.#client.usable) throw new ConnectionLost('the gate has closed it');
      return result;
    } catch (error) {
      const refusal = responseText(error);
      if (refusal !== undefined) throw new Error(refusal, { cause: error });
      throw error instanceof ConnectionLost ? error : new ConnectionLost(messageOf(error), { cause: error });
    }
  }
}

/** UIDs as a sequence set, neighbours as ranges. */
export function rangesOf(uids: readonly number[]): string {
  const ranges: { first: number; last: number }[] = [];
  for (const uid of [...uids].sort((left, right) => left - right)) {
    const open = ranges.at(-1);
    if (open !== undefined && uid === open.last + 1) open.last = uid;
    else ranges.push({ first: uid, last: uid });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}:${last}`)).join(',');
}
