/**
 * Mailbox lists of RFC 5322 §3.4, read so that nothing that some reader would take for an address is missed: groups,
 * comments, quoted local parts and obsolete routes (§4.4) included. `certain` is only what every reader agrees on.
 */

export interface AddressList {
  /** `local@domain` as written, quotes around a local part only where it needs them */
  readonly mailboxes: readonly string[];
  /** canonical syntax throughout, so that no other reading exists */
  readonly certain: boolean;
}

type Token =
  | { readonly kind: 'atom' | 'quoted' | 'literal'; readonly text: string }
  | { readonly kind: 'special'; readonly text: string };

const specials = '<>,;:@';
const atomRun = /[^\s<>,;:@"()[\]\\\x00-\x1f]+/y;
const plainLocal = /^[^\s<>,;:@"()[\]\\]+$/;

interface Lexed {
  readonly tokens: readonly Token[];
  readonly odd: boolean;
}

function lex(text: string): Lexed {
  const tokens: Token[] = [];
  let odd = false;
  let at = 0;
  while (at < text.length) {
    const char = text[at] as string; // at < length
    if (char === ' ' || char === '\t' || char === '\r' || char === '\n') at += 1;
    else if (char === '"' || char === '[') {
      const quoted = readQuoted(text, at + 1, char === '"' ? '"' : ']');
      tokens.push({ kind: char === '"' ? 'quoted' : 'literal', text: quoted.text });
      if (!quoted.closed) odd = true;
      at = quoted.end;
    } else if (char === '(') {
      const comment = skipComment(text, at);
      // Comments are legal, and a classic way to make two readers see two addresses.
      odd = true;
      at = comment.end;
    } else if (specials.includes(char)) {
      tokens.push({ kind: 'special', text: char });
      at += 1;
    } else {
      atomRun.lastIndex = at;
      const run = atomRun.exec(text)?.[0];
      if (run === undefined) {
        odd = true;
        at += 1;
      } else {
        tokens.push({ kind: 'atom', text: run });
        at += run.length;
      }
    }
  }
  return { tokens, odd };
}

/** What stands up to `close`, its quoted pairs (RFC 5322 §3.2.1) resolved; `end` is behind it, or where the text ends. */
export function readQuoted(
  text: string,
  from: number,
  close: string,
): { readonly text: string; readonly end: number; readonly closed: boolean } {
  let at = from;
  while (at < text.length && text[at] !== close) at += text[at] === '\\' ? 2 : 1;
  const inner = text.slice(from, Math.min(at, text.length)).replace(/\\([\s\S])/g, '$1');
  return { text: inner, end: Math.min(at + 1, text.length), closed: at < text.length };
}

/** Where the comment (RFC 5322 §3.2.2) that begins at `from` ends: behind its bracket, or where the text does. */
export function skipComment(text: string, from: number): { readonly end: number; readonly closed: boolean } {
  let depth = 0;
  let at = from;
  for (; at < text.length; at += 1) {
    const char = text[at];
    if (char === '\\') at += 1;
    else if (char === '(') depth += 1;
    else if (char === ')') {
      depth -= 1;
      if (depth === 0) return { end: at + 1, closed: true };
    }
  }
  return { end: text.length, closed: false };
}

/** `local@domain` at `at`, where `at` is the `@`; both sides may be dot-atoms with blanks (obsolete) or quoted. */
function mailboxAround(tokens: readonly Token[], at: number): { text: string; canonical: boolean } | undefined {
  const local = tokens[at - 1];
  const domain = tokens[at + 1];
  if (local === undefined || domain === undefined || local.kind === 'special' || domain.kind === 'special') {
    return undefined;
  }
  const host = domain.kind === 'literal' ? `[${domain.text}]` : domain.text;
  const quoted = local.kind === 'quoted' && !plainLocal.test(local.text);
  const name = quoted ? `"${local.text.replace(/(["\\])/g, '\\$1')}"` : local.text;
  return { text: `${name}@${host}`, canonical: local.kind === 'atom' && domain.kind !== 'quoted' };
}

/** All mailboxes in a From, To, Cc, Sender or Reply-To body. Never throws; empty when there is none. */
export function parseAddressList(text: string): AddressList {
  const { tokens, odd } = lex(text);
  const mailboxes: string[] = [];
  let certain = !odd;
  let angle = false;
  let phrase = 0;
  let found = 0;
  for (const [at, token] of tokens.entries()) {
    if (token.kind !== 'special') {
      if (!angle) phrase += 1;
      continue;
    }
    switch (token.text) {
      case '<':
        // An address in the display name: `a@good.example <b@bad.example>`
        if (angle || found > 0) certain = false;
        angle = true;
        break;
      case '>':
        if (!angle) certain = false;
        angle = false;
        break;
      case '@': {
        const mailbox = mailboxAround(tokens, at);
        // RFC 5322 §4.4 route: `<@relay,@relay:local@domain>`
        if (mailbox === undefined || !mailbox.canonical) certain = false;
        // Blanks around dots (obs-local-part), or text before a bare address: `junk a@b.example`
        if (!angle && phrase !== 1) certain = false;
        if (mailbox !== undefined) {
          mailboxes.push(mailbox.text);
          found += 1;
          if (found > 1) certain = false;
        }
        break;
      }
      case ',':
        if (angle) certain = false;
        else {
          phrase = 0;
          found = 0;
        }
        break;
      default:
        // `group: a, b;`: readers without groups see other names
        certain = false;
        phrase = 0;
        found = 0;
    }
    if (angle && token.text === '@') {
      const next = tokens[at + 2];
      const before = tokens[at - 2];
      if (next?.text !== '>' || next.kind !== 'special') certain = false;
      if (before?.text !== '<' || before.kind !== 'special') certain = false;
    }
  }
  if (angle) certain = false;
  return { mailboxes: [...new Set(mailboxes)], certain: certain && mailboxes.length > 0 };
}
