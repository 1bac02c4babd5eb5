/**
 * The pages as a part of the daemon that may be missing: a port is tried once, and a gate that cannot have it goes on
 * relaying, since mail matters more than pages. Administrators' pages may have a port of their own.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { parseHostPort } from '../config/host-port.js';
import type { LiveConfig } from '../config/live-config.js';
import type { LivePolicy } from '../policy/live-policy.js';
import type { ConsoleOptions } from '../portal/console/options.js';
import { registerConsole } from '../portal/console/register.js';
import { Previewer } from '../portal/preview/previewer.js';
import { createPortal, type PortalOptions } from '../portal/server.js';
import type { QuarantineLog } from '../quarantine/settings.js';
import type { Vault } from '../quarantine/vault.js';
import { messageOf } from '../runtime/errors.js';

export interface RunningPortal {
  /** of the recipients' pages */
  readonly port: number | undefined;
  /** of the administrators' pages, where these have a port of their own */
  readonly adminPort: number | undefined;
  close(): Promise<void>;
}

export interface PortalStart {
  /** undefined when no page has a port */
  readonly running: RunningPortal | undefined;
  /** `ok`, or what is wrong; undefined when there are no pages */
  readonly check: string | undefined;
}

export interface PortalParts {
  readonly live: LiveConfig<LivePolicy>;
  readonly vault: Vault;
  /** the gate's secret; keys for the pages are derived from it */
  readonly secret: Uint8Array;
  readonly health: ConsoleOptions['health'];
  readonly log: QuarantineLog;
  readonly answered: (status: number) => void;
}

type App = ReturnType<typeof createPortal>;

export async function startPortal(parts: PortalParts): Promise<PortalStart> {
  const { live, vault, log } = parts;
  const { listen, adminListen } = live.started.portal;
  const preview = new Previewer({ vault, log });
  const administration = consoleOptions(parts, preview);
  const withConsole = (app: App) => registerConsole(app, administration);
  const options: PortalOptions = {
    vault,
    preview,
    notice: () => live.snapshot.notice,
    publicUrl: () => live.snapshot.publicUrl,
    formKey: randomBytes(32),
    clock: Date.now,
    log,
    answered: parts.answered,
  };
  const own = adminListen !== '';
  const main = await start(
    'portal.listen',
    listen,
    () => createPortal(own ? options : { ...options, console: withConsole }),
    log,
  );
  const adminPages = () => createPortal({ ...options, publicUrl: administration.url, console: withConsole });
  const admin = await start('portal.adminListen', adminListen, adminPages, log);
  const apps = [main, admin].flatMap(({ app }) => app ?? []);
  const problems = [main, admin].flatMap(({ problem }) => problem ?? []);
  const close = async () => {
    await Promise.all(apps.map((app) => app.close()));
    await preview.close();
  };
  if (apps.length === 0) await preview.close();
  const running = apps.length === 0 ? undefined : { port: main.port, adminPort: admin.port, close };
  const check = problems.length > 0 ? problems.join('; ') : running === undefined ? undefined : 'ok';
  return { running, check };
}

interface Started {
  readonly app: App | undefined;
  readonly port: number | undefined;
  readonly problem: string | undefined;
}

/** @param place empty for a port that is not wanted */
async function start(key: string, place: string, make: () => App, log: QuarantineLog): Promise<Started> {
  const address = parseHostPort(place);
  if (address === undefined) return { app: undefined, port: undefined, problem: undefined };
  const app = make();
  try {
    await app.listen(address);
    const [bound] = app.addresses();
    return { app, port: typeof bound === 'object' ? bound.port : address.port, problem: undefined };
  } catch (error) {
    await app.close();
    const reason = `${key}: cannot listen on ${place}: ${messageOf(error)}`;
    const loss =
      key === 'portal.listen'
        ? 'there is no page for recipients: links in notices lead nowhere until it can start'
        : 'there are no pages for administrators until they can start';
    log('error', loss, { reason });
    return { app: undefined, port: undefined, problem: reason };
  }
}

function consoleOptions({ live, vault, secret, health, log }: PortalParts, preview: Previewer): ConsoleOptions {
  return {
    store: vault.store,
    vault,
    preview,
    accounts: () => live.snapshot.console.accounts,
    url: () => live.snapshot.console.url,
    // The release key signs other things too; what is derived from it for one use is of no use for another.
    secret: createHmac('sha256', secret).update('sluice administrators').digest(),
    health,
    live,
    clock: Date.now,
    log,
  };
}
