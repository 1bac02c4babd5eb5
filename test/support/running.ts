/** The gate and its next hop for one test, ended with it; and what a test asks of a running gate besides mail. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { Client, type ClientReply } from './client.js';
import { Gate, type GateOptions, type Settings } from './gate.js';
import { waitFor } from './ports.js';
import { Sink, type SinkMessage, type SinkOptions } from './sink.js';

const entry = fileURLToPath(new URL('../../src/main.js', import.meta.url));

export function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-running-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function startSink(t: Test, options: SinkOptions = {}): Promise<Sink> {
  const sink = await Sink.start(options);
  t.teardown(() => sink.stop());
  return sink;
}

export async function startGate(t: Test, options: GateOptions): Promise<Gate> {
  const gate = await Gate.start(options);
  t.teardown(async () => {
    if (gate.running) await gate.stop();
  });
  return gate;
}

interface Reloads {
  readonly applied: number;
  readonly refused: number;
}

async function reloadsOf(gate: Gate): Promise<Reloads> {
  const metrics = await metricsOf(gate);
  const count = (result: string) =>
    Number(new RegExp(`^sluice_config_reloads_total\\{result="${result}"\\} (\\d+)$`, 'm').exec(metrics)?.[1] ?? 0);
  return { applied: count('applied'), refused: count('refused') };
}

/** Asks for a reload, and waits for one more than `before`. */
async function reloadedOnce(gate: Gate, before: Reloads): Promise<Reloads> {
  gate.signal('SIGHUP');
  return waitFor('answer to SIGHUP', 20_000, async () => {
    const now = await reloadsOf(gate);
    return now.applied + now.refused > before.applied + before.refused ? now : undefined;
  });
}

/** Merges `sections` into the running gate's configuration and waits until it has them, or has refused them. */
export async function reconfigure(gate: Gate, sections: Settings): Promise<'applied' | 'refused'> {
  const before = await reloadsOf(gate);
  gate.writeConfig({ ...gate.readConfig(), ...sections });
  // The gate watches its file as well: what ends first may have begun before this text was there, what ends next not.
  const between = await reloadedOnce(gate, before);
  const after = await reloadedOnce(gate, between);
  return after.applied > between.applied ? 'applied' : 'refused';
}

/** One message on a connection of its own. */
export async function sendMail(
  gate: { readonly port: number },
  message: Buffer,
  to: readonly string[] = ['bob@example.org'],
  from = 'alice@client.example',
): Promise<ClientReply> {
  const client = await Client.greet(gate.port);
  try {
    return await client.mail(from, to, message);
  } finally {
    client.destroy();
  }
}

/** Id of the item that a reply names. */
export function itemOf(reply: ClientReply): string {
  return /[a-z2-7]{26}/.exec(reply.raw)?.[0] ?? `no item in ${reply.raw}`;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `sluice` with these words, on the gate's configuration. */
export function sluice(gate: Gate, ...words: readonly string[]): Promise<CommandResult> {
  const parameters = [entry, ...words, '--config', join(gate.folder, 'sluice.yaml')];
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8');
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

export type IncidentRow = Readonly<Record<string, unknown>>;

/** Every incident, newest first, once there are at least `count`. */
export async function incidents(gate: Gate, count: number): Promise<readonly IncidentRow[]> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const { stdout } = await sluice(gate, 'incidents', '--json');
    const rows = JSON.parse(stdout === '' ? '[]' : stdout) as IncidentRow[];
    if (rows.length >= count || Date.now() > deadline) return rows;
  }
}

export async function metricsOf(gate: Pick<Gate, 'statusPort'>): Promise<string> {
  return (await fetch(`http://127.0.0.1:${gate.statusPort}/metrics`)).text();
}

/** Addresses of the sink's mails that are ours (null reverse-path), in order of arrival. */
export function noticesAt(sink: Sink): readonly string[] {
  return sink.messages.filter(({ mail }) => mail.startsWith('<>')).map(recipientOf);
}

export function recipientOf(message: SinkMessage): string {
  return /<([^>]*)>/.exec(message.recipients[0] ?? '')?.[1] ?? '';
}
