/** Cuts what the next hop sends into replies (RFC 5321 §4.2), kept byte for byte, and refuses what is not one. */
import { limits } from '../runtime/limits.js';

export interface UpstreamReply {
  readonly code: number;
  /** the whole reply as it came, all lines with their CRLF; latin1, so that every octet survives */
  readonly raw: string;
}

/** Why the bytes are not a reply; the connection cannot be used any further. */
export type ReplyFault = 'syntax' | 'code-changed' | 'line-too-long' | 'too-many-lines';

export class ReplyReader {
  #rest = '';
  #lines = '';
  #lineCount = 0;
  #code = 0;

  /** Bytes of an unfinished reply are waiting. */
  get partial(): boolean {
    return this.#rest !== '' || this.#lineCount > 0;
  }

  /** Forgets what came before, at a TLS upgrade (RFC 3207 §4.2); says whether there was anything. */
  discard(): boolean {
    const had = this.partial;
    this.#rest = '';
    this.#lines = '';
    this.#lineCount = 0;
    return had;
  }

  /** Calls `onReply` for each whole reply in order. A fault ends reading for good. */
  read(chunk: Buffer, onReply: (reply: UpstreamReply) => void): ReplyFault | undefined {
    this.#rest += chunk.toString('latin1');
    let start = 0;
    for (let end = this.#rest.indexOf('\n'); end !== -1; end = this.#rest.indexOf('\n', start)) {
      const line = this.#rest.slice(start, end + 1);
      start = end + 1;
      const fault = this.#line(line, onReply);
      if (fault !== undefined) return fault;
    }
    this.#rest = start === 0 ? this.#rest : this.#rest.slice(start);
    return this.#rest.length > limits.smtp.replyLineBytes ? 'line-too-long' : undefined;
  }

  #line(line: string, onReply: (reply: UpstreamReply) => void): ReplyFault | undefined {
    if (line.length > limits.smtp.replyLineBytes) return 'line-too-long';
    const code = replyCode(line);
    if (code === -1) return 'syntax';
    if (this.#lineCount > 0 && code !== this.#code) return 'code-changed';
    this.#code = code;
    this.#lines = this.#lineCount === 0 ? line : this.#lines + line;
    this.#lineCount += 1;
    if (line.charCodeAt(3) === 0x2d) {
      return this.#lineCount >= limits.smtp.replyLinesMax ? 'too-many-lines' : undefined;
    }
    const raw = this.#lines;
    this.#lines = '';
    this.#lineCount = 0;
    onReply({ code, raw });
    return undefined;
  }
}

/** `ddd`, then space, hyphen or the end, and CRLF with no other control in between; -1 otherwise. */
function replyCode(line: string): number {
  const length = line.length;
  if (length < 5 || line.charCodeAt(length - 2) !== 13) return -1;
  const first = line.charCodeAt(0) - 48;
  const second = line.charCodeAt(1) - 48;
  const third = line.charCodeAt(2) - 48;
  if (first < 2 || first > 5 || second < 0 || second > 9 || third < 0 || third > 9) return -1;
  const separator = line.charCodeAt(3);
  if (separator !== 0x20 && separator !== 0x2d && length !== 5) return -1;
  for (let i = 4; i < length - 2; i += 1) {
    const char = line.charCodeAt(i);
    if (char === 0 || char === 13) return -1;
  }
  return first * 100 + second * 10 + third;
}

/** The texts of a multi-line reply without code, separator and CRLF. */
export function replyTexts(reply: UpstreamReply): string[] {
  return reply.raw
    .split('\r\n')
    .slice(0, -1)
    .map((line) => line.slice(4));
}
