/**
 * Sends a finished mail of ours to one address: null reverse-path, bytes as they are. It turns whatever happens into
 * an outcome that says whether trying again makes sense.
 */
import { createTransport } from 'nodemailer';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Route } from './deliver.js';
import type { MailOutcome } from './store.js';

export interface AutomaticEnvelope {
  readonly recipient: string;
  readonly message: Uint8Array;
}

export type SendMail = (route: Route, mail: AutomaticEnvelope) => Promise<MailOutcome>;

/** The parts of nodemailer's error that we read. */
interface SendFailure {
  readonly responseCode?: unknown;
  readonly response?: unknown;
}

function failureOf(error: unknown): MailOutcome {
  const { responseCode, response } = error as SendFailure;
  const reply = typeof response === 'string' && response !== '' ? response : messageOf(error);
  // RFC 5321 §4.2.1: only a reply that begins with 5 is final. No reply at all is a reason to try again.
  const permanent = typeof responseCode === 'number' && responseCode >= 500 && responseCode < 600;
  return { kind: permanent ? 'permanent' : 'temporary', reply };
}

/** @param hostname what we call ourselves in EHLO */
export function newMailer(hostname: string): SendMail {
  return async (route, mail) => {
    const transport = createTransport({
      host: route.host,
      port: route.port,
      name: hostname,
      secure: route.tls === 'implicit',
      requireTLS: route.tls === 'starttls',
      ignoreTLS: route.tls === 'none',
      tls: {
        rejectUnauthorized: route.verify,
        servername: route.servername ?? route.host,
        ...(route.ca === undefined ? {} : { ca: route.ca }),
      },
      connectionTimeout: limits.quarantine.mailerConnectTimeoutMs,
      greetingTimeout: limits.quarantine.mailerConnectTimeoutMs,
      socketTimeout: limits.quarantine.mailerTimeoutMs,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    try {
      const sent = await transport.sendMail({
        // RFC 3834 §3.3 and RFC 5321 §4.5.5: automatic mail has a null reverse-path, so that it is never answered.
        envelope: { from: '', to: [mail.recipient] },
        raw: Buffer.from(mail.message.buffer, mail.message.byteOffset, mail.message.byteLength),
      });
      return { kind: 'sent', reply: sent.response };
    } catch (error) {
      return failureOf(error);
    } finally {
      transport.close();
    }
  };
}
