/** How the gate is, gathered from its parts for the administrators' page of health. It measures nothing itself but the disk. */
import { readFileSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { formatHostPort } from '../config/host-port.js';
import type { LiveConfig } from '../config/live-config.js';
import { type ConfigProblem, formatProblem } from '../config/problem.js';
import type { Inspector } from '../inspect/inspection.js';
import type { LivePolicy } from '../policy/live-policy.js';
import type { HealthFacts } from '../portal/console/health-facts.js';
import type { SpoolPool } from '../runtime/spool.js';
import type { Readiness } from '../runtime/status-server.js';
import type { Scorer } from '../scoring/scorer.js';

export interface HealthParts {
  readonly live: LiveConfig<LivePolicy>;
  /** of the configuration that the gate was started with */
  readonly warnings: readonly ConfigProblem[];
  /** by listener */
  readonly ports: ReadonlyMap<string, number>;
  readonly readiness: () => Readiness;
  readonly scorer: Scorer | undefined;
  readonly spools: SpoolPool | undefined;
  readonly inspector: Inspector | undefined;
}

export async function gateHealth(parts: HealthParts): Promise<HealthFacts> {
  const { live, scorer, spools, inspector } = parts;
  const { ready, checks } = parts.readiness();
  const { portal } = checks;
  return {
    version: version(),
    runtime: process.version,
    started: Math.round(Date.now() - process.uptime() * 1000),
    ready,
    listeners: listenersOf(parts, checks),
    backends: (scorer?.health() ?? []).map(({ name, up, detail, lastAnswerMs }) => ({
      name,
      up,
      detail,
      lastAnswerMs,
    })),
    portal,
    spool: {
      bytes: spools?.usedBytes ?? 0,
      files: spools?.openFiles ?? 0,
      inspectionsQueued: inspector?.stats().queued ?? 0,
    },
    disk: await diskOf(live.started.dataDirectory),
    configuration: configurationOf(parts),
  };
}

function listenersOf({ live, ports }: HealthParts, checks: Readiness['checks']): HealthFacts['listeners'] {
  return (['smtp', 'imap'] as const).flatMap((protocol) =>
    live.started[protocol].listeners.map(({ name, listen, upstream }) => ({
      name,
      protocol,
      place: formatHostPort({ host: listen.host, port: ports.get(name) ?? listen.port }),
      upstream: formatHostPort(upstream),
      state: checks[`listener ${name}`] === 'ok' ? ('ok' as const) : ('stopping' as const),
    })),
  );
}

async function diskOf(folder: string): Promise<HealthFacts['disk']> {
  try {
    const { bavail, blocks, bsize } = await statfs(folder);
    const { size } = await stat(join(folder, 'sluice.db'));
    return { folder, freeBytes: bavail * bsize, totalBytes: blocks * bsize, databaseBytes: size };
  } catch {
    // Some file systems of containers tell nothing; the page then says nothing of the disk.
    return undefined;
  }
}

function configurationOf({ live, warnings }: HealthParts): HealthFacts['configuration'] {
  const { lastReload, started } = live;
  const problems = lastReload?.problems ?? warnings;
  return {
    file: started.file,
    problems: problems.map((problem) => formatProblem(problem, started.file)),
    restartKeys: lastReload?.restartKeys ?? [],
    reading: lastReload === undefined ? 'first' : lastReload.applied ? 'again' : 'refused',
  };
}

function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  // Ours, with the product.
  const { version: number } = JSON.parse(text) as { version: string };
  return number;
}
