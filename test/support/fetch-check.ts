/** Runs one scenario and compares what the client got with what it must get. Returns what is wrong, in words. */

import { createFetchExchange } from '../../src/imap/fetch/fetch-exchange.js';
import { itemClass, parseFetch, responseClass } from '../../src/imap/fetch/fetch-request.js';
import { standings } from '../../src/imap/handler.js';
import { answerItem, parseStored } from '../../src/imap/message/stored-message.js';
import { parseCommand } from '../../src/imap/wire/command.js';
import { ResponseReader } from '../../src/imap/wire/response-reader.js';
import type { FetchRequest, ResponseItem } from '../../src/imap/wire/wire.js';
import { FakeMailbox } from './fake-mailbox.js';
import { FakePort } from './fetch-port.js';
import { type Scenario, standingBefore } from './fetch-scenario.js';
import { type JudgedMail, noticeBytes } from './judged-mails.js';
import { ModelServer, plainHabits } from './model-server.js';

/** What is known of one message from responses: items that tell something of it by their names, and the rest. */
export interface Told {
  readonly items: Map<string, string>;
  flags: string | undefined;
  uid: number | undefined;
  other: Map<string, string>;
}

export function requestOf(text: string): FetchRequest {
  const parsed = parseCommand([{ kind: 'line', bytes: Buffer.from(`A ${text}`), literal: undefined }]);
  const request = 'fault' in parsed ? { error: parsed.fault } : parseFetch(parsed);
  if ('error' in request) throw new Error(`${text}: ${request.error}`);
  return request;
}

/** @param answers of a server, whole */
export function readTold(
  answers: Buffer,
  problems: string[],
): { told: Map<number, Told>; ends: string[]; count: number } {
  const reader = new ResponseReader();
  reader.push(answers);
  const told = new Map<number, Told>();
  const ends: string[] = [];
  let count = 0;
  for (let event = reader.next(); event !== undefined; event = reader.next()) {
    if (event.kind === 'tagged') ends.push(event.raw.toString('latin1'));
    else if (event.kind === 'fetch' && !event.open) {
      count += 1;
      if (event.items.length === 0) problems.push(`an empty response for ${event.sequence}`);
      noteItems(told, event.sequence, event.items, event.raw, problems);
    } else if (event.kind === 'fault') {
      problems.push(`the client cannot read this: ${event.fault}`);
      break;
    } else if (event.kind !== 'data' && event.kind !== 'status') problems.push(`unexpected ${event.kind}`);
  }
  if (reader.buffered > 0) problems.push('half a response');
  return { told, ends, count };
}

function noteItems(
  told: Map<number, Told>,
  sequence: number,
  items: readonly ResponseItem[],
  raw: Buffer,
  problems: string[],
): void {
  const of: Told = told.get(sequence) ?? { items: new Map(), flags: undefined, uid: undefined, other: new Map() };
  told.set(sequence, of);
  for (const item of items) {
    const key = `${item.name} ${item.section} ${item.origin ?? ''}`;
    const text = raw.toString('latin1', item.start, item.end);
    if (item.name === 'FLAGS') of.flags = text;
    else if (item.name === 'UID') of.uid = item.number;
    else if (responseClass(item) === 'free') of.other.set(key, text);
    else {
      const before = of.items.get(key);
      if (before !== undefined) problems.push(`${key} of ${sequence} ${before === text ? 'twice' : 'in two ways'}`);
      of.items.set(key, text);
    }
  }
}

interface Run {
  readonly port: FakePort;
  readonly mailbox: FakeMailbox;
  readonly server: ModelServer;
  readonly output: Buffer;
}

export async function runScenario(scenario: Scenario, directory: string): Promise<Run & { problems: string[] }> {
  const { mails, known, delays, chunks } = scenario;
  let asked = 0;
  const mailbox = new FakeMailbox(
    mails,
    { delay: () => delays[asked++ % delays.length], metadataWaits: scenario.metadataWaits },
    directory,
  );
  for (const [index, mail] of mails.entries()) {
    const standing = standingBefore(mail, known[index] ?? 'unknown');
    if (standing !== standings.unjudged) mailbox.standings.set(mail.uid, standing);
    if (standing === standings.original) mailbox.sizes.set(mail.uid, mail.bytes.length);
    if (known[index] === 'remembered' && mail.kind !== 'deferred')
      mailbox.remembered.set(mail.uid, standingBefore(mail, 'known'));
  }
  const server = new ModelServer(mails, scenario.habits);
  const direct = new ModelServer(mails, plainHabits);
  for (const [index, seen] of scenario.seen.entries()) {
    if (seen) for (const of of [server, direct]) of.messages[index]?.flags.add('\\Seen');
  }
  let chunk = 0;
  const port = new FakePort({
    mailbox,
    answer: (command, tag) => server.answer(command, tag),
    chunk: () => chunks[chunk++ % chunks.length] ?? 1,
  });
  const modifiers = scenario.changedSince ? ' (CHANGEDSINCE 3)' : '';
  const text = `${scenario.uid ? 'UID ' : ''}FETCH ${scenario.set} (${scenario.items.join(' ')})${modifiers}`;
  await port.run(createFetchExchange(requestOf(text), port));
  await port.outlet.emptied();
  const run = { port, mailbox, server, output: port.outlet.text };
  return { ...run, problems: compare(scenario, run, direct, text) };
}

function compare(
  scenario: Scenario,
  { port, mailbox, server, output }: Run,
  direct: ModelServer,
  text: string,
): string[] {
  const problems: string[] = [...port.failures, ...mailbox.strange];
  if (mailbox.openIntakes !== 0) problems.push(`${mailbox.openIntakes} intakes stay open`);
  if (port.outlet.open !== 0) problems.push(`${port.outlet.open} places stay empty`);
  if (port.paused !== 0) problems.push('reading stays paused');
  if (port.finished.length !== 1) problems.push(`finished ${port.finished.length} times`);
  const request = requestOf(text);
  const before = direct.messages.map(({ flags }) => new Set(flags));
  const expected = readTold(direct.answer([Buffer.from(text)], 'C1'), []);
  const found: string[] = [];
  const got = readTold(output, found);
  // A server that tells of a message in two responses may be asked again for what one of them told.
  problems.push(...found.filter((text) => !(scenario.habits.inTwo && / (?:twice|in two ways)$/.test(text))));
  const sequences = new Map(scenario.mails.map((mail, index) => [index + 1, mail]));
  let deferred = false;
  let refused = false;
  for (const [sequence, mail] of sequences) {
    const want = expected.told.get(sequence);
    const fate = fateOf(mail, request, mailbox, want !== undefined);
    const has = got.told.get(sequence);
    const name = `${mail.mark} (${fate})`;
    checkItems(
      name,
      fate,
      request,
      want,
      has,
      scenario.habits.inTwo && mailbox.standing(mail.uid) !== standings.unjudged,
      problems,
    );
    const flags = server.messages[sequence - 1]?.flags;
    const wantFlags =
      fate === 'deferred' || fate === 'refused' ? before[sequence - 1] : direct.messages[sequence - 1]?.flags;
    if ([...(flags ?? [])].join() !== [...(wantFlags ?? [])].join())
      problems.push(`${name}: flags ${[...(flags ?? [])]}`);
    if (fate === 'deferred') deferred = true;
    if (fate === 'refused') refused = true;
    if (fate !== 'asked-nothing' && isHidden(mail, scenario, mailbox) && output.includes(mail.mark))
      problems.push(`${name}: the mark passed`);
  }
  const end = port.finished[0]?.toString('latin1') ?? '';
  const right = deferred ? /^NO \[UNAVAILABLE\] / : refused ? /^NO \[CANNOT\] / : /^OK /;
  if (!right.test(end)) problems.push(`ended with ${end}`);
  return problems;
}

type Fate = 'original' | 'notice' | 'refused' | 'deferred' | 'asked-nothing';

function fateOf(mail: JudgedMail, request: FetchRequest, mailbox: FakeMailbox, inSet: boolean): Fate {
  const needs = request.items.map(itemClass);
  if (!inSet || needs.every((need) => need === 'free')) return 'asked-nothing';
  const standing = mailbox.standing(mail.uid);
  const content = needs.includes('content');
  if (standing === standings.notice) return 'notice';
  if (standing === standings.lateNotice) {
    return request.items.some(({ partial }) => (partial?.offset ?? 0) > 0) ? 'refused' : 'notice';
  }
  if (standing === standings.original || (standing === standings.metadata && !content)) return 'original';
  return 'deferred';
}

/** Nothing of it may have been seen. */
function isHidden(mail: JudgedMail, scenario: Scenario, mailbox: FakeMailbox): boolean {
  if (mail.kind === 'bad') return scenario.metadataWaits || mailbox.standing(mail.uid) === standings.notice;
  if (mail.kind === 'deferred') return mailbox.standing(mail.uid) === standings.unjudged;
  return mail.kind === 'late-bad' && mailbox.standing(mail.uid) === standings.notice;
}

function checkItems(
  name: string,
  fate: Fate,
  request: FetchRequest,
  want: Told | undefined,
  has: Told | undefined,
  mayShow: boolean,
  problems: string[],
): void {
  if (fate === 'asked-nothing') {
    if (has?.items.size) problems.push(`${name}: items that nobody asked for`);
    if (want?.flags !== undefined && has?.flags !== want.flags)
      problems.push(`${name}: ${has?.flags} for ${want.flags}`);
    return;
  }
  if (fate === 'deferred') {
    const told = [...(has?.items.keys() ?? [])].filter((key) => !mayShow || !metadataKey.test(key));
    if (told.length > 0) problems.push(`${name}: ${told}`);
    return;
  }
  const asksUid = request.uid || request.items.some((item) => item.name === 'UID');
  if ((has?.uid !== undefined) !== (asksUid && has !== undefined)) problems.push(`${name}: UID ${has?.uid}`);
  const wanted = fate === 'original' ? want?.items : noticeItems(request, fate === 'refused');
  // Metadata that was shown before the judgement is the original's.
  const counts = ([, text]: [string, string]) =>
    !mayShow || fate === 'original' || !metadataKey.test(text.replace('[', '[] '));
  const one = [...(wanted ?? [])]
    .filter(counts)
    .map(([, text]) => text)
    .sort();
  const other = [...(has?.items ?? [])]
    .filter(counts)
    .map(([, text]) => text)
    .sort();
  if (one.join('\0') !== other.join('\0')) {
    problems.push(`${name}: ${other.map((text) => text.slice(0, 60))} for ${one.map((text) => text.slice(0, 60))}`);
  }
  if (fate !== 'refused' && want?.flags !== undefined && has?.flags !== want.flags)
    problems.push(`${name}: ${has?.flags} for ${want.flags}`);
  for (const [key, text] of fate === 'refused' ? [] : (want?.other ?? [])) {
    if (has?.other.get(key) !== text) problems.push(`${name}: ${has?.other.get(key)} for ${text}`);
  }
}

const metadataKey =
  /^(?:RFC822.SIZE|RFC822.HEADER|ENVELOPE|BODY|BODYSTRUCTURE|PREVIEW|EMAILID|BINARY.SIZE\[\]|BODY\[\] HEADER.*) /;
const parsedNotice = parseStored(noticeBytes);

function noticeItems(request: FetchRequest, late: boolean): Map<string, string> {
  const items = new Map<string, string>();
  for (const item of request.items) {
    if (itemClass(item) === 'free' || (late && (item.partial?.offset ?? 0) > 0)) continue;
    const text = answerItem(parsedNotice, item).toString('latin1');
    items.set(text, text);
  }
  return items;
}

/** For a person who reads a failure. */
export function describe(one: Scenario): string {
  const mails = one.mails.map(({ uid, kind, bytes }, index) => `${uid}:${kind}:${bytes.length}:${one.known[index]}`);
  return JSON.stringify({ ...one, mails, known: undefined });
}
