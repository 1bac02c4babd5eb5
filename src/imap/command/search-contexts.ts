/**
 * Searches whose results the server keeps up to date (RFC 5267 §4.3): what it tells of them later names the command
 * that began them, so the tags outlive their answers.
 */
import { limits } from '../../runtime/limits.js';
import type { CollectedCommand } from '../session/collected-command.js';
import { refusals } from '../session/replies.js';
import type { ImapSession } from '../session/session.js';
import { parseCommand } from '../wire/command.js';

/** `RETURN (… UPDATE …)` of SEARCH and SORT; anywhere in the line, as a tag that is kept in vain costs nothing. */
const asksUpdates = /^[^ ]+ (?:UID )?(?:SEARCH|SORT) RETURN \([^()]*\bUPDATE\b/i;

export class SearchContexts {
  /** our tag to the client's, oldest first */
  readonly #tags = new Map<string, string>();

  /** @param line the first of a command, with the client's tag */
  begin(line: Buffer, ours: string, clientTag: string): void {
    if (!asksUpdates.test(line.toString('latin1'))) return;
    const [oldest] = this.#tags.keys();
    if (oldest !== undefined && this.#tags.size >= limits.imapSession.searchContextsMax) this.#tags.delete(oldest);
    this.#tags.set(ours, clientTag);
  }

  clientTag(ours: string): string | undefined {
    return this.#tags.get(ours);
  }

  /** The last search that the client has begun under this tag. */
  ourTag(clientTag: string): string | undefined {
    return [...this.#tags].findLast(([, tag]) => tag === clientTag)?.[0];
  }

  clear(): void {
    this.#tags.clear();
  }
}

/** CANCELUPDATE (RFC 5267 §4.3.5) names searches by the client's tags, which the server has never seen. */
export function cancelUpdate(session: ImapSession, command: CollectedCommand): void {
  const parsed = parseCommand(command.pieces);
  const { answers, contexts } = session;
  const tags = 'fault' in parsed ? [] : parsed.args.map((token) => (token.kind === 'string' ? token.bytes : undefined));
  if (tags.length === 0 || tags.includes(undefined)) {
    answers.refuse(command.tag, refusals.syntax);
    return;
  }
  const ours = tags.map((tag) => contexts.ourTag(tag?.toString('latin1') ?? ''));
  if (ours.includes(undefined)) {
    answers.refuse(command.tag, refusals.noContext);
    return;
  }
  const line = Buffer.from(`CANCELUPDATE ${ours.map((tag) => `"${tag}"`).join(' ')}`, 'latin1');
  answers.run(command.tag, false, undefined, (entry) =>
    answers.send([line], (response) => answers.pass(entry, response)),
  );
}
