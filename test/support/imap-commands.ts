/** Random commands of a client: the same arguments in every form of string that the grammar has. */
import fc from 'fast-check';
import type { Token } from '../../src/imap/wire/wire.js';

/** An argument without its form. */
export type Argument =
  | { readonly kind: 'atom'; readonly text: string }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly Argument[] };

const tricky = fc.array(
  fc.constantFrom('\r\n', ')', '(', '"', '{3}', '{3+}\r\n', ']', 'A2 LOGOUT\r\n', 'a', ' ', '\\', '\xff', '%', '}'),
  { maxLength: 8 },
);

const leaf: fc.Arbitrary<Argument> = fc.oneof(
  fc
    .constantFrom('INBOX', '1:*', '\\Seen', '$', 'a[b]c', '*', '%', 'x}', '+FLAGS.SILENT', 'BODY[')
    .map((text): Argument => ({ kind: 'atom', text })),
  tricky.map((parts): Argument => ({ kind: 'string', text: parts.join('') })),
);

const { argument } = fc.letrec<{ argument: Argument }>((tie) => ({
  argument: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    { weight: 4, arbitrary: leaf },
    {
      weight: 1,
      arbitrary: fc.array(tie('argument'), { maxLength: 4 }).map((items): Argument => ({ kind: 'list', items })),
    },
  ),
}));

export const sampleArguments = fc.array(argument, { maxLength: 5 });

/**
 * Writes arguments, with the form of each string chosen in turn.
 * @param forms numbers of any size, at least one
 */
export function writeArguments(items: readonly Argument[], forms: readonly number[]): string {
  let next = 0;
  const write = (one: Argument): string => {
    if (one.kind === 'atom') return one.text;
    if (one.kind === 'list') return `(${one.items.map(write).join(' ')})`;
    const form = (forms[next % forms.length] ?? 0) % 5;
    next += 1;
    const size = one.text.length;
    if (form === 0 && !/[\r\n\0]/.test(one.text)) return `"${one.text.replace(/["\\]/g, '\\$&')}"`;
    return `${form >= 3 ? '~' : ''}{${size}${form % 2 === 0 ? '+' : ''}}\r\n${one.text}`;
  };
  return items.map(write).join(' ');
}

/** The same of what was read. */
export function toldArguments(tokens: readonly Token[]): Argument[] {
  return tokens.map((token) => {
    if (token.kind === 'list') return { kind: 'list', items: toldArguments(token.items) };
    return { kind: token.kind, text: token.bytes.toString('latin1') };
  });
}
