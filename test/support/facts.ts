/** Made-up facts about parts and messages for the tests of everything that judges them. */
import type { InspectionReport, PartFacts } from '../../src/inspect/report.js';

/** A part with made-up digests; `seed` tells parts apart. */
export function madePart(seed: number, overrides: Partial<PartFacts> = {}): PartFacts {
  return {
    path: String(seed),
    names: [],
    declaredType: 'application/octet-stream',
    detectedType: undefined,
    encoding: 'base64',
    view: '',
    disposition: 'attachment',
    attachment: true,
    bytes: 4,
    sha256: seed.toString(16).padStart(64, '0'),
    sha1: seed.toString(16).padStart(40, '0'),
    md5: seed.toString(16).padStart(32, '0'),
    range: undefined,
    flags: [],
    members: [],
    ...overrides,
  };
}

/** A well-formed report of these parts. */
export function madeReport(contents: PartFacts[], overrides: Partial<InspectionReport> = {}): InspectionReport {
  const attached = (list: readonly PartFacts[]): boolean => list.some((one) => one.attachment || attached(one.members));
  return {
    bytes: 1000,
    ambiguous: false,
    unscannable: false,
    problems: [],
    addresses: { sender: [], receiver: [], certainSender: [], certainReceiver: [] },
    subject: undefined,
    messageId: undefined,
    from: undefined,
    date: undefined,
    parts: contents,
    views: 1,
    hasAttachment: attached(contents),
    ...overrides,
  };
}
