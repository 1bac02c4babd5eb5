/** An administrator without a browser: signs in, and sends forms as the pages have them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newPasswordRecord } from '../../src/portal/console/password.js';
import { ask, type HttpAnswer, type HttpAsking, submit } from './http-ask.js';

/** of every administrator of these tests */
export const consolePassword = 'seven brown foxes by the river';
let record: Promise<string> | undefined;

/** For `portal.administrators`: their names, with a file for the password of each. */
export async function administratorsIn(
  folder: string,
  ...names: readonly string[]
): Promise<readonly { readonly name: string; readonly passwordFile: string }[]> {
  record ??= newPasswordRecord(consolePassword);
  const text = await record;
  return names.map((name) => {
    const passwordFile = join(folder, `${name}.password`);
    writeFileSync(passwordFile, `${text}\n`, { mode: 0o600 });
    return { name, passwordFile };
  });
}

/** `name=value` of the cookies that an answer sets, those that it clears left out. */
export function cookiesOf({ headers }: Pick<HttpAnswer, 'headers'>): string {
  const set = headers['set-cookie'] ?? [];
  const pairs = set.map((one) => one.split(';')[0] ?? '').filter((pair) => !pair.endsWith('='));
  return pairs.join('; ');
}

export function csrfOf(page: string): string {
  return /name="csrf" value="([^"]+)"/.exec(page)?.[1] ?? '';
}

export class ConsoleClient {
  readonly origin: string;
  readonly cookie: string;
  /** of his session, for his forms */
  readonly csrf: string;

  private constructor(origin: string, cookie: string, csrf: string) {
    this.origin = origin;
    this.cookie = cookie;
    this.csrf = csrf;
  }

  /** @throws Error when he is not let in */
  static async signIn(origin: string, name: string, password = consolePassword): Promise<ConsoleClient> {
    const form = await ask(origin, '/admin/sign-in');
    const fields = { name, password, csrf: csrfOf(form.body), next: '/admin' };
    const answer = await submit(origin, '/admin/sign-in', fields, { cookie: cookiesOf(form) });
    if (answer.status !== 303) throw new Error(`${name} is not let in: ${answer.status}`);
    const cookie = cookiesOf(answer);
    const page = await ask(origin, '/admin', { headers: { cookie } });
    return new ConsoleClient(origin, cookie, csrfOf(page.body));
  }

  get(target: string, asking: HttpAsking = {}): Promise<HttpAnswer> {
    return ask(this.origin, target, { ...asking, headers: { ...asking.headers, cookie: this.cookie } });
  }

  /** With the value that makes a form his. */
  post(target: string, fields: Readonly<Record<string, string>> = {}, headers: HttpAsking['headers'] = {}) {
    return submit(this.origin, target, { csrf: this.csrf, ...fields }, { cookie: this.cookie, ...headers });
  }
}
