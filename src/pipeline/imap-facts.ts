/**
 * What is remembered of a message so that it can be judged again without its content: addresses, and where files are in
 * question all facts of them. Compact, as it is written for every message that is read; what does not fit is judged
 * from its content again.
 */
import type { BodyAddresses, InspectionReport, PartFacts } from '../inspect/report.js';
import type { Problem } from '../mime/problem.js';
import { needsAnalysis } from '../policy/scope.js';
import { limits } from '../runtime/limits.js';
import type { MailEnvelope } from './imap-envelope.js';

/** Everything that `judgeReport` reads. */
export interface RememberedMessage {
  readonly report: InspectionReport;
  readonly envelope: MailEnvelope;
}

const formVersion = 1;
const ambiguousBit = 1;
const unscannableBit = 2;
const attachmentBit = 4;

/** A list that equals the one before it is written as 0. */
type Addresses = readonly string[] | 0;
type Written = readonly [
  version: number,
  bytes: number,
  flags: number,
  mailFrom: string,
  recipients: readonly string[],
  sender: readonly string[],
  certainSender: Addresses,
  receiver: readonly string[],
  certainReceiver: Addresses,
  problems?: readonly Problem[],
  parts?: readonly unknown[],
];

/** Undefined when it would be too long. */
export function writeFacts(report: InspectionReport, { mailFrom, recipients }: MailEnvelope): string | undefined {
  const { sender, certainSender, receiver, certainReceiver } = report.addresses;
  if (sender.length + receiver.length > limits.imapJudge.factsCharacters / 8) return undefined;
  let flags = report.ambiguous ? ambiguousBit : 0;
  if (report.unscannable) flags |= unscannableBit;
  if (report.hasAttachment) flags |= attachmentBit;
  const short = (list: readonly string[], like: readonly string[]) => (isSame(list, like) ? 0 : list);
  const start = [formVersion, report.bytes, flags, mailFrom, recipients] as const;
  const addresses = [sender, short(certainSender, sender), receiver, short(certainReceiver, receiver)] as const;
  let written: Written = [...start, ...addresses];
  if (report.problems.length > 0 || needsAnalysis(report)) {
    const parts = needsAnalysis(report) ? report.parts.map(writtenPart) : [];
    written = [...start, ...addresses, report.problems, parts];
  }
  const text = JSON.stringify(written);
  return text.length > limits.imapJudge.factsCharacters ? undefined : text;
}

/** What JSON leaves out where it says nothing; where a part lies in the message says nothing without the message. */
type WrittenPart = { readonly [Fact in Exclude<keyof PartFacts, 'range' | 'members'>]: PartFacts[Fact] | undefined } & {
  readonly members: readonly WrittenPart[] | undefined;
};

function writtenPart(part: PartFacts): WrittenPart {
  const { flags, members } = part;
  return {
    path: part.path,
    names: part.names,
    declaredType: part.declaredType,
    detectedType: part.detectedType,
    encoding: part.encoding,
    view: part.view || undefined,
    disposition: part.disposition,
    attachment: part.attachment,
    bytes: part.bytes,
    sha256: part.sha256,
    sha1: part.sha1 || undefined,
    md5: part.md5 || undefined,
    flags: flags.length === 0 ? undefined : flags,
    members: members.length === 0 ? undefined : members.map(writtenPart),
  };
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index]);
}

/** Undefined for what an older version wrote in another form. */
export function readFacts(text: string): RememberedMessage | undefined {
  // Written by this file alone.
  const written = JSON.parse(text) as Written;
  if (written[0] !== formVersion) return undefined;
  const [, bytes, flags, mailFrom, recipients, sender, certainSender, receiver, certainReceiver, problems, parts] =
    written;
  const addresses: BodyAddresses = {
    sender,
    receiver,
    certainSender: certainSender === 0 ? sender : certainSender,
    certainReceiver: certainReceiver === 0 ? receiver : certainReceiver,
  };
  const report: InspectionReport = {
    bytes,
    ambiguous: (flags & ambiguousBit) !== 0,
    unscannable: (flags & unscannableBit) !== 0,
    hasAttachment: (flags & attachmentBit) !== 0,
    problems: problems ?? [],
    addresses,
    parts: (parts ?? []).map(partOf),
    subject: undefined,
    messageId: undefined,
    from: undefined,
    date: undefined,
    views: 1,
  };
  return { report, envelope: { mailFrom, recipients } };
}

/** JSON leaves out what is undefined. */
function partOf(written: unknown): PartFacts {
  const part = written as Partial<PartFacts> & Omit<PartFacts, 'view' | 'sha1' | 'md5' | 'flags' | 'members'>;
  return {
    ...part,
    detectedType: part.detectedType,
    disposition: part.disposition,
    view: part.view ?? '',
    sha1: part.sha1 ?? '',
    md5: part.md5 ?? '',
    flags: part.flags ?? [],
    range: undefined,
    members: (part.members ?? []).map(partOf),
  };
}
