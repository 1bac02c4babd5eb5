/** The gate's own log, as the configuration says. */
import type { LiveConfig } from '../config/live-config.js';
import { createLog, type Log } from '../runtime/log.js';

/** @throws GateError `config-invalid` when its file cannot be written; the configuration is closed then */
export function openLog(live: LiveConfig<unknown>): Log {
  const { level, addresses, file } = live.started.log;
  try {
    return createLog({ level, addresses, file });
  } catch (error) {
    live.close();
    throw error;
  }
}
