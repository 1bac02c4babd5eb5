/**
 * The closed list of ways in which the gate itself fails. A refusal of a peer's request is a value (a Reply); a
 * GateError is a failure that some caller must answer for. Texts that go over the wire are never made from these.
 */
export const errorCodes = {
  configInvalid: 'config-invalid',
  keyUnreadable: 'key-unreadable',
  directoryLocked: 'directory-locked',
  spoolFull: 'spool-full',
  spoolFailed: 'spool-failed',
  inspectionBusy: 'inspection-busy',
  inspectionCrashed: 'inspection-crashed',
  inspectionTimeout: 'inspection-timeout',
  sealFailed: 'seal-failed',
  openFailed: 'open-failed',
  storeFailed: 'store-failed',
  notFound: 'not-found',
  stateConflict: 'state-conflict',
  upstreamUnreachable: 'upstream-unreachable',
  upstreamProtocol: 'upstream-protocol',
  aborted: 'aborted',
} as const;

export type ErrorCode = (typeof errorCodes)[keyof typeof errorCodes];

/** One failure of the gate: `temporary` says whether the same request may succeed later. */
export class GateError extends Error {
  readonly code: ErrorCode;
  readonly temporary: boolean;

  constructor(code: ErrorCode, message: string, options: { temporary?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GateError';
    this.code = code;
    this.temporary = options.temporary ?? true;
  }
}

/** The message of anything that was thrown, for a log line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
