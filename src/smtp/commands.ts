/**
 * The command table: for each verb of RFC 5321 and its extensions what is checked, and what then happens. A verb that
 * is not here does not reach the next hop.
 */
import { isUtf8 } from 'node:buffer';
import { announcedSize, isRelayableMechanism } from './ehlo.js';
import { type MailPath, type MailPathProblem, parameterValue, parseMailPath } from './mail-path.js';
import { mayRelayTo } from './relay-safety.js';
import { replies } from './replies.js';
import type { Reply } from './reply.js';
import type { SmtpSession } from './session.js';
import type { Transaction } from './transaction.js';

export interface Command {
  /** must not overtake or be overtaken: runs when every reply before it is in (RFC 2920 §3.1) */
  readonly alone: boolean;
  /** what forbids the command now; it is refused with this reply and does not run */
  check?(session: SmtpSession, line: string): Reply | undefined;
  /** `line` is the client's own, with CRLF, as latin1; it has passed the check for control characters. */
  run(session: SmtpSession, line: string): void;
}

export const commands: Readonly<Record<string, Command | undefined>> = {
  EHLO: { alone: true, run: (session, line) => hello(session, line, 'ehlo') },
  HELO: { alone: true, run: (session, line) => hello(session, line, 'helo') },
  MAIL: { alone: false, check: mailRefusal, run: mail },
  RCPT: { alone: false, run: rcpt },
  DATA: { alone: true, check: dataRefusal, run: data },
  BDAT: { alone: true, run: bdat },
  RSET: { alone: true, run: (session, line) => session.forward(line, { kind: 'rset' }) },
  NOOP: { alone: false, run: (session, line) => session.forward(line, { kind: 'plain' }) },
  VRFY: { alone: false, run: (session, line) => session.forward(line, { kind: 'plain' }) },
  HELP: { alone: false, run: (session, line) => session.forward(line, { kind: 'plain' }) },
  AUTH: { alone: true, check: authRefusal, run: (session, line) => session.forward(line, { kind: 'auth' }) },
  STARTTLS: { alone: true, check: tlsRefusal, run: startTls },
  QUIT: { alone: true, run: (session, line) => session.forward(line, { kind: 'quit' }) },
};

function hello(session: SmtpSession, line: string, kind: 'ehlo' | 'helo'): void {
  session.helo = line.slice(5, -2).trim();
  session.forward(line, { kind });
}

/** RFC 6531 §3.1: addresses may be UTF-8; the wire form stays untouched. Undefined when they are neither that nor ASCII. */
function decoded(line: string): string | undefined {
  const octets = Buffer.from(line, 'latin1');
  return isUtf8(octets) ? octets.toString('utf8') : undefined;
}

const pathReplies: Record<'mail' | 'rcpt', Record<MailPathProblem, Reply>> = {
  mail: { syntax: replies.mailSyntax, address: replies.senderSyntax, parameter: replies.parameterSyntax },
  rcpt: { syntax: replies.rcptSyntax, address: replies.recipientSyntax, parameter: replies.parameterSyntax },
};

/** The path behind `MAIL FROM:` or `RCPT TO:`, or undefined after the client was told what is wrong. */
function pathOf(session: SmtpSession, line: string, kind: 'mail' | 'rcpt'): MailPath | undefined {
  const prefix = kind === 'mail' ? 'MAIL FROM:' : 'RCPT TO:';
  const starts = line.slice(0, prefix.length).toUpperCase() === prefix;
  const text = starts ? decoded(line.slice(prefix.length, -2)) : '';
  // Replaced characters would name somebody else than the octets that the next hop gets.
  const path = text === undefined ? 'address' : parseMailPath(text, kind === 'mail');
  if (typeof path !== 'string') return path;
  session.refuseCommand(pathReplies[kind][path]);
  return undefined;
}

/** RFC 5321 §4.1.4. A next hop that took it, and kept the recipients, would get mail for people we do not know of. */
function mailRefusal(session: SmtpSession): Reply | undefined {
  // Also while the first one is unanswered: a lenient next hop would mix the envelopes, and we would know one of them.
  return session.transaction === undefined && !session.queue.expects('mail') ? undefined : replies.nestedMail;
}

function mail(session: SmtpSession, line: string): void {
  const path = pathOf(session, line, 'mail');
  if (path === undefined) return;
  // RFC 8689: not offered here, and a promise that this leg has broken already.
  if (!session.secure && parameterValue(path.parameters, 'REQUIRETLS') !== undefined) {
    session.refuseCommand(replies.requireTls);
    return;
  }
  const size = Number(parameterValue(path.parameters, 'SIZE') ?? 0);
  const announced = announcedSize(session.extensions.size ?? 0, {
    messageBytesMax: session.settings.messageBytesMax,
    mayTag: session.services.handler.mayTag(),
  });
  // RFC 1870 §6.1. The next hop has its own word on its own limit.
  if (announced > 0 && size > announced && announced !== session.extensions.size) {
    session.refuseCommand(replies.sizeExceeded);
    return;
  }
  session.forward(line, { kind: 'mail', path });
}

function rcpt(session: SmtpSession, line: string): void {
  const path = pathOf(session, line, 'rcpt');
  if (path === undefined) return;
  const { transaction, settings } = session;
  if (transaction?.content !== undefined) {
    session.refuseCommand(replies.inContent);
  } else if (!session.authenticated && !mayRelayTo(path, settings.localDomains)) {
    session.services.event('relay-denied', path.domain);
    session.refuseCommand(replies.relayDenied);
  } else if (tooManyRecipients(session)) {
    // RFC 5321 §4.5.3.1.10: the client sends the rest in another transaction.
    session.reply(replies.tooManyRecipients);
  } else {
    session.forward(line, { kind: 'rcpt', path });
  }
}

function tooManyRecipients(session: SmtpSession): boolean {
  const accepted = session.transaction?.recipients.length ?? 0;
  const max = session.settings.recipientsMax;
  return accepted + session.queue.length >= max && accepted + session.queue.pendingRecipients >= max;
}

/** Nothing behind the verb; RFC 5321 §4.1.1 asks to bear with trailing white space. */
function isBare(line: string): boolean {
  return /^[A-Za-z]+[ \t]*\r\n$/.test(line);
}

function dataRefusal(session: SmtpSession, line: string): Reply | undefined {
  const { transaction } = session;
  if (!isBare(line)) return replies.noArguments;
  if (transaction === undefined) return replies.needRcpt;
  if (transaction.binary) return replies.needBdat;
  if (transaction.content !== undefined || transaction.chunkFailed) return replies.inContent;
  return transaction.recipients.length === 0 ? replies.noValidRecipients : undefined;
}

function data(session: SmtpSession): void {
  if (session.transaction === undefined) return;
  session.beginContent(session.transaction, 'DATA');
  session.reply(replies.startInput);
}

const bdatPattern = /^BDAT +(\d{1,15})( +LAST)? *\r\n$/i;

/** RFC 3030 §2. Whatever is wrong, the announced octets must be swallowed, or they would run as commands. */
function bdat(session: SmtpSession, line: string): void {
  const match = bdatPattern.exec(line);
  if (match === null) {
    // How many octets follow is unknown, so the connection cannot be kept in step.
    session.refuse(replies.bdatSyntax);
    return;
  }
  const bytes = Number(match[1]);
  const last = match[2] !== undefined;
  const { transaction } = session;
  const refusal = bdatRefusal(session, transaction);
  if (refusal !== undefined || transaction === undefined) {
    if (transaction !== undefined) transaction.chunkFailed = true;
    session.swallow(bytes, refusal ?? replies.needMail);
    return;
  }
  if (transaction.content === undefined) session.beginContent(transaction, 'BDAT').beginChunk(bytes, last);
  else session.continueContent(transaction.content, bytes, last);
}

function bdatRefusal(session: SmtpSession, transaction: Transaction | undefined): Reply | undefined {
  if (!session.extensions.chunking) return replies.chunkingOff;
  if (transaction === undefined) return replies.needMail;
  if (transaction.chunkFailed) return replies.chunkRefused;
  return transaction.recipients.length === 0 ? replies.noValidRecipients : undefined;
}

/** RFC 4954: an opaque exchange; we look at nothing but the mechanism's name. */
function authRefusal(session: SmtpSession, line: string): Reply | undefined {
  const [, mechanism = ''] = line.trim().split(/ +/);
  if (mechanism === '') return replies.authSyntax;
  if (!session.secure && !session.settings.authWithoutTls) return replies.authNeedsTls;
  return isRelayableMechanism(mechanism.toUpperCase()) ? undefined : replies.authMechanism;
}

/** RFC 3207 §4. */
function tlsRefusal(session: SmtpSession, line: string): Reply | undefined {
  if (!isBare(line)) return replies.noArguments;
  if (session.secure) return replies.tlsActive;
  if (!session.settings.offerStartTls) return replies.noTls;
  return session.authenticated || session.transaction !== undefined ? replies.tlsNow : undefined;
}

function startTls(session: SmtpSession): void {
  session.reply(replies.readyForTls);
  if (session.discardInput()) session.services.event('starttls-injection');
  session.phase = 'tls';
  session.flush();
  session.io.startTls();
}
