/** The gate of the demonstration: the real daemon with a configuration of its own in a private folder, and its log. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from '../../daemon.js';
import { createLog } from '../../runtime/log.js';
import { people } from './letters.js';

/** One line of the gate's log. */
export type LogLine = Readonly<Record<string, unknown>>;

const listenerName = 'inbound';
const mailboxesName = 'mailboxes';
const pollMs = 10;

/** Ports of the servers behind the gate. */
export interface ServerPorts {
  readonly smtp: number;
  readonly imap: number;
}

function configurationText({ smtp, imap }: ServerPorts): string {
  return `# Written by sluice demo. Listeners take free ports; the servers behind them ran inside the demonstration.
hostname: gate.example.org
dataDirectory: ./var
smtp:
  listeners:
    - name: ${listenerName}
      listen: 127.0.0.1:0
      upstream: { host: 127.0.0.1, port: ${smtp} }
      localDomains: [example.org]
  timeouts: { shutdownSeconds: 2 }
imap:
  listeners:
    - name: ${mailboxesName}
      listen: 127.0.0.1:0
      upstream: { host: 127.0.0.1, port: ${imap} }
  timeouts: { shutdownSeconds: 2 }
lists:
  block: ["*@bad.example"]
administrators:
  - { address: ${people.administrator}, notify: [blocked, released] }
`;
}

export class DemoGate {
  readonly folder: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly port: number;
  readonly imapPort: number;
  readonly #lines: LogLine[];
  readonly #daemon: Daemon;

  private constructor(folder: DemoFolder, daemon: Daemon, lines: LogLine[]) {
    this.folder = folder.path;
    this.configFile = folder.configFile;
    this.logFile = folder.logFile;
    this.port = daemon.ports.get(listenerName) ?? 0;
    this.imapPort = daemon.ports.get(mailboxesName) ?? 0;
    this.#daemon = daemon;
    this.#lines = lines;
  }

  static async start(folder: DemoFolder, servers: ServerPorts): Promise<DemoGate> {
    writeFileSync(folder.configFile, configurationText(servers), { mode: 0o600 });
    const lines: LogLine[] = [];
    const sink = {
      write(text: string): void {
        appendFileSync(folder.logFile, text, { mode: 0o600 });
        // The logger writes whole lines, each a JSON object.
        lines.push(JSON.parse(text) as LogLine);
      },
    };
    const log = createLog({ level: 'info', addresses: 'full', file: undefined }, sink);
    return new DemoGate(folder, await Daemon.start(folder.configFile, { log }), lines);
  }

  /** The record of a message; undefined when there is none in time. */
  async recordOf(messageId: string, timeoutMs: number): Promise<LogLine | undefined> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = this.#lines.find((line) => line.msg === 'message' && line.messageId === messageId);
      if (found !== undefined || performance.now() > deadline) return found;
      await sleep(pollMs);
    }
  }

  stop(): Promise<void> {
    return this.#daemon.stop();
  }
}

/** A folder that only we can read: it will hold keys. */
export class DemoFolder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'sluice-demo-'));
  readonly configFile: string = join(this.path, 'sluice.yaml');
  readonly logFile: string = join(this.path, 'gate.log');

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
