/** The settings pages behind a real sign-in, over a configuration file of their own; and forms filled in as a browser does. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { LiveConfig, type ReloadResult } from '../../src/config/live-config.js';
import { buildLivePolicy, type LivePolicy } from '../../src/policy/live-policy.js';
import { type Browser, type ConsoleStage, openConsole } from './console-stage.js';

interface Ending {
  teardown(work: () => unknown): void;
}

export interface SettingsStage extends ConsoleStage {
  readonly file: string;
  readonly live: LiveConfig<LivePolicy>;
  readonly reloads: ReloadResult[];
  readonly user: Browser;
  text(): string;
  /** the parsed file */
  said(): Record<string, unknown>;
  /** fetches a page, fills in its form and sends it */
  submit(page: string, fields: Filled, action?: string): ReturnType<Browser['post']>;
}

export type Filled = Readonly<Record<string, string | readonly string[]>>;

/** @param file of a configuration that is there already, as that of a running gate */
export async function openSettings(
  t: Ending,
  written: { readonly text?: string; readonly file?: string },
): Promise<SettingsStage> {
  const reloads: ReloadResult[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'sluice-settings-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = written.file ?? join(folder, 'gate.yaml');
  if (written.text !== undefined) writeFileSync(file, written.text);
  const { live } = await LiveConfig.open<LivePolicy>(file, {
    build: buildLivePolicy,
    onReload: (result) => reloads.push(result),
  });
  t.teardown(() => live.close());
  const stage = await openConsole(t, { options: { live } });
  const user = stage.browser();
  await user.signIn();
  await user.get('/admin');
  const text = () => readFileSync(file, 'utf8');
  const submit: SettingsStage['submit'] = async (page, fields, action) => {
    // Nobody fills in forms as fast as a test, and the pages would count it as an attack.
    stage.clock.now += 5000;
    const { body } = await user.get(page);
    return user.post(action ?? page, { ...controlsOf(body, action ?? page), ...fields });
  };
  return Object.assign(stage, { file, live, reloads, user, text, said: () => parseDocument(text()).toJS(), submit });
}

const names = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" } as const;

export function decoded(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_all, name: keyof typeof names) => names[name]);
}

function attribute(tag: string, name: string): string | undefined {
  const found = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1];
  return found === undefined ? undefined : decoded(found);
}

/** What a browser would send of the form with this action: fields as they stand, no buttons. */
export function controlsOf(page: string, action: string): Record<string, string[]> {
  const forms = [...page.matchAll(/<form\b((?:[^>"]|"[^"]*")*)>([\s\S]*?)<\/form>/g)];
  const form = forms.find(([, head = '']) => attribute(head, 'action') === action)?.[2] ?? '';
  const sent: Record<string, string[]> = {};
  const add = (name: string | undefined, value: string) => {
    if (name === undefined) return;
    sent[name] ??= [];
    sent[name].push(value);
  };
  for (const [, kind, wide = '', content = '', input = ''] of form.matchAll(
    /<(textarea|select)\b((?:[^>"]|"[^"]*")*)>([\s\S]*?)<\/\1>|<input\b((?:[^>"]|"[^"]*")*)>/g,
  )) {
    const head = kind === undefined ? input : wide;
    const name = attribute(head, 'name');
    if (kind === 'textarea') add(name, decoded(content).replace(/^\n/, '').replace(/\r?\n/g, '\r\n'));
    else if (kind === 'select') {
      const options = [...content.matchAll(/<option\b([^>]*)>/g)].map(([, option = '']) => option);
      const chosen = options.find((option) => /\sselected\b/.test(option)) ?? options[0] ?? '';
      add(name, attribute(chosen, 'value') ?? '');
    } else if (!/type="(checkbox|radio)"/.test(head) || /\schecked\b/.test(head))
      add(name, attribute(head, 'value') ?? '');
  }
  return sent;
}
