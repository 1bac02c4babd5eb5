/**
 * Sends a finished mail of ours to one address: null reverse-path, bytes as they are. It turns whatever happens into
 * an outcome that says whether trying again makes sense.
 */
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Route } from './deliver.js';
import type { MailOutcome } from './release-store.js';

export interface AutomaticEnvelope {
  readonly recipient: string;
  readonly message: Uint8Array;
}

export type SendMail = (route: Route, mail: AutomaticEnvelope, signal: AbortSignal) => Promise<MailOutcome>;

/** The parts of nodemailer's error that we read. */
interface SendFailure {
  readonly code?: unknown;
  readonly command?: unknown;
  readonly responseCode?: unknown;
  readonly response?: unknown;
}

/** Commands whose refusal is about this mail; a 5xx to EHLO or STARTTLS is about a server that may be repaired. */
const aboutTheMail: readonly unknown[] = ['MAIL FROM', 'RCPT TO', 'DATA'];

function failureOf(error: unknown): MailOutcome {
  const { code, command, responseCode, response } = error as SendFailure;
  const reply = typeof response === 'string' && response !== '' ? response : messageOf(error);
  // RFC 5321 §4.2.1: only a reply that begins with 5 is final. No reply at all is a reason to try again.
  const refused = typeof responseCode === 'number' && responseCode >= 500 && aboutTheMail.includes(command);
  // An address that nodemailer will not put on the wire today, it will not put there tomorrow.
  const unsendable = code === 'EENVELOPE' && command === 'API';
  return { kind: refused || unsendable ? 'permanent' : 'temporary', reply };
}

/** The replies of one transaction; rejects with what nodemailer makes of a failure. */
function transact(connection: SMTPConnection, mail: AutomaticEnvelope): Promise<string> {
  const { buffer, byteOffset, byteLength } = mail.message;
  return new Promise((resolve, reject) => {
    connection.on('error', reject);
    connection.on('end', () => reject(new Error('the connection ended')));
    connection.connect((failure) => {
      if (failure) {
        reject(failure);
        return;
      }
      // RFC 3834 §3.3 and RFC 5321 §4.5.5: automatic mail has a null reverse-path, so that it is never answered. The
      // connection is used without nodemailer's transport, which would parse and rewrite the address.
      const envelope = { from: '', to: [mail.recipient] };
      connection.send(envelope, Buffer.from(buffer, byteOffset, byteLength), (error, info) => {
        if (error) reject(error);
        else resolve(info?.response ?? '');
      });
    });
  });
}

/** @param hostname what we call ourselves in EHLO */
export function newMailer(hostname: string): SendMail {
  return async (route, mail, signal) => {
    const connection = new SMTPConnection({
      host: route.host,
      port: route.port,
      name: hostname,
      secure: route.tls === 'implicit',
      requireTLS: route.tls === 'starttls',
      ignoreTLS: route.tls === 'none',
      tls: {
        rejectUnauthorized: route.verify,
        ...(route.servername === undefined ? {} : { servername: route.servername }),
        ...(route.ca === undefined ? {} : { ca: route.ca }),
      },
      connectionTimeout: limits.quarantine.mailerConnectTimeoutMs,
      greetingTimeout: limits.quarantine.mailerConnectTimeoutMs,
      socketTimeout: limits.quarantine.mailerTimeoutMs,
    });
    const abandon = () => connection.close();
    signal.addEventListener('abort', abandon);
    try {
      const reply = await transact(connection, mail);
      // QUIT is sent, its answer is not waited for: a server that never gives one would keep the socket.
      connection.quit();
      connection.close();
      return { kind: 'sent', reply };
    } catch (error) {
      connection.close();
      return failureOf(error);
    } finally {
      signal.removeEventListener('abort', abandon);
    }
  };
}
