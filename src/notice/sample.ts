/** The mail that a preview of the notice is about, the same for the command line and the settings page. */
import type { NoticeFacts } from './settings.js';

/** A mail that never was, with one of everything that a notice shows. @param publicUrl begins the link; undefined for none */
export function sampleFacts(publicUrl: string | undefined): NoticeFacts {
  return {
    id: 'sample2sample2sample2sampl',
    recipient: 'recipient@example.org',
    mailFrom: 'sender@example.net',
    from: 'A Sender <sender@example.net>',
    subject: 'Invoice 4711',
    receivedAt: Date.UTC(2026, 0, 15, 9, 30),
    threat: 'EICAR-Test-File',
    threatLevel: 10,
    findings: [
      {
        path: '2',
        name: 'invoice.zip',
        bytes: 48_213,
        sha256: '0'.repeat(64),
        type: 'application/zip',
        level: 10,
        threat: 'EICAR-Test-File',
      },
      {
        path: '3',
        name: 'terms.pdf',
        bytes: 120_400,
        sha256: '1'.repeat(64),
        type: 'application/pdf',
        level: 0,
        threat: '',
      },
    ],
    omitted: 0,
    link: publicUrl === undefined ? undefined : `${publicUrl.replace(/\/+$/, '')}/q/sample`,
  };
}
