/** A blocked message as the pipeline would hand it over, for tests of what comes after. */
import { createHash } from 'node:crypto';
import type { InspectionReport, PartFacts } from '../../src/inspect/report.js';
import type { Verdict } from '../../src/policy/verdict.js';
import type { HoldRequest } from '../../src/quarantine/hold.js';
import type { SpoolSource } from '../../src/runtime/spool-source.js';

function part(facts: Partial<PartFacts> & { readonly path: string }): PartFacts {
  return {
    names: [],
    declaredType: 'application/octet-stream',
    detectedType: undefined,
    encoding: 'base64',
    view: '',
    disposition: 'attachment',
    attachment: true,
    bytes: 68,
    sha256: '2'.repeat(64),
    sha1: '1'.repeat(40),
    md5: '0'.repeat(32),
    range: undefined,
    flags: [],
    members: [],
    ...facts,
  };
}

export function report(facts: Partial<InspectionReport> = {}): InspectionReport {
  return {
    bytes: 1000,
    ambiguous: false,
    unscannable: false,
    problems: [],
    addresses: { sender: ['bob@example.net'], receiver: ['anna@example.org'], certainSender: [], certainReceiver: [] },
    subject: 'Your invoice',
    messageId: '<1@example.net>',
    from: 'Bob <bob@example.net>',
    date: 'Sun, 1 Mar 2026 14:05:00 +0000',
    parts: [
      part({ path: '1', attachment: false, declaredType: 'text/plain' }),
      part({ path: '2', names: ['notes.txt'] }),
      part({ path: '3', names: ['invoice.zip'], members: [part({ path: '3!1', names: ['eicar.com'] })] }),
    ],
    views: 1,
    hasAttachment: true,
    ...facts,
  };
}

export function verdict(facts: Partial<Verdict> = {}): Verdict {
  return {
    action: 'block',
    reasons: [
      { code: 'score', part: '2', backend: 'embedded', score: 0.2, level: 2, name: '' },
      { code: 'score', part: '3!1', backend: 'embedded', score: 1, level: 10, name: 'EICAR-Test-File' },
      { code: 'threshold', level: 10, threshold: 7 },
    ],
    threatLevel: 10,
    score: 1,
    malicious: true,
    threat: 'EICAR-Test-File',
    ...facts,
  };
}

export function sourceOf(message: Buffer): SpoolSource {
  const bytes = new SharedArrayBuffer(message.length);
  Buffer.from(bytes).set(message);
  return { kind: 'memory', bytes, length: message.length };
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function holdRequest(message: Buffer, facts: Partial<HoldRequest> = {}): HoldRequest {
  return {
    source: sourceOf(message),
    sha256: sha256Of(message),
    envelope: {
      mailFrom: 'bob@example.net',
      mailParameters: ['SIZE=1000', 'BODY=8BITMIME', 'RET=HDRS', 'ENVID=abc'],
      recipients: [
        { address: 'anna@example.org', parameters: ['NOTIFY=SUCCESS,FAILURE', 'ORCPT=rfc822;anna@example.org'] },
        { address: 'carl@example.org', parameters: [] },
      ],
    },
    protocol: 'smtp',
    listener: 'inbound',
    clientAddress: '192.0.2.1',
    verdict: verdict(),
    report: report(),
    notify: true,
    ...facts,
  };
}
