/** Where a password comes from: a file, standard input, or a person who types it unseen. Never the command line, which others can read. */
import { readFileSync, statSync } from 'node:fs';
import type { ReadStream } from 'node:tty';

/** characters; longer is not a password but the wrong file */
const longest = 4096;

export interface PasswordSource {
  readonly stdin: NodeJS.ReadStream;
  readonly prompt: (text: string) => void;
}

/**
 * @param file `-` is the first line of standard input
 * @returns the password, or what is wrong, for a person
 */
export async function readPassword(
  file: string | undefined,
  user: string,
  { stdin, prompt }: PasswordSource,
): Promise<{ readonly password: string; readonly warning?: string } | string> {
  if (file !== undefined && file !== '-') return passwordFile(file);
  if (file === '-' || !stdin.isTTY) {
    if (file === undefined) return 'give --password-file FILE, or - for standard input: there is no terminal to ask at';
    return firstLine(await wholeInput(stdin));
  }
  // The terminal shows nothing any more when the question appears.
  const typing = typedUnseen(stdin);
  prompt(`Password of ${user}: `);
  const typed = await typing;
  prompt('\n');
  return typed === undefined ? 'no password was given' : firstLine(typed);
}

function passwordFile(file: string): { readonly password: string; readonly warning?: string } | string {
  try {
    const found = firstLine(readFileSync(file, 'utf8').slice(0, longest + 1));
    if (typeof found === 'string' || (statSync(file).mode & 0o077) === 0) return found;
    return { ...found, warning: `others on this machine can read ${file}: chmod 600 ${file}` };
  } catch (error) {
    return `the password file cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'} ${file}`;
  }
}

function firstLine(text: string): { readonly password: string } | string {
  const password = text.split(/\r?\n/, 1)[0] ?? '';
  if (password === '') return 'the password is empty';
  return password.length > longest ? 'the first line is too long for a password' : { password };
}

async function wholeInput(stdin: NodeJS.ReadStream): Promise<string> {
  let text = '';
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.length > longest || text.includes('\n')) break;
  }
  return text;
}

/** A line from a terminal that shows nothing of it; undefined when it was given up with Ctrl-C or Ctrl-D. */
export function typedUnseen(
  terminal: Pick<ReadStream, 'setRawMode' | 'on' | 'off' | 'resume' | 'pause'>,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const finish = (value: string | undefined) => {
      terminal.off('data', take);
      terminal.setRawMode(false);
      terminal.pause();
      resolve(value);
    };
    const take = (chunk: Buffer | string) => {
      for (const character of String(chunk)) {
        if (character === '\r' || character === '\n') return finish(text);
        if (character === '\x03' || character === '\x04') return finish(undefined);
        if (character === '\x7f' || character === '\b') text = [...text].slice(0, -1).join('');
        else if (text.length <= longest) text += character;
      }
    };
    terminal.setRawMode(true);
    terminal.on('data', take);
    terminal.resume();
  });
}
