/** What became of one letter, whether that is what should have, and how it is told. */
import type { Answer } from './client.js';
import type { LogLine } from './gate.js';
import type { Letter } from './letters.js';
import type { Delivery } from './mail-server.js';

export interface Outcome {
  readonly letter: Letter;
  readonly answer: Answer;
  readonly record: LogLine | undefined;
  /** deliveries of the letter itself */
  readonly originals: readonly Delivery[];
  /** notices that stand in for it */
  readonly notices: readonly Delivery[];
}

export function isNoticeOf(item: string, delivery: Delivery): boolean {
  return delivery.mailFrom === '' && delivery.content.includes(`Reference: ${item}`);
}

/** Recipients that the server took. */
export function acceptedBy({ letter, answer }: Pick<Outcome, 'letter' | 'answer'>): string[] {
  return letter.to.filter((address) => !answer.refused.some((refusal) => refusal.address === address));
}

/** What is not as it should be; empty when all is well. */
export function faultsOf(outcome: Outcome, unknown: string): string[] {
  const { letter, answer, record, originals, notices } = outcome;
  const faults: string[] = [];
  const expect = (met: boolean, fault: string) => {
    if (!met) faults.push(`${letter.title}: ${fault}`);
  };
  const accepted = acceptedBy(outcome);
  expect(answer.reply.startsWith('250 '), `the client was told "${answer.reply}"`);
  expect(
    same(
      accepted,
      letter.to.filter((address) => address !== unknown),
    ),
    `accepted were ${names(accepted)}`,
  );
  expect(record?.action === letter.action, `the verdict is ${String(record?.action ?? 'missing in the log')}`);
  if (letter.action === 'permit') {
    expect(originals.length === 1, `it arrived ${originals.length} times`);
    for (const { content, recipients } of originals) {
      expect(content.equals(letter.message), 'what arrived is not what was sent');
      expect(same(recipients, accepted), `it arrived at ${names(recipients)}`);
    }
    return faults;
  }
  expect(originals.length === 0, 'the original arrived');
  const told = notices.flatMap(({ recipients }) => recipients);
  expect(
    notices.every(({ recipients }) => recipients.length === 1) && same(told, accepted),
    `notices went to ${names(told)}`,
  );
  return faults;
}

/** title, what the client was told, verdict, what arrived, time */
export function rowOf(outcome: Outcome): string[] {
  const { letter, answer, record } = outcome;
  const told = [...answer.refused.map(({ address, reply }) => `${name(address)}: ${reply}`), answer.reply];
  const reasons = Array.isArray(record?.reasons) ? record.reasons.join('\n') : '';
  const level = Number(record?.threatLevel ?? -1);
  const verdict = `${String(record?.action ?? 'no verdict')}${level < 0 ? '' : `, level ${level}`}`;
  return [
    `${letter.title}\n${letter.from}`,
    told.join('\n'),
    `${verdict}\n${reasons}`,
    arrivedText(outcome),
    `${answer.ms.toFixed(0)} ms\n(${Number(record?.judgeMs ?? 0).toFixed(1)})`,
  ];
}

function arrivedText({ letter, originals, notices }: Outcome): string {
  const texts = originals.map(({ content, recipients }) => {
    const same = content.equals(letter.message);
    return `the mail${same ? ', byte for byte' : ', CHANGED'}: ${names(recipients)}`;
  });
  if (notices.length > 0) {
    const told = notices.flatMap(({ recipients }) => recipients);
    texts.push(`${notices.length === 1 ? 'a notice' : `${notices.length} notices`} instead: ${names(told)}`);
  }
  return texts.length === 0 ? 'nothing' : texts.join('\n');
}

function same(left: readonly string[], right: readonly string[]): boolean {
  return JSON.stringify([...left].sort()) === JSON.stringify([...right].sort());
}

function name(address: string): string {
  return address.slice(0, address.indexOf('@'));
}

function names(addresses: readonly string[]): string {
  return addresses.length === 0 ? 'nobody' : addresses.map(name).sort().join(', ');
}
