/** How a backend's health is kept from one look at its server to the next. */
import type { BackendHealth } from './backend.js';

/** The health after another look; the moment of the last change stays. @param nowMs of performance.now() */
export function healthAfter(before: BackendHealth, up: boolean, detail: string, nowMs: number): BackendHealth {
  const sinceMs = before.up === up ? before.sinceMs : nowMs;
  return sinceMs === undefined ? { up, detail } : { up, detail, sinceMs };
}
