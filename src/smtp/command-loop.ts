/**
 * Takes the client's bytes apart into commands and content, one after the other, as far as the session's state allows.
 * Here is decided what may run beside what; what a command does is in commands.ts.
 */
import { limits } from '../runtime/limits.js';
import { type Command, commands } from './commands.js';
import { InputBuffer } from './input-buffer.js';
import { replies } from './replies.js';
import type { Reply } from './reply.js';
import type { SmtpSession } from './session.js';

/** CRLF at the end, no other control character; tabs occur in quoted strings. */
const cleanLine = /^[\x09\x20-\x7e\x80-\xff]*\r\n$/;
const verbPattern = /^[A-Za-z]+/;
const httpLine = /^(?:GET|POST|PUT|HEAD|OPTIONS|CONNECT|DELETE|PATCH) |^[A-Za-z-]+: /;

/** A control character could end the line early for the next hop, and hide a second command behind it. */
function lineProblem(line: string, verb: string): Reply | undefined {
  if (!cleanLine.test(line)) return replies.lineEnd;
  return line.length > limits.smtp.commandLineBytes && verb !== 'AUTH' ? replies.lineTooLong : undefined;
}

export class CommandLoop {
  readonly #session: SmtpSession;
  readonly #input = new InputBuffer();
  #heldLine: string | undefined;
  /** a command that allows no other beside it is unanswered */
  #exclusive = false;
  #swallow: { bytes: number; reply: Reply } | undefined;
  #inputFull = false;
  #spoolFull = false;
  /** inside an event that will run the loop when it returns */
  #active = false;

  constructor(session: SmtpSession) {
    this.#session = session;
  }

  get active(): boolean {
    return this.#active;
  }

  add(chunk: Buffer): void {
    this.#input.add(chunk);
    this.run();
  }

  /** Works off what the client sent, as far as the state allows. */
  run(): void {
    if (this.#active) return;
    this.during(() => {
      while (this.#step());
    });
    this.#inputFull = this.#input.length > limits.smtp.clientBufferBytes;
    this.#adjustReading();
  }

  /** Runs something that may end content or answer commands, without starting the loop inside itself. */
  during(event: () => void): void {
    const outer = this.#active;
    this.#active = true;
    try {
      event();
    } finally {
      this.#active = outer;
    }
  }

  /** Every reply is in: a command that waited for that may run. */
  quiet(): void {
    this.#exclusive = false;
    const line = this.#heldLine;
    if (this.#session.phase !== 'held' || line === undefined) return;
    this.#session.phase = 'commands';
    this.#heldLine = undefined;
    this.#dispatch(line);
  }

  discard(): boolean {
    const had = this.#input.length > 0;
    this.#input.clear();
    return had;
  }

  /** The spool asks for patience, or has room again. */
  spoolPressure(full: boolean): void {
    if (this.#spoolFull === full) return;
    this.#spoolFull = full;
    this.#adjustReading();
  }

  #adjustReading(): void {
    if (this.#inputFull || this.#spoolFull) this.#session.io.pauseClient();
    else this.#session.io.resumeClient();
  }

  #step(): boolean {
    const { phase } = this.#session;
    if (phase === 'commands') return this.#commandLine();
    if (phase === 'auth') return this.#authLine();
    if (this.#input.length === 0) return false;
    const content = this.#session.transaction?.content;
    if (phase === 'content' && content?.receiving === true) {
      this.#input.consume((bytes, from) => content.receive(bytes, from));
      return true;
    }
    if (phase !== 'swallow') return false;
    this.#swallowInput();
    return true;
  }

  #commandLine(): boolean {
    const session = this.#session;
    const { queue } = session;
    if (queue.length >= limits.smtp.pipelineMax) return false;
    if (session.io.client.backlog > limits.smtp.clientBacklogBytes) return false;
    // Without PIPELINING upstream (RFC 2920 §3.1), one command at a time, whatever our client does.
    if ((!session.extensions.pipelining || this.#exclusive) && !queue.empty) return false;
    const line = this.#input.line(limits.smtp.authLineBytes);
    if (line.kind === 'incomplete') return false;
    session.setDeadline(session.settings.timeouts.commandMs);
    if (line.kind === 'too-long') session.refuseCommand(replies.lineTooLong);
    else this.#dispatch(line.text);
    return true;
  }

  #dispatch(line: string): void {
    const session = this.#session;
    const verb = (verbPattern.exec(line)?.[0] ?? '').toUpperCase();
    const command = Object.hasOwn(commands, verb) ? commands[verb] : undefined;
    const malformed = lineProblem(line, verb);
    if (malformed !== undefined) {
      // The octets that such a BDAT announces would run as commands (RFC 3030 §2).
      if (verb === 'BDAT') session.refuse(replies.bdatSyntax);
      else session.refuseCommand(malformed);
    } else if (session.draining && session.transaction === undefined && verb !== 'QUIT') {
      session.lastReply(replies.shuttingDown);
    } else if (command === undefined) {
      // Browsers tricked into talking to a mail port begin like this (ALPACA); nothing good can follow.
      if (httpLine.test(line)) session.lastReply(replies.notMail);
      else session.refuseCommand(replies.unknownCommand);
    } else if (command.alone && !session.queue.empty) {
      session.phase = 'held';
      this.#heldLine = line;
    } else {
      this.#run(command, line);
    }
  }

  #run(command: Command, line: string): void {
    const session = this.#session;
    const refusal = command.check?.(session, line);
    if (refusal !== undefined) {
      session.refuseCommand(refusal);
      return;
    }
    command.run(session, line);
    this.#exclusive = command.alone && !session.queue.empty;
  }

  #authLine(): boolean {
    const session = this.#session;
    if (!session.queue.empty) return false;
    const line = this.#input.line(limits.smtp.authLineBytes);
    if (line.kind === 'incomplete') return false;
    session.setDeadline(session.settings.timeouts.commandMs);
    // The exchange cannot go on with a line that is not one: cancel it (RFC 4954 §4).
    const usable = line.kind === 'line' && cleanLine.test(line.text);
    session.forward(usable ? line.text : '*\r\n', { kind: 'auth' });
    return true;
  }

  /** Reads over `bytes` octets of a refused chunk, then gives the refusal. */
  swallow(bytes: number, reply: Reply): void {
    this.#swallow = { bytes, reply };
    this.#swallowInput();
  }

  #swallowInput(): void {
    const session = this.#session;
    const swallow = this.#swallow;
    if (swallow === undefined) return;
    session.setDeadline(session.settings.timeouts.dataMs);
    this.#input.consume((bytes, from) => {
      const end = Math.min(bytes.length, from + swallow.bytes);
      swallow.bytes -= end - from;
      return end;
    });
    if (swallow.bytes > 0) return;
    this.#swallow = undefined;
    session.phase = 'commands';
    session.refuseCommand(swallow.reply);
  }
}
