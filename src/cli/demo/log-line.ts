/** What every field of a message's log line means; the demonstration explains one line with it. */
import { wrap } from './table.js';

const meanings: Readonly<Record<string, string>> = {
  level: 'how important the line is; records of messages are info',
  time: 'when the fate of the message was known, UTC',
  id: 'the message in this log; our own 4xx replies to the client name it',
  listener: 'the port that it came through',
  client: 'address of the client',
  from: 'reverse-path, the sender of the envelope',
  to: 'recipients that the mail server accepted, at most 20 of them',
  recipientCount: 'how many there were',
  messageId: 'Message-ID field',
  bytes: 'size of the message',
  action: 'the verdict: permit, warn, block or defer',
  reasons: 'what it rests on, in the order in which it was found',
  threatLevel: '0 to 10, -1 when nothing was scored',
  score: "0 to 1, the scoring backend's own number for the worst part",
  threat: 'name of the worst finding',
  malicious: 'the level reached the threshold, or a list said so',
  parts: 'leaves of the message that were looked at',
  problems: 'in what way the message is not well-formed',
  item: 'the sealed original in quarantine',
  duplicate: 'the same message was held before, nothing new was sent',
  outcome: 'relayed to the mail server, or answered by the gate itself',
  reply: 'what the client was told',
  relayMs: 'from the verdict to the reply of the mail server',
  inspectMs: 'from the last byte to the end of inspection',
  judgeMs: 'from the last byte to the verdict',
  msg: 'kind of line: one of kind "message" for every message',
};

const nameWidth = 15;
const valueWidth = 46;
const meaningWidth = 60;

export function explainLine(line: Readonly<Record<string, unknown>>): string {
  const rows = Object.entries(line).flatMap(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const values = wrap(text, valueWidth);
    const texts = wrap(meanings[name] ?? '', meaningWidth);
    return Array.from({ length: Math.max(values.length, texts.length) }, (_, index) =>
      `  ${(index === 0 ? name : '').padEnd(nameWidth)} ${(values[index] ?? '').padEnd(valueWidth)}  ${texts[index] ?? ''}`.trimEnd(),
    );
  });
  return rows.join('\n');
}
