/** `sluice scoring-server`: a scoring service for several gates, or for their tests, from the rules that are built in. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { formatHostPort, type HostPort, isLoopback, parseHostPort } from '../config/host-port.js';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { createLog, type Log } from '../runtime/log.js';
import { SpoolPool } from '../runtime/spool.js';
import { TokenFile } from '../runtime/token-file.js';
import type { Injection } from './scoring-server/injection.js';
import type { OnReload } from './scoring-server/rules-source.js';

interface Options {
  readonly listen: HostPort;
  readonly tokenFile?: string;
  readonly insecureOpen?: boolean;
  readonly config?: string;
  readonly hashFeed?: string[];
  readonly yaraRules?: string;
  readonly maxBytes: number;
  readonly uploads: number;
  readonly delay?: number;
  readonly pollAfter?: number;
  readonly fail?: number;
  readonly error?: number;
  readonly score?: Record<string, number>;
  readonly scoreAll?: number;
  readonly inject?: string;
}

const examples = `
It serves the API of config/scoring-api.yaml, so that a gate asks it with
  scoring: { backends: [{ type: http, url: "http://127.0.0.1:8090" }] }
Files are looked into as the gate looks into attachments, and meet the static rules, hash feeds and YARA rules of the
embedded backend. Without --config or --hash-feed only the static rules count. Changed feeds are read again, as they are
at SIGHUP. Every request is one line on the standard output, without content or names. SIGTERM stops it gracefully.

--delay, --poll-after, --fail, --error, --score and --score-all make it answer what a rehearsal needs. The file of
--inject holds the same as JSON, and is read again when it changes:
  { "scores": { "SHA-256": 0.9 }, "scoreAll": 0, "delayMs": 0, "pollAfterMs": 0, "fail": 0.5, "error": 503 }

Exit code: 0 stopped by a signal, 1 could not start, 2 wrong use.

Examples:
  sluice scoring-server
  sluice scoring-server --listen 0.0.0.0:8090 --token-file token.txt --hash-feed bad-files.txt
  sluice scoring-server --score-all 1 --poll-after 5000   a sandbox that finds everything malicious, after 5 s`;

export function registerScoringServer(program: Command): void {
  program
    .command('scoring-server')
    .description('Score files for gates over HTTP, by the rules and feeds that are built in')
    .addOption(
      new Option('--listen <address>', 'address and port')
        .argParser(listenAddress)
        .default({ host: '127.0.0.1', port: 8090 }, '127.0.0.1:8090'),
    )
    .option('--token-file <file>', 'file with the bearer token that clients must show')
    .option('--insecure-open', 'listen for other machines without a token')
    .option('-c, --config <file>', "a gate's configuration, whose embedded backend counts")
    .option('--hash-feed <file>', 'text file of known bad digests; may be given more than once', collect)
    .option('--yara-rules <folder>', 'folder of YARA rules')
    .option('--max-bytes <n>', 'largest file that is taken', wholeNumber(1, 1_099_511_627_776), 104_857_600)
    .option('--uploads <n>', 'files taken in at a time', wholeNumber(1, 1024), limits.scoringServer.uploadsMax)
    .option('--delay <ms>', 'wait before each answer', wholeNumber(0, 3_600_000))
    .option(
      '--poll-after <ms>',
      'hold each result back for so long, and answer 202 until then',
      wholeNumber(0, 3_600_000),
    )
    .option('--fail <rate>', 'answer this share of requests, 0 to 1, with 503', fraction)
    .option('--error <status>', 'answer every request with this status', wholeNumber(400, 599))
    .option('--score <sha256=score>', 'score of one file; may be given more than once', collectScore)
    .option('--score-all <score>', 'score of every other file, 0 to 1', fraction)
    .option('--inject <file>', 'JSON file with the same, read again when it changes')
    .addHelpText('after', examples)
    .action(async (options: Options, command: Command) => {
      if (!isLoopback(options.listen.host) && options.tokenFile === undefined && options.insecureOpen !== true) {
        command.error('error: other machines could ask: give --token-file FILE, or --insecure-open if that is meant');
      }
      if (options.config !== undefined && (options.hashFeed !== undefined || options.yaraRules !== undefined))
        command.error('error: give either --config, or --hash-feed and --yara-rules');
      await serve(options, command.parent?.version() ?? '0');
    });
}

/** Resolves when it is told to stop and has stopped; rejects when it cannot start. */
async function serve(options: Options, version: string): Promise<void> {
  const log = createLog({ level: 'info', addresses: 'none', file: undefined });
  // At once, because as process 1 of a container an unhandled SIGTERM would be ignored.
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  const close: (() => unknown)[] = [];
  try {
    close.push(...(await start(options, version, log)));
    await stopped;
    log.logger.info('stopping');
  } finally {
    for (const step of close.reverse()) await step();
    await log.flush();
  }
}

/** What has to be done to stop it, the first step last. */
async function start(options: Options, version: string, log: Log): Promise<(() => unknown)[]> {
  // Loaded only here, as no other command needs them.
  const [{ Analyser }, { InjectionSource }, { rulesOfConfig, rulesOfFiles }, { createScoringServer }] =
    await Promise.all([
      import('./scoring-server/analyser.js'),
      import('./scoring-server/injection.js'),
      import('./scoring-server/rules-source.js'),
      import('./scoring-server/server.js'),
    ]);
  const { listen, tokenFile, config, hashFeed = [], yaraRules, maxBytes, uploads, inject } = options;
  const { logger } = log;
  const token = tokenFile === undefined ? undefined : new TokenFile(tokenFile);
  if (token !== undefined && token.token === undefined)
    throw new Error(`${tokenFile}: cannot be read, or holds no token`);
  const injection = new InjectionSource(injectionOf(options), inject, (problem) =>
    logger.warn({ problem }, 'injection file refused'),
  );
  const onReload: OnReload = (applied, problems) =>
    logger[applied ? 'info' : 'error']({ problems }, applied ? 'rules reloaded' : 'changed rules are refused');
  const rules = await (config === undefined
    ? rulesOfFiles(hashFeed, yaraRules, onReload)
    : rulesOfConfig(config, onReload));
  const folder = mkdtempSync(join(tmpdir(), 'sluice-scoring-'));
  const analyser = new Analyser(rules, version);
  const app = createScoringServer({
    analyser,
    token,
    maxBytes,
    uploadsMax: uploads,
    spools: new SpoolPool(folder),
    injection: () => injection.current,
    log: logger,
    random: Math.random,
    now: () => performance.now(),
  });
  const onHangUp = () => void rules.reload();
  const steps = [
    () => rmSync(folder, { recursive: true, force: true }),
    () => rules.close(),
    () => process.off('SIGHUP', onHangUp),
    () => analyser.close(),
    () => {
      const timer = setTimeout(() => app.server.closeAllConnections(), limits.scoringServer.stopGraceMs);
      return app.close().finally(() => clearTimeout(timer));
    },
  ];
  try {
    process.on('SIGHUP', onHangUp);
    const url = await app.listen({ host: listen.host, port: listen.port });
    logger.info(
      { url, pid: process.pid, version: analyser.version, maxBytes, tokenNeeded: token !== undefined },
      'ready',
    );
    await log.flush();
    return steps;
  } catch (error) {
    for (const step of steps.reverse()) await step();
    throw new Error(`cannot listen on ${formatHostPort(listen)}: ${messageOf(error)}`, { cause: error });
  }
}

function injectionOf({ score, scoreAll, delay, pollAfter, fail, error }: Options): Injection {
  return {
    ...(score === undefined ? {} : { scores: score }),
    ...(scoreAll === undefined ? {} : { scoreAll }),
    ...(delay === undefined ? {} : { delayMs: delay }),
    ...(pollAfter === undefined ? {} : { pollAfterMs: pollAfter }),
    ...(fail === undefined ? {} : { fail }),
    ...(error === undefined ? {} : { error }),
  };
}

function listenAddress(text: string): HostPort {
  const address = parseHostPort(text);
  if (address === undefined) throw new InvalidArgumentError('Not an address and port such as 127.0.0.1:8090.');
  return address;
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(`Not a whole number from ${least} to ${most}.`);
  };
}

function fraction(text: string): number {
  const number = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= 0 && number <= 1) return number;
  throw new InvalidArgumentError('Not a number from 0 to 1.');
}

function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}

function collectScore(text: string, before: Record<string, number> = {}): Record<string, number> {
  const [digest = '', score = ''] = text.split('=');
  if (!/^[0-9a-f]{64}$/i.test(digest)) throw new InvalidArgumentError('Not SHA256=SCORE.');
  return { ...before, [digest.toLowerCase()]: fraction(score) };
}
