/**
 * All addresses that the web server answers, read from the server itself, so that a test that sweeps over them has the
 * new ones too.
 */
import { registerConsole } from '../../src/portal/console/register.js';
import { createPortal, type PortalOptions } from '../../src/portal/server.js';

export interface Route {
  readonly method: string;
  /** with its parameters, `/q/:token` */
  readonly pattern: string;
}

/** Gives itself for whatever is asked of it: routes are only registered here, none is run. */
const anything: unknown = new Proxy(() => undefined, { get: () => anything, apply: () => anything });

// A cast, because what registers routes asks for more than it uses.
const anyOptions = anything as Parameters<typeof registerConsole>[1];

/** Of the recipients' pages and of the administrators'. */
export async function portalRoutes(): Promise<Route[]> {
  const options = {
    vault: anything,
    preview: anything,
    notice: anything,
    publicUrl: () => 'http://127.0.0.1',
    formKey: Buffer.alloc(32),
    clock: () => 0,
    log: anything,
    answered: anything,
    console: (scope: Parameters<typeof registerConsole>[0]) =>
      registerConsole(
        scope,
        new Proxy(anyOptions, { get: (_, key) => (key === 'secret' ? Buffer.alloc(32) : anything) }),
      ),
  } as unknown as PortalOptions;
  const app = createPortal(options);
  await app.ready();
  const routes = readTree(app.printRoutes({ commonPrefix: false }));
  await app.close();
  return routes;
}

/** Four characters of indentation a level; each line has what its parents' paths go on with. */
function readTree(tree: string): Route[] {
  const parents: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const found = /^(.*?[├└]── )(\S+)(?: \(([A-Z, ]+)\))?/.exec(line);
    if (found === null) return [];
    const depth = (found[1] ?? '').length / 4 - 1;
    const pattern = (parents[depth - 1] ?? '') + (found[2] ?? '');
    parents.length = depth;
    parents[depth] = pattern;
    return (found[3] ?? '')
      .split(', ')
      .filter((method) => method !== '')
      .map((method) => ({ method, pattern }));
  });
}

/** The route's address with these values. @throws Error for a parameter that nobody has a value for */
export function fillIn(route: Route, values: Readonly<Record<string, string>>): string {
  return route.pattern.replace(/:(\w+)/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no value for :${name} of ${route.pattern}`);
    return value;
  });
}
