/** One message from memory through the same inspection as on the wire. */
import { tmpdir } from 'node:os';
import { createInspector, type Inspector, type InspectorOptions } from '../../src/inspect/inspection.js';
import type { InspectionReport } from '../../src/inspect/report.js';
import { limits } from '../../src/runtime/limits.js';
import { SpoolPool } from '../../src/runtime/spool.js';

/** Without an inspector of the caller's, threads are started and stopped for this one message. */
export async function inspectBuffer(
  message: Buffer,
  options: InspectorOptions & { readonly inspector?: Inspector; readonly spoolDirectory?: string } = {},
): Promise<InspectionReport> {
  const inspector = options.inspector ?? createInspector({ threads: 1, ...options });
  const spool = new SpoolPool(options.spoolDirectory ?? tmpdir()).create();
  try {
    const inspection = inspector.start(spool);
    for (let at = 0; at < message.length; at += limits.spool.readChunkBytes) {
      const chunk = message.subarray(at, at + limits.spool.readChunkBytes);
      spool.append(chunk);
      inspection.write(chunk);
    }
    return await inspection.finish();
  } finally {
    spool.release();
    if (options.inspector === undefined) await inspector.close();
  }
}
