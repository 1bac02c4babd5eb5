/** The thread that makes parcels: one message at a time, apart from the threads that mail in transit waits for. */
import { type ErrorCode, GateError, messageOf } from '../runtime/errors.js';
import { type BuiltParcel, buildParcel, type ParcelRequest } from './parcel-build.js';

export type ParcelAnswer =
  | { readonly kind: 'built'; readonly built: BuiltParcel }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly temporary: boolean };

/** Errors lose their class between threads, so they travel as values. */
export default async function answer(request: ParcelRequest): Promise<ParcelAnswer> {
  try {
    return { kind: 'built', built: await buildParcel(request) };
  } catch (error) {
    const failure =
      error instanceof GateError ? error : new GateError('open-failed', messageOf(error), { cause: error });
    return { kind: 'failed', code: failure.code, message: failure.message, temporary: failure.temporary };
  }
}
