/** The composition root: makes every part from the configuration, starts them in order, stops them in the other. */
import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseHostPort } from './config/host-port.js';
import { LiveConfig, type ReloadResult } from './config/live-config.js';
import { type ConfigProblem, formatProblem } from './config/problem.js';
import type { Config } from './config/schema.js';
import { Certificates } from './daemon/certificates.js';
import { Counting } from './daemon/counting.js';
import { gateHealth } from './daemon/health.js';
import { createImapListener } from './daemon/imap-listeners.js';
import { counterProtocolsOf } from './daemon/listener-protocols.js';
import { createListener } from './daemon/listeners.js';
import { LogCollector } from './daemon/log-collector.js';
import { openLog } from './daemon/own-log.js';
import { type PortalStart, startPortal } from './daemon/portal.js';
import { quarantinePolicy } from './daemon/quarantine-policy.js';
import { newDeliver, newSender, routeTable } from './daemon/routes.js';
import { emptySpoolDirectory } from './daemon/spool-directory.js';
import { reportTurnedBad } from './daemon/turned-bad.js';
import { SwapLocks } from './imap/release/release-swap.js';
import { createInspector, type Inspector } from './inspect/inspection.js';
import { DeliveredFiles } from './pipeline/delivered.js';
import { createImapServices } from './pipeline/imap-handler.js';
import type { ImapTally } from './pipeline/imap-record.js';
import type { PipelineServices } from './pipeline/services.js';
import { buildLivePolicy, type LivePolicy } from './policy/live-policy.js';
import type { HealthFacts } from './portal/console/health-facts.js';
import { loadReleaseKey, prepareKeys } from './quarantine/keys.js';
import { Outbox } from './quarantine/outbox.js';
import type { QuarantineLog, QuarantinePolicy } from './quarantine/settings.js';
import { StoredVerdicts } from './quarantine/stored-verdicts.js';
import { Vault } from './quarantine/vault.js';
import { messageOf } from './runtime/errors.js';
import type { Log, Logger } from './runtime/log.js';
import { createMetrics, type Metrics } from './runtime/metrics.js';
import { SpoolPool } from './runtime/spool.js';
import { type Readiness, startStatusServer } from './runtime/status-server.js';
import { createBackends } from './scoring/backends.js';
import { Scorer } from './scoring/scorer.js';

export interface DaemonOptions {
  /** where the log goes instead of where the configuration says; for the demo */
  readonly log?: Log;
}

/** A listening port, of whatever protocol. */
interface MailServer {
  listen(): Promise<number>;
  stop(graceMs: number): Promise<void>;
}

const hourMs = 3_600_000;
const outboxCountMs = 5000;

export class Daemon {
  readonly config: Config;
  readonly metrics: Metrics = createMetrics();
  readonly ports = new Map<string, number>();
  statusPort: number | undefined;
  portalPort: number | undefined;
  /** undefined where administrators' pages share the other port */
  adminPort: number | undefined;
  readonly #live: LiveConfig<LivePolicy>;
  #warnings: readonly ConfigProblem[] = [];
  readonly #log: Log;
  readonly #logger: Logger;
  readonly #quarantineLog: QuarantineLog = (level, event, fields) => this.#logger[level](fields, event);
  readonly #servers: { name: string; server: MailServer; graceMs: number }[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #underWay = new Set<Promise<void>>();
  readonly #certificates = new Certificates();
  #delivered: DeliveredFiles | undefined;
  #vault: Vault | undefined;
  #outbox: Outbox | undefined;
  #tally: ImapTally | undefined;
  #counting: Counting | undefined;
  #collector: LogCollector | undefined;
  #inspector: Inspector | undefined;
  #scorer: Scorer | undefined;
  #spools: SpoolPool | undefined;
  #status: Server | undefined;
  #portal: PortalStart = { running: undefined, check: undefined };
  #stopping: Promise<void> | undefined;

  private constructor(live: LiveConfig<LivePolicy>, log: Log) {
    this.config = live.started;
    this.#live = live;
    this.#log = log;
    this.#logger = log.logger;
  }

  /**
   * Reads the configuration and starts everything. Rejects with a GateError whose message is meant for the
   * administrator; nothing is left running then.
   */
  static async start(file: string, options: DaemonOptions = {}): Promise<Daemon> {
    const holder: { daemon?: Daemon } = {};
    const { live, warnings } = await LiveConfig.open<LivePolicy>(file, {
      build: buildLivePolicy,
      onReload: (result) => holder.daemon?.reloaded(result),
      watch: true,
    });
    const log = options.log ?? openLog(live);
    const daemon = new Daemon(live, log);
    holder.daemon = daemon;
    daemon.#warnings = warnings;
    for (const warning of warnings) log.logger.warn({ problem: formatProblem(warning, file) }, 'configuration');
    try {
      await daemon.#start();
    } catch (error) {
      await daemon.stop();
      throw error;
    }
    return daemon;
  }

  async #start(): Promise<void> {
    const { config } = this;
    mkdirSync(config.dataDirectory, { recursive: true, mode: 0o700 });
    const quarantine = await this.#startQuarantine();
    this.#inspector = createInspector({ shortDigests: () => this.#live.snapshot.feeds.hasShortDigests });
    this.#spools = new SpoolPool(emptySpoolDirectory(config.dataDirectory));
    this.#scorer = new Scorer(
      createBackends(config.scoring.backends, () => this.#live.snapshot),
      () => this.#live.snapshot.scorer,
      () => performance.now(),
      { store: new StoredVerdicts(quarantine.store, this.#quarantineLog), clock: Date.now },
    );
    const scorer = this.#scorer;
    this.#delivered = new DeliveredFiles((part) => scorer.opinionOf(part), Date.now);
    this.#collector = LogCollector.start(config, { metrics: this.metrics, log: this.#logger });
    this.#counting = new Counting(counterProtocolsOf(config), {
      store: quarantine.store,
      metrics: this.metrics,
      log: this.#logger,
      clock: Date.now,
      onAudit: (row) => this.#collector?.tellOfAudit(row),
    });
    this.#counting.start();
    const pipeline: PipelineServices = {
      inspector: this.#inspector,
      scorer: this.#scorer,
      quarantine,
      delivered: this.#delivered,
      policy: () => this.#live.snapshot,
      releaseKey: loadReleaseKey(config.dataDirectory),
      log: this.#logger,
      metrics: this.metrics,
      counts: this.#counting.tally,
      ...(this.#collector === undefined ? {} : { audience: this.#collector }),
      now: () => performance.now(),
      clock: () => Date.now(),
      supervise: (work, what) => this.#supervise(work, what),
    };
    await this.#startListeners(pipeline, quarantine, this.#spools);
    await this.#startStatus();
    await this.#startPortal(quarantine);
    this.#every(hourMs, 'retention', () => this.#vault?.sweep().then(() => this.#vault?.purge()));
    this.#every(hourMs, 'old verdicts', () =>
      this.#vault?.store.call('expireVerdicts', Date.now(), this.#live.snapshot.scorer.cache),
    );
    this.#every(outboxCountMs, 'outbox count', () => this.#countOutbox());
    this.#logger.info(
      {
        listeners: Object.fromEntries(this.ports),
        status: this.statusPort,
        portal: this.portalPort,
        admin: this.adminPort,
        pid: process.pid,
      },
      'ready',
    );
    // The output of a FETCH keeps its order, so the first message that needs a thread would hold up all behind it.
    if (config.imap.listeners.length > 0) this.#inspector.prepare();
  }

  async #startListeners(pipeline: PipelineServices, vault: Vault, spools: SpoolPool): Promise<void> {
    const { smtp, imap } = this.config;
    const shared = { outbound: new Set<string>(), certificates: this.#certificates };
    for (const listener of smtp.listeners) {
      const server = createListener(this.config, listener, { pipeline, spools, ...shared });
      await this.#listen(listener.name, server, smtp.timeouts.shutdownSeconds * 1000);
    }
    if (imap.listeners.length === 0) return;
    const services = { imap: createImapServices(pipeline, vault, spools), locks: new SwapLocks(), ...shared };
    this.#tally = services.imap.tally;
    const keptMs = this.config.quarantine.recordDays * 24 * hourMs;
    this.#every(hourMs, 'unopened mailboxes', () => services.imap.mailboxes.expire(Date.now() - keptMs));
    for (const listener of imap.listeners) {
      const server = createImapListener(this.config, listener, services);
      await this.#listen(listener.name, server, imap.timeouts.shutdownSeconds * 1000);
    }
  }

  async #listen(name: string, server: MailServer, graceMs: number): Promise<void> {
    this.ports.set(name, await server.listen());
    this.#servers.push({ name, server, graceMs });
  }

  async #startQuarantine(): Promise<Vault> {
    const { config } = this;
    const { dataDirectory } = config;
    const log = this.#quarantineLog;
    const warn = (sentence: string) => this.#logger.warn(sentence);
    const { recipients, identityFile } = config.quarantine;
    const keys = await prepareKeys({ dataDirectory, recipients, identityFile, warn }, Date.now());
    const policy = this.#quarantinePolicy();
    const { vault } = await Vault.open({ dataDirectory, keys, policy, clock: Date.now, log });
    this.#vault = vault;
    this.#outbox = new Outbox({
      vault,
      routes: routeTable(config),
      deliver: newDeliver(config.hostname),
      send: newSender(config.hostname),
      releaseKey: loadReleaseKey(dataDirectory),
      clock: Date.now,
      log,
    });
    vault.onQueued = () => this.#outbox?.wake();
    this.#outbox.start();
    return vault;
  }

  /** After everything else that listens: the page gives way where ports clash. */
  async #startPortal(vault: Vault): Promise<void> {
    this.#portal = await startPortal({
      live: this.#live,
      vault,
      secret: loadReleaseKey(this.config.dataDirectory),
      health: () => this.#health(),
      log: this.#quarantineLog,
      answered: (status) => this.metrics.portalAnswers.inc({ status }),
    });
    this.portalPort = this.#portal.running?.port;
    this.adminPort = this.#portal.running?.adminPort;
  }

  #health(): Promise<HealthFacts> {
    return gateHealth({
      live: this.#live,
      warnings: this.#warnings,
      ports: this.ports,
      readiness: () => this.#readiness(),
      scorer: this.#scorer,
      spools: this.#spools,
      inspector: this.#inspector,
    });
  }

  #quarantinePolicy(): QuarantinePolicy {
    return quarantinePolicy(this.#live.snapshot, this.config);
  }

  async #startStatus(): Promise<void> {
    const { status } = this.config;
    if (status === undefined) return;
    const address = parseHostPort(status.listen);
    if (address === undefined) return;
    const started = await startStatusServer({
      ...address,
      registry: this.metrics.registry,
      readiness: () => this.#readiness(),
      refresh: () => this.#refreshGauges(),
    });
    this.#status = started.server;
    this.statusPort = started.port;
  }

  #readiness(): Readiness {
    const backends = (this.#scorer?.health() ?? []).map(({ name, up, detail }) => [
      `backend ${name}`,
      up ? 'ok' : detail,
    ]);
    const listeners = this.#servers.map(({ name }) => [
      `listener ${name}`,
      this.#stopping === undefined ? 'ok' : 'stopping',
    ]);
    const vital: Record<string, string> = Object.fromEntries([...listeners, ...backends]);
    const { check } = this.#portal;
    const collector = this.#collector?.check;
    // Told, but no reason to send mail elsewhere.
    const checks = {
      ...vital,
      ...(this.#log.trouble === undefined ? {} : { log: this.#log.trouble }),
      ...(check === undefined ? {} : { portal: check }),
      ...(collector === undefined ? {} : { 'log collector': collector }),
    };
    return { ready: Object.values(vital).every((state) => state === 'ok'), checks };
  }

  #refreshGauges(): void {
    const { metrics } = this;
    this.#tally?.flush();
    metrics.spoolBytes.set(this.#spools?.usedBytes ?? 0);
    metrics.spoolFiles.set(this.#spools?.openFiles ?? 0);
    this.#collector?.refreshGauges();
    metrics.inspectionQueue.set(this.#inspector?.stats().queued ?? 0);
    metrics.logLinesLost.reset();
    metrics.logLinesLost.inc(this.#log.lostLines);
    metrics.portalUp.set(this.#portal.running?.port === undefined ? 0 : 1);
    for (const { name, up, breaker, lastAnswerMs } of this.#scorer?.health() ?? []) {
      metrics.backendUp.set({ backend: name }, up ? 1 : 0);
      metrics.backendLeftAlone.set({ backend: name }, breaker === 'open' ? 1 : 0);
      if (lastAnswerMs !== undefined) metrics.backendLastAnswer.set({ backend: name }, lastAnswerMs / 1000);
    }
  }

  async #countOutbox(): Promise<void> {
    const counts = await this.#vault?.store.call('outboxCounts');
    this.metrics.outbox.set(counts?.queued ?? 0);
  }

  #every(ms: number, what: string, work: () => Promise<unknown> | undefined): void {
    this.#timers.push(setInterval(() => this.#supervise(Promise.resolve(work()), what), ms));
  }

  #supervise(work: Promise<unknown>, what: string): void {
    const watched = work
      .then(() => undefined)
      .catch((error: unknown) => this.#logger.error({ what, error: messageOf(error) }, 'background work failed'))
      .finally(() => this.#underWay.delete(watched));
    this.#underWay.add(watched);
  }

  /** Work may hand on more work before it ends. */
  async #backgroundDone(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Writes the lines that are still gathered; for an end that nobody planned. */
  flushLog(): Promise<void> {
    return this.#log.flush();
  }

  reload(): Promise<ReloadResult> {
    return this.#live.reload();
  }

  reloaded(result: ReloadResult): void {
    this.#log.reopen();
    this.metrics.reloads.inc({ result: result.applied ? 'applied' : 'refused' });
    for (const problem of result.problems) {
      this.#logger[problem.severity === 'error' ? 'error' : 'warn'](
        { problem: formatProblem(problem, this.config.file) },
        'configuration',
      );
    }
    if (!result.applied) {
      this.#logger.error('the changed configuration is refused, the running one stays');
      return;
    }
    this.#vault?.reload(this.#quarantinePolicy());
    this.#certificates.renew(this.#logger);
    this.#supervise(this.#recheckDelivered(), 'delivered files');
    this.#logger.info({ restartNeededFor: result.restartKeys }, 'configuration reloaded');
  }

  async #recheckDelivered(): Promise<void> {
    const store = this.#vault?.store;
    const delivered = this.#delivered;
    if (store === undefined || delivered === undefined) return;
    const audience = this.#collector === undefined ? {} : { audience: this.#collector };
    const tools = { delivered, store, log: this.#logger, metrics: this.metrics, clock: Date.now, ...audience };
    await reportTurnedBad(tools, this.#live.snapshot.decision);
  }

  /** Lets transactions under way finish within `smtp.timeouts.shutdownSeconds`, then ends. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const graceMs = this.config.smtp.timeouts.shutdownSeconds * 1000;
    this.#live.close();
    this.#vault?.end();
    await Promise.all([
      ...this.#servers.map(({ server, graceMs }) => server.stop(graceMs)),
      this.#portal.running?.close(),
    ]);
    for (const timer of this.#timers) clearInterval(timer);
    // Incidents of mail that was delivered already: its sender will not come again.
    await Promise.race([this.#backgroundDone(), sleep(graceMs, undefined, { ref: false })]);
    await this.#outbox?.stop();
    await this.#scorer?.close();
    await this.#inspector?.close();
    await this.#counting?.stop();
    // Told of everything by now.
    await this.#collector?.stop();
    await this.#vault?.close();
    this.#status?.closeAllConnections();
    this.#status?.close();
    this.#logger.info('stopped');
    await this.#log.flush();
  }
}
