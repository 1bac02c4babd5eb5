/**
 * The incident: the record of a malicious or blocklisted message, whatever was done with it. Threat source and target
 * are mail addresses. How incidents are stored is for the quarantine's store.
 */
import type { Finding } from '../notice/findings.js';
import type { Action, Verdict } from '../policy/verdict.js';

export const incidentStatuses = ['new', 'acknowledged', 'in_progress', 'complete'] as const;
export type IncidentStatus = (typeof incidentStatuses)[number];

export interface IncidentComment {
  readonly at: number;
  readonly by: string;
  readonly text: string;
}

export interface Incident {
  readonly id: string;
  /** the quarantined item; undefined when the message was not held */
  readonly item: string | undefined;
  /** ms since 1970 */
  readonly at: number;
  readonly protocol: 'smtp' | 'imap';
  readonly listener: string;
  readonly clientAddress: string;
  readonly action: Action;
  readonly level: number;
  readonly threat: string;
  /** envelope sender; empty for the null reverse-path */
  readonly source: string;
  /** envelope recipients */
  readonly targets: readonly string[];
  readonly subject: string | undefined;
  readonly attachments: readonly Finding[];
  readonly status: IncidentStatus;
  readonly comments: readonly IncidentComment[];
}

/** The facts from which an incident is made. */
export interface IncidentFacts {
  readonly id: string;
  readonly item: string | undefined;
  readonly at: number;
  readonly protocol: 'smtp' | 'imap';
  readonly listener: string;
  readonly clientAddress: string;
  readonly action: Action;
  readonly verdict: Verdict;
  readonly mailFrom: string;
  readonly recipients: readonly string[];
  readonly subject: string | undefined;
  readonly findings: readonly Finding[];
}

export function newIncident(facts: IncidentFacts): Incident {
  const { verdict, mailFrom, recipients, findings, ...rest } = facts;
  return {
    ...rest,
    level: verdict.threatLevel,
    threat: verdict.threat,
    source: mailFrom,
    targets: recipients,
    attachments: findings,
    status: 'new',
    comments: [],
  };
}
