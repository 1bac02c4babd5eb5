/** What a failure of our own inspection means to policy: one of the named fallback causes, and a report that says that nothing was read. */
import type { InspectionReport } from '../inspect/report.js';
import { GateError, messageOf } from '../runtime/errors.js';
import type { FallbackCause } from '../scoring/backend.js';

export function causeOfFailure(error: unknown): { readonly cause: FallbackCause; readonly detail: string } {
  const timedOut = error instanceof GateError && error.code === 'inspection-timeout';
  return { cause: timedOut ? 'verdict-timeout' : 'out-of-resources', detail: messageOf(error) };
}

/** For a message that could not be inspected. */
export function unreadReport(bytes: number): InspectionReport {
  return {
    bytes,
    ambiguous: false,
    unscannable: true,
    problems: [],
    addresses: { sender: [], receiver: [], certainSender: [], certainReceiver: [] },
    subject: undefined,
    messageId: undefined,
    from: undefined,
    date: undefined,
    parts: [],
    views: 0,
    hasAttachment: false,
  };
}
