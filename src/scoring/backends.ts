/** Makes the scoring backends that a configuration names; the daemon and the commands ask the same ones. */
import type { Config } from '../config/schema.js';
import { parseServiceUrl } from '../config/service-url.js';
import { parseSocketAddress } from '../config/socket-address.js';
import { GateError } from '../runtime/errors.js';
import type { Backend } from './backend.js';
import { ClamdBackend } from './clamd.js';
import { EmbeddedBackend } from './embedded.js';
import type { HashFeeds } from './hash-feed.js';
import { HttpBackend } from './http.js';
import { YaraBackend, type YaraRules } from './yara.js';

/** What backends read anew for each file. */
export interface LiveRules {
  readonly feeds: HashFeeds;
  readonly yara: YaraRules;
}

/**
 * In the order of the configuration. A backend that is elsewhere begins to look for its server at once; the caller
 * closes it, by closing its scorer.
 * @param live feeds and rules of this moment; a reload swaps them
 */
export function createBackends(settings: Config['scoring']['backends'], live: () => LiveRules): Backend[] {
  return settings.flatMap((backend): Backend[] => {
    switch (backend.type) {
      case 'embedded':
        return [new EmbeddedBackend(() => live().feeds), ...yaraBackend(backend.yaraRules, live)];
      case 'clamd': {
        const address = parseSocketAddress(backend.address);
        // The schema has checked the form.
        if (address === undefined) throw new GateError('config-invalid', `no address: ${backend.address}`);
        return [new ClamdBackend({ ...backend, address })];
      }
      case 'http': {
        const service = parseServiceUrl(backend.url);
        if (service === undefined) throw new GateError('config-invalid', `no address: ${backend.url}`);
        return [new HttpBackend({ ...backend, service })];
      }
      default:
        return backend satisfies never;
    }
  });
}

function yaraBackend(folder: string | undefined, live: () => LiveRules): Backend[] {
  return folder === undefined ? [] : [new YaraBackend(() => live().yara.get(folder))];
}
