/**
 * Scripts of IMAP commands that are run twice, directly and through, and the spelling in which both transcripts have
 * to be the same line by line. A script is a text file:
 *
 *     # first line: what it shows
 *     mail 5 [MAILBOX]      five letters are in the mailbox before anybody connects
 *     1> SELECT INBOX       connection 1 sends a command, which is answered with OK
 *     1! SELECT Nowhere     … which is not answered with OK
 *     1? X                  … whatever it is answered with
 *     1& NOOP               … sent together with the next command of this connection
 *     1+ IDLE               … which is to be asked to continue
 *     1: EXISTS             waits until a response with these words has come
 *     1= DONE               sends this line as it is, and waits for the answer to the command under way
 *     1- URLFETCH x         a command of which a gate must say that it is refused; a server is not asked it
 *
 * In a command `{{text}}` is a literal, `{+{text}}` one that is sent at once, `~{{text}}` one of eight bits; in all of
 * them, `\r`, `\n`, `\\` and `\xNN` are octets, `{*300*x}` stands for x written 300 times, and `$UIDVALIDITY` and
 * `$HIGHESTMODSEQ` for what the server has said last.
 */
import type { Dovecot } from './dovecot.js';
import { type ImapAnswer, ImapClient, type OutgoingPiece } from './imap-client.js';
import { fetchItemsOf, type ImapResponse, type ImapValue, plainValue } from './imap-values.js';
import { base64Lines } from './mail.js';

export interface ImapScript {
  readonly name: string;
  readonly title: string;
  readonly mailboxes: readonly { readonly count: number; readonly mailbox: string | undefined }[];
  readonly steps: readonly Step[];
}

type Kind = '>' | '!' | '?' | '&' | '+' | ':' | '=' | '-';

interface Step {
  readonly line: number;
  readonly connection: number;
  readonly kind: Kind;
  readonly text: string;
}

/** @throws Error with the line that is no step */
export function parseScript(name: string, text: string): ImapScript {
  const [first = '', ...lines] = text.split('\n');
  if (!first.startsWith('# ')) throw new Error(`${name} does not begin with what it shows`);
  const mailboxes: { count: number; mailbox: string | undefined }[] = [];
  const steps: Step[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const mail = /^mail (\d+)(?: (\S+))?$/.exec(line);
    const step = /^(\d)([>!?&+:=-]) (.*)$/.exec(line);
    if (mail !== null) mailboxes.push({ count: Number(mail[1]), mailbox: mail[2] });
    else if (step === null) throw new Error(`${name}:${index + 2} is no step: ${line}`);
    else {
      steps.push({ line: index + 2, connection: Number(step[1]), kind: step[2] as Kind, text: step[3] ?? '' });
    }
  }
  if (steps.length === 0) throw new Error(`${name} has no steps`);
  return { name, title: first.slice(2), mailboxes, steps };
}

/** Letters that differ in everything that can be searched, sorted and threaded by. */
export function letter(number: number): Buffer {
  const subject = ['Lunch', 'Re: Lunch', 'Minutes', 'Fwd: minutes', 'Zebra', 'apples'][number % 6] ?? '';
  const parent = number > 1 && number % 2 === 0 ? `In-Reply-To: <letter.${number - 1}@client.example>\r\n` : '';
  const head = [
    `From: ${['Ann', 'carl', 'Bob'][number % 3] ?? ''} <writer${number % 3}@client.example>`,
    `To: reader${number % 4}@example.org`,
    `Subject: ${subject}`,
    `Date: ${['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'][(number - 1) % 7] ?? ''}, ${String(((number * 7) % 27) + 1).padStart(2, '0')} Jan 2026 10:00:00 +0000`,
    `Message-ID: <letter.${number}@client.example>`,
  ].join('\r\n');
  if (number % 5 === 0) {
    const type = 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=_letter"\r\n';
    const text = '--=_letter\r\nContent-Type: text/plain\r\n\r\nHere it is.\r\n';
    const file = 'Content-Disposition: attachment; filename="a.txt"\r\nContent-Transfer-Encoding: base64\r\n';
    const content = base64Lines(Buffer.alloc(number, 'a'));
    return Buffer.from(`${head}\r\n${type}\r\n${text}--=_letter\r\n${file}\r\n${content}--=_letter--\r\n`);
  }
  const words = `Letter ${number} is about ${['fish', 'bread', 'salt'][number % 3] ?? ''}.\r\n`;
  return Buffer.from(`${head}\r\n${parent}\r\n${words.repeat(number)}`);
}

function octetsIn(text: string): string {
  return text
    .replace(/\{\*(\d+)\*([^}]*)\}/g, (_, times: string, what: string) => what.repeat(Number(times)))
    .replace(/\\(?:x([0-9a-f]{2})|([rn\\]))/gi, (_, hex: string | undefined, letter: string | undefined) =>
      hex === undefined ? ({ r: '\r', n: '\n' }[letter ?? ''] ?? '\\') : String.fromCharCode(Number.parseInt(hex, 16)),
    );
}

function piecesOf(text: string): OutgoingPiece[] {
  return text.split(/(~?\{\+?\{.*?\}\})/s).map((piece, index) => {
    if (index % 2 === 0) return octetsIn(piece);
    const content = piece.slice(piece.indexOf('{', piece.indexOf('{') + 1) + 1, -2);
    const literal = Buffer.from(octetsIn(content), 'latin1');
    return { literal, eager: piece.includes('{+{'), binary: piece.startsWith('~') };
  });
}

/** Plays one script and writes down what came. */
class Player {
  readonly lines: string[] = [];
  readonly #script: ImapScript;
  readonly #connect: (number: number) => Promise<ImapClient>;
  readonly #clients = new Map<number, ImapClient>();
  /** commands that wait to be sent with the next */
  readonly #together = new Map<number, string[]>();
  /** tags of commands that are under way */
  readonly #open = new Map<number, string>();
  readonly #writer = new Writer();
  readonly #refuses: boolean;
  /** last values of what scripts may name */
  readonly #said = new Map<string, string>();

  constructor(script: ImapScript, refuses: boolean, connect: (number: number) => Promise<ImapClient>) {
    this.#script = script;
    this.#refuses = refuses;
    this.#connect = connect;
  }

  async play(): Promise<void> {
    try {
      for (const step of this.#script.steps) {
        this.lines.push(`${step.connection}${step.kind} ${step.text}`);
        await this.#step(step).catch((error: Error) => {
          throw new Error(`${this.#script.name}:${step.line}: ${error.message}`);
        });
      }
    } finally {
      for (const client of this.#clients.values()) client.destroy();
    }
  }

  async #client(number: number): Promise<ImapClient> {
    const known = this.#clients.get(number);
    if (known !== undefined) return known;
    const client = await this.#connect(number);
    client.tagPrefix = `c${number}.`;
    this.#clients.set(number, client);
    return client;
  }

  async #step({ connection, kind, text: written }: Step): Promise<void> {
    const client = await this.#client(connection);
    const text = written.replace(/\$(UIDVALIDITY|HIGHESTMODSEQ)/g, (_, name: string) => this.#said.get(name) ?? '0');
    if (kind === '-') {
      if (!this.#refuses) {
        client.newTag();
        return;
      }
      const { status } = await client.command(...piecesOf(text));
      if (status === 'OK') throw new Error('this was to be refused');
    } else if (kind === '&') {
      this.#together.set(connection, [...(this.#together.get(connection) ?? []), octetsIn(text)]);
    } else if (kind === '+') {
      const tag = client.newTag();
      this.#open.set(connection, tag);
      await client.send(`${tag} ${octetsIn(text)}\r\n`);
      this.#write(await client.until((response) => response.tag === '+' || response.tag === tag));
    } else if (kind === ':') {
      this.#write(await client.until((response) => response.raw.toString('latin1').includes(text)));
    } else if (kind === '=') {
      await client.send(`${octetsIn(text)}\r\n`);
      this.#write(await client.until((response) => response.tag === this.#open.get(connection)));
    } else {
      for (const answer of await this.#ask(client, connection, text)) this.#judge(kind, answer);
    }
  }

  async #ask(client: ImapClient, connection: number, text: string): Promise<ImapAnswer[]> {
    const together = this.#together.get(connection);
    this.#together.delete(connection);
    if (together !== undefined) return client.pipeline([...together, octetsIn(text)]);
    return [await client.command(...piecesOf(text))];
  }

  #judge(kind: Kind, answer: ImapAnswer): void {
    this.#write([...answer.untagged, answer.tagged]);
    const good = answer.status === 'OK';
    if ((kind === '>' && !good) || (kind === '!' && good)) throw new Error(answer.tagged.raw.toString('latin1'));
  }

  #write(responses: readonly ImapResponse[]): void {
    for (const { raw } of responses) {
      for (const [, name = '', value = ''] of raw.toString('latin1').matchAll(/(UIDVALIDITY|HIGHESTMODSEQ) (\d+)/g)) {
        this.#said.set(name, value);
      }
    }
    this.lines.push(...this.#writer.write(responses));
  }
}

/** Spells responses so that what may differ between two runs does not. */
class Writer {
  /** names of numbers that a server makes up, in order of their appearance */
  readonly #validities = new Map<string, string>();

  readonly #validity = (_: string, name: string, number: string): string => {
    const known = this.#validities.get(number) ?? `validity-${this.#validities.size + 1}`;
    this.#validities.set(number, known);
    return `${name} ${known}`;
  };

  /** FETCH responses of one message up to the next EXPUNGE are one line, its items in alphabetical order. */
  write(responses: readonly ImapResponse[]): string[] {
    const lines: string[] = [];
    let fetched = new Map<number, Map<string, ImapValue>>();
    const flush = () => {
      for (const [number, items] of [...fetched].sort(([one], [other]) => one - other)) {
        const told = [...items].sort(([one], [other]) => (one < other ? -1 : 1));
        lines.push(`* ${number} FETCH ${told.map(([name, value]) => `${name} ${itemText(name, value)}`).join(' ')}`);
      }
      fetched = new Map();
    };
    for (const response of responses) {
      if (response.name === 'FETCH' && response.number !== undefined) {
        const items = fetched.get(response.number) ?? new Map<string, ImapValue>();
        for (const [name, value] of fetchItemsOf(response)) items.set(name, value);
        fetched.set(response.number, items);
        continue;
      }
      if (['EXPUNGE', 'VANISHED'].includes(response.name) || response.tag !== '*') flush();
      const line = this.#line(response);
      if (line !== undefined) lines.push(line);
    }
    flush();
    return lines;
  }

  #line(response: ImapResponse): string | undefined {
    if (response.name === 'CAPABILITY' || response.raw.includes('* OK Still here')) return undefined;
    if (/^\* ENABLED *\r\n$/.test(response.raw.toString('latin1'))) return undefined;
    // What is refused before it reaches the server is refused in other words.
    if (response.tag !== '*') return taggedText(response).replace(/(APPENDUID|COPYUID) (\d+)/, this.#validity);
    return response.raw
      .toString('latin1')
      .replace(/(UIDVALIDITY|APPENDUID|COPYUID) (\d+)/g, this.#validity)
      .replace(/(MAILBOXID \()[^)]*/g, '$1an id')
      .replace(/\r\n$/, '');
  }
}

function taggedText({ raw, tag, name }: ImapResponse): string {
  const code = /^\S+ \S+ (\[(?!CAPABILITY)[^\]]*\])/.exec(raw.toString('latin1'))?.[1];
  return [tag, name, ...(code === undefined ? [] : [code])].join(' ');
}

/** Dates of something that was made a moment ago are only told to be that. */
function itemText(name: string, value: ImapValue): string {
  const plain = plainValue(value);
  if (name !== 'INTERNALDATE' && name !== 'SAVEDATE') return plain;
  const age = Date.now() - Date.parse(plain.replace(/"/g, '').replace(/^\s*(\d+)-(\w+)-/, '$1 $2 '));
  return Math.abs(age) < 3_600_000 ? 'now' : plain;
}

/**
 * Plays a script for `user`, who has no mail yet. The transcript, one line each; a step that fails ends it.
 * @param at the server's port, or that of what stands before it, and whether that refuses what only a server may take
 */
export async function playScript(
  dovecot: Dovecot,
  at: { readonly port: number; readonly refuses: boolean },
  user: string,
  script: ImapScript,
): Promise<string[]> {
  const login = dovecot.user(user);
  for (const { count, mailbox } of script.mailboxes) {
    const letters = Array.from({ length: count }, (_, number) => letter(number + 1));
    dovecot.putMaildir(login, letters, mailbox);
  }
  const player = new Player(script, at.refuses, () => ImapClient.login(at.port, login, dovecot.password));
  await player.play().catch((error: Error) => {
    player.lines.push(`the script ended: ${error.message}`);
  });
  return player.lines;
}

/** Lines in which two transcripts differ, with what was said before; at most the first few. */
export function transcriptDifferences(expected: readonly string[], actual: readonly string[]): string[] {
  const found: string[] = [];
  let said = '';
  for (let line = 0; line < Math.max(expected.length, actual.length) && found.length < 3; line += 1) {
    const [one = '(nothing more)', other = '(nothing more)'] = [expected[line], actual[line]];
    if (/^\d[>!?&+:=-] /.test(one)) said = one;
    if (one === other) continue;
    let same = 0;
    while (same < one.length && one[same] === other[same]) same += 1;
    const near = (text: string) => text.slice(Math.max(0, same - 60), same + 160);
    found.push(`${said}: expected ${near(one)}, came ${near(other)}`);
  }
  return found;
}
