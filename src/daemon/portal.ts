/**
 * The page for recipients as a part of the daemon that may be missing: its port is tried once, and a gate that cannot
 * have it goes on relaying, since mail matters more than the page.
 */
import { randomBytes } from 'node:crypto';
import { parseHostPort } from '../config/host-port.js';
import type { Config } from '../config/schema.js';
import { Previewer } from '../portal/preview/previewer.js';
import { createPortal, type PortalOptions } from '../portal/server.js';
import type { Vault } from '../quarantine/vault.js';
import { messageOf } from '../runtime/errors.js';

export interface RunningPortal {
  readonly port: number;
  close(): Promise<void>;
}

export interface PortalStart {
  /** undefined when it is off or its port cannot be had */
  readonly running: RunningPortal | undefined;
  /** `ok`, or what is wrong; undefined when it is off */
  readonly check: string | undefined;
}

export async function startPortal(
  config: Pick<Config, 'portal'>,
  options: Omit<PortalOptions, 'formKey' | 'vault' | 'preview'> & { readonly vault: Vault },
): Promise<PortalStart> {
  const { listen } = config.portal;
  const address = parseHostPort(listen);
  if (address === undefined) return { running: undefined, check: undefined };
  const preview = new Previewer({ vault: options.vault, log: options.log });
  const app = createPortal({ ...options, preview, formKey: randomBytes(32) });
  const close = async () => {
    await app.close();
    await preview.close();
  };
  try {
    await app.listen(address);
    const [bound] = app.addresses();
    const port = typeof bound === 'object' ? bound.port : address.port;
    return { running: { port, close }, check: 'ok' };
  } catch (error) {
    await close();
    const reason = `portal.listen: cannot listen on ${listen}: ${messageOf(error)}`;
    options.log('error', 'there is no page for recipients: links in notices lead nowhere until it can start', {
      reason,
    });
    return { running: undefined, check: reason };
  }
}
