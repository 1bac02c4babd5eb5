/** Tells of delivered files that feeds or rules know as malicious since: a log line for each file, an incident for each message. */
import { newIncident } from '../incident/incident.js';
import { categoryOf } from '../inspect/file-category.js';
import type { Finding } from '../notice/findings.js';
import type { DeliveredFiles, Delivery, TurnedBad } from '../pipeline/delivered.js';
import type { DecisionPolicy } from '../policy/decide.js';
import { levelOf } from '../policy/level.js';
import type { Verdict } from '../policy/verdict.js';
import { newItemId } from '../quarantine/item.js';
import type { StoreAccess } from '../quarantine/store-access.js';
import { limits } from '../runtime/limits.js';
import type { Logger } from '../runtime/log.js';
import type { Metrics } from '../runtime/metrics.js';
import type { Audience, ToldTurnedBad } from '../syslog/told.js';

export interface TurnedBadTools {
  readonly delivered: DeliveredFiles;
  readonly store: StoreAccess;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** absent where nobody listens */
  readonly audience?: Audience;
  /** milliseconds since 1970 */
  clock(): number;
}

/** After rules, feeds or the threshold have changed. */
export async function reportTurnedBad(tools: TurnedBadTools, { levelMap, threshold }: DecisionPolicy): Promise<void> {
  const turned = await tools.delivered.recheck((score) => levelOf(score, levelMap) >= threshold);
  const messages = new Map<Delivery, TurnedBad[]>();
  for (const [index, one] of turned.entries()) {
    const { delivery, part, at } = one.file;
    tools.metrics.turnedBad.inc();
    tools.log.warn(
      {
        id: delivery.id,
        listener: delivery.listener,
        messageId: delivery.messageId,
        deliveredAt: at,
        part: part.path,
        sha256: part.sha256,
        threatLevel: levelOf(one.opinion.score, levelMap),
        threat: one.opinion.name,
      },
      'delivered-file-turned-bad',
    );
    if (index < limits.delivered.incidentsMax)
      tools.audience?.tell(toldOf(one, levelOf(one.opinion.score, levelMap), tools.clock()));
    messages.set(delivery, [...(messages.get(delivery) ?? []), one]);
  }
  for (const [delivery, files] of [...messages].slice(0, limits.delivered.incidentsMax)) {
    const findings = files.map(
      ({ file: { part }, opinion }): Finding => ({
        path: part.path,
        name: part.names[0] ?? '',
        bytes: part.bytes,
        sha256: part.sha256,
        type: part.detectedType ?? part.declaredType,
        level: levelOf(opinion.score, levelMap),
        threat: opinion.name,
      }),
    );
    await tools.store.call('record', incidentOf(delivery, findings, tools.clock()));
  }
}

function toldOf(
  { file: { delivery, part, at: deliveredAt }, opinion }: TurnedBad,
  level: number,
  at: number,
): ToldTurnedBad {
  const { id, listener, clientAddress, mailFrom, recipients, subject, messageId } = delivery;
  return {
    kind: 'turned-bad',
    at,
    deliveredAt,
    id,
    listener,
    clientAddress,
    sender: mailFrom,
    recipients: recipients.slice(0, limits.syslog.recipientsMax),
    subject,
    messageId,
    threatLevel: level,
    threat: opinion.name,
    file: {
      name: part.names[0] ?? '',
      category: categoryOf(part.detectedType, part.flags, part.names),
      type: part.detectedType ?? part.declaredType,
      bytes: part.bytes,
      sha256: part.sha256,
      level,
      threat: opinion.name,
      list: undefined,
      known: true,
    },
  };
}

function incidentOf(delivery: Delivery, findings: readonly Finding[], at: number) {
  const [worst] = findings.toSorted((a, b) => b.level - a.level);
  const { listener, clientAddress, mailFrom, recipients, subject } = delivery;
  const threatLevel = worst?.level ?? -1;
  const threat = worst?.threat ?? '';
  const verdict: Verdict = { action: 'permit', reasons: [], threatLevel, score: undefined, malicious: true, threat };
  return newIncident({
    id: newItemId(),
    item: undefined,
    at,
    protocol: delivery.protocol,
    listener,
    clientAddress,
    action: 'permit',
    verdict,
    mailFrom,
    recipients,
    subject,
    findings: findings.slice(0, limits.quarantine.findingsMax),
  });
}
