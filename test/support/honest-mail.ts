/**
 * Mails as honest programs write them, which the gate must deliver as they are and find nothing odd about: clients old
 * and new times what people send, then letters that machines write, and the examples of the standards.
 */
import { contents } from './honest-content.js';
import { legalMails } from './honest-legal.js';
import { machineMails } from './honest-machine.js';
import { programs } from './honest-program.js';
import { type HonestMail, write } from './honest-writer.js';

export type { HonestMail } from './honest-writer.js';

export function honestMails(): HonestMail[] {
  const letters = programs.flatMap((program) => contents.map((content) => write(program, content)));
  return [...letters, ...machineMails(), ...legalMails()];
}
