/**
 * The grammar of MAIL and RCPT arguments (RFC 5321 §4.1.2, RFC 6531 §3.3): text in, address and parameters out. It is
 * strict on purpose: an address that we read differently from the next hop would be matched against the wrong list
 * entry, or slip past the relay check.
 */

export interface MailPath {
  /** as written between the brackets, without a source route; empty for the null reverse-path */
  readonly address: string;
  readonly localPart: string;
  /** the path names relays on the way to the mailbox (`@a,@b:user@c`) */
  readonly routed: boolean;
  /** lower case; undefined for `<>` and `<postmaster>`-like paths without a domain */
  readonly domain: string | undefined;
  /** `KEYWORD` or `KEYWORD=value`, as written */
  readonly parameters: readonly string[];
}

export type MailPathProblem = 'syntax' | 'address' | 'parameter';

/** RFC 5321 §4.5.3.1.1-3, plus what RFC 6531 counts in octets. */
const localPartBytes = 64;
const pathBytes = 256;

const atext = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\uffff-]+(?:\.+[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\uffff-]+)*\.?$/;
const quotedLocal = /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e\u0080-\uffff]|\\[\x20-\x7e])*"$/;
/** Underscores and a trailing dot are outside the RFC but in daily use; the next hop may still refuse them. */
const domainName =
  /^[A-Za-z0-9_\u0080-\uffff](?:[A-Za-z0-9_\u0080-\uffff-]*[A-Za-z0-9_\u0080-\uffff])?(?:\.[A-Za-z0-9_\u0080-\uffff](?:[A-Za-z0-9_\u0080-\uffff-]*[A-Za-z0-9_\u0080-\uffff])?)*\.?$/;
const domainLiteral = /^\[[A-Za-z0-9:.-]+\]$/;
/** RFC 5321 §4.1.2 esmtp-param; `+`-encoded xtext (RFC 3461) is inside esmtp-value. */
const esmtpParameter = /^[A-Za-z0-9][A-Za-z0-9-]*(?:=[\x21-\x3c\x3e-\x7e\u0080-\uffff]+)?$/;

/**
 * Parses what follows `MAIL FROM:` or `RCPT TO:`. One space before the bracket is forgiven, because common clients
 * send it; anything else that is not the grammar is a problem.
 *
 * @param nullAllowed whether `<>` is a path here (reverse-paths only)
 */
export function parseMailPath(text: string, nullAllowed: boolean): MailPath | MailPathProblem {
  const start = text.startsWith(' ') ? 1 : 0;
  if (text[start] !== '<') return 'syntax';
  const close = closingBracket(text, start + 1);
  if (close === -1) return 'syntax';
  const parameters = parseParameters(text.slice(close + 1));
  if (parameters === undefined) return 'parameter';
  const written = text.slice(start + 1, close);
  const inner = withoutSourceRoute(written);
  if (inner === undefined) return 'address';
  const routed = inner !== written;
  if (inner === '' && (routed || !nullAllowed)) return 'address';
  if (inner === '') return { address: '', localPart: '', routed, domain: undefined, parameters };
  if (Buffer.byteLength(inner) > pathBytes) return 'address';
  const at = inner.lastIndexOf('@');
  const localPart = at === -1 ? inner : inner.slice(0, at);
  const domain = at === -1 ? undefined : inner.slice(at + 1);
  if (Buffer.byteLength(localPart) > localPartBytes) return 'address';
  if (!atext.test(localPart) && !quotedLocal.test(localPart)) return 'address';
  if (domain !== undefined && !domainName.test(domain) && !domainLiteral.test(domain)) return 'address';
  return { address: inner, localPart, routed, domain: domain?.toLowerCase(), parameters };
}

/** A bracket inside a quoted local part does not close the path. */
function closingBracket(text: string, from: number): number {
  let quoted = false;
  for (let i = from; i < text.length; i += 1) {
    const char = text[i];
    if (quoted && char === '\\') i += 1;
    else if (char === '"') quoted = !quoted;
    else if (!quoted && char === '>') return i;
    else if (!quoted && char === '<') return -1;
  }
  return -1;
}

function parseParameters(text: string): string[] | undefined {
  if (text.trim() === '') return [];
  if (!text.startsWith(' ')) return undefined;
  const parameters = text.trim().split(/ +/);
  return parameters.every((parameter) => esmtpParameter.test(parameter)) ? parameters : undefined;
}

/** `@a,@b:user@c` names relays that nobody uses any more; RFC 5321 appendix C says to ignore them. */
function withoutSourceRoute(path: string): string | undefined {
  if (!path.startsWith('@')) return path;
  const colon = path.indexOf(':');
  if (colon === -1) return undefined;
  const hops = path.slice(0, colon).split(',');
  return hops.every((hop) => hop.startsWith('@') && domainName.test(hop.slice(1))) ? path.slice(colon + 1) : undefined;
}

/** The value of a parameter, by its keyword in any case; `''` for a keyword without value, undefined when absent. */
export function parameterValue(parameters: readonly string[], keyword: string): string | undefined {
  for (const parameter of parameters) {
    const equals = parameter.indexOf('=');
    const name = equals === -1 ? parameter : parameter.slice(0, equals);
    if (name.toUpperCase() === keyword) return equals === -1 ? '' : parameter.slice(equals + 1);
  }
  return undefined;
}
