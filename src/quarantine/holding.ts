/**
 * From a request to hold a message to everything that is written down for it: item, incident, notices, tokens. Values
 * only; nothing here touches the disk.
 */
import { type Incident, newIncident } from '../incident/incident.js';
import { findingsOf } from '../notice/findings.js';
import { administratorEvents, type NoticeFacts } from '../notice/settings.js';
import type { Action } from '../policy/verdict.js';
import { limits } from '../runtime/limits.js';
import type { Subscribers } from './administrator-table.js';
import type { HoldRequest } from './hold.js';
import type { Item, StoredFacts } from './item.js';
import type { RecipientRules } from './lifecycle-store.js';
import { noticeFacts } from './personal-view.js';
import type { QuarantinePolicy } from './settings.js';
import { type NewToken, newToken, tokenHash } from './token-table.js';

const dayMs = 86_400_000;

type Described = Omit<HoldRequest, 'source' | 'notify'>;

export function storedFacts({ report, verdict }: Pick<Described, 'report' | 'verdict'>): StoredFacts {
  const codes = new Set(report.problems.map((problem) => problem.code));
  return {
    messageId: report.messageId,
    date: report.date,
    problems: [...codes].slice(0, limits.quarantine.problemsMax),
    ...findingsOf(report, verdict, limits.quarantine.findingsMax),
  };
}

export function newItem(
  id: string,
  request: HoldRequest,
  blobBytes: number,
  policy: QuarantinePolicy,
  now: number,
): Item {
  return {
    id,
    state: 'held',
    sha256: request.sha256,
    bytes: request.source.length,
    envelope: request.envelope,
    listener: request.listener,
    protocol: request.protocol,
    clientAddress: request.clientAddress,
    verdict: request.verdict,
    facts: storedFacts(request),
    subject: request.report.subject,
    from: request.report.from,
    created: now,
    expires: now + policy.retentionDays * dayMs,
    blobBytes,
  };
}

export function incidentOf(
  id: string,
  item: string | undefined,
  action: Action,
  request: Described,
  now: number,
): Incident {
  return newIncident({
    id,
    item,
    at: now,
    protocol: request.protocol,
    listener: request.listener,
    clientAddress: request.clientAddress,
    action,
    verdict: request.verdict,
    mailFrom: request.envelope.mailFrom,
    recipients: request.envelope.recipients.map((recipient) => recipient.address),
    subject: request.report.subject,
    findings: storedFacts(request).findings,
  });
}

export interface NoticePlan {
  readonly facts: readonly NoticeFacts[];
  readonly tokens: readonly NewToken[];
}

/** One notice per address, each with a link of its own; what that may do is fixed when it is made, and may become less. */
export function planNotices(item: Item, policy: QuarantinePolicy): NoticePlan {
  const facts: NoticeFacts[] = [];
  const tokens: NewToken[] = [];
  for (const recipient of new Set(item.envelope.recipients.map(({ address }) => address))) {
    let link: string | undefined;
    if (policy.publicUrl !== undefined) {
      const token = newToken();
      link = `${policy.publicUrl.replace(/\/+$/, '')}/q/${token}`;
      const expires = Math.min(item.expires, item.created + policy.notice.validDays * dayMs);
      tokens.push({ hash: tokenHash(token), recipient, action: policy.recipientMay, expires });
    }
    facts.push(noticeFacts(item, recipient, link));
  }
  return { facts, tokens };
}

/** What the store has to know when a recipient uses his link. */
export function recipientRules(policy: QuarantinePolicy): RecipientRules {
  return { may: policy.recipientMay, releaseAs: policy.releaseAs, subscribers: subscribersOf(policy) };
}

export function subscribersOf(policy: Pick<QuarantinePolicy, 'administrators'>): Subscribers {
  const lists = administratorEvents.map((event) => {
    const ticked = policy.administrators.filter((administrator) => administrator.notify.includes(event));
    return [event, ticked.map((administrator) => administrator.address)] as const;
  });
  // One entry per event by construction.
  return Object.fromEntries(lists) as Record<(typeof administratorEvents)[number], string[]>;
}
