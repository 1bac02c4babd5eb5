/** What each reply of the next hop means for the session's state, before it is passed on. */
import { filterEhlo, noExtensions, parseExtensions } from './ehlo.js';
import type { Expected } from './reply-queue.js';
import type { UpstreamReply } from './reply-reader.js';
import type { SmtpSession } from './session.js';
import { Transaction } from './transaction.js';

export function upstreamAnswered(session: SmtpSession, expected: Expected, reply: UpstreamReply): void {
  const positive = reply.code >= 200 && reply.code < 300;
  switch (expected.kind) {
    case 'content':
      expected.take(reply);
      return;
    case 'swallow':
      // Our own NOOP: the client never asked. A 421 means that the next hop is leaving.
      if (reply.code === 421) session.upstreamClosed();
      return;
    case 'abandon':
      // The next hop still has the envelope of a message that was withheld; the next one must not go there.
      if (reply.code === 421) session.upstreamClosed();
      else if (!positive) session.upstreamBroken();
      return;
    case 'ehlo':
      if (positive) greeted(session, reply);
      session.io.client.write(positive ? filterEhlo(reply, ehloView(session)) : reply.raw);
      return;
    case 'helo':
      if (positive) {
        session.extensions = noExtensions;
        dropTransaction(session);
      }
      break;
    case 'mail':
      if (positive) session.transaction = new Transaction(expected.path);
      break;
    case 'rcpt':
      if (positive) {
        const { address, parameters } = expected.path;
        session.transaction?.recipients.push({ address, parameters });
      }
      break;
    case 'rset':
      if (positive) dropTransaction(session);
      break;
    case 'auth':
      if (reply.code === 334) session.phase = 'auth';
      else if (session.phase === 'auth') session.phase = 'commands';
      if (reply.code === 235) session.authenticated = true;
      break;
    case 'quit':
      session.relayReply(reply);
      if (positive) session.finished();
      return;
    case 'plain':
      break;
  }
  passOn(session, reply);
}

function passOn(session: SmtpSession, reply: UpstreamReply): void {
  // 354 belongs to DATA, which is ours; 334 to AUTH. In answer to anything else they would desynchronise the client.
  if (reply.code >= 300 && reply.code < 400 && session.phase !== 'auth') {
    session.upstreamBroken();
    return;
  }
  session.relayReply(reply);
}

/** RFC 5321 §4.1.4: a second EHLO resets like RSET. */
function greeted(session: SmtpSession, reply: UpstreamReply): void {
  session.extensions = parseExtensions(reply);
  dropTransaction(session);
}

function dropTransaction(session: SmtpSession): void {
  session.transaction?.content?.abort('transaction reset');
  session.transaction = undefined;
}

function ehloView(session: SmtpSession) {
  const { settings, services } = session;
  return {
    secure: session.secure,
    offerStartTls: settings.offerStartTls && !session.secure,
    offerAuth: session.secure || settings.authWithoutTls,
    messageBytesMax: settings.messageBytesMax,
    mayTag: services.handler.mayTag(),
  };
}
