/**
 * A real browser for tests of pages: one process for a test file, a context of its own for each visitor. Whatever a
 * page does that none of ours may do (a dialog, an error in the console, a request to somebody else) is kept, and a
 * visit that ends with any of it fails.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import type { Test } from 'tap';
import { consolePassword } from './console-client.js';
import { programPath } from './missing.js';

/** for `skipWithout` */
export const browserPrograms = ['chromium', 'package:playwright-core', 'package:axe-core'] as const;

export interface Look {
  readonly dark?: boolean;
  /** 360 x 740 instead of 1280 x 900 */
  readonly phone?: boolean;
  /** false: scripts are switched off */
  readonly script?: boolean;
}

export interface VisitorOptions extends Look {
  /** the only one that may be asked for anything */
  readonly origin: string;
  readonly name?: string;
}

/** Where pictures of pages go; nowhere when it is not set. */
const pictures = process.env.SLUICE_SCREENSHOTS;
/** WCAG 2.2, levels A and AA */
const axeTags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const actionTimeoutMs = 20_000;

/** Runs in the page, which has types that the tests do not know. */
function hasFocus(element: { readonly ownerDocument: { readonly activeElement: unknown } }): boolean {
  return element === element.ownerDocument.activeElement;
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** Somebody with a browser of his own: no cookie and no cache is shared with another. */
export class Visitor {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly origin: string;
  /** every address that was asked for, in order */
  readonly requests: string[] = [];
  /** what no page of ours may do */
  readonly trouble: string[] = [];
  /** status of each page that was shown, with its path */
  readonly answers: (readonly [number, string])[] = [];
  readonly #options: VisitorOptions;
  #pictures = 0;
  /** presses whose page a second press may have taken the place of */
  #superseded = 0;

  private constructor(options: VisitorOptions, context: BrowserContext, page: Page) {
    this.#options = options;
    this.origin = options.origin;
    this.context = context;
    this.page = page;
    this.#watch(page);
  }

  static async enter(browser: Browser, options: VisitorOptions): Promise<Visitor> {
    const context = await browser.newContext({
      viewport: options.phone === true ? { width: 360, height: 740 } : { width: 1280, height: 900 },
      colorScheme: options.dark === true ? 'dark' : 'light',
      javaScriptEnabled: options.script !== false,
      reducedMotion: 'reduce',
      locale: 'en-GB',
      timezoneId: 'UTC',
    });
    context.setDefaultTimeout(actionTimeoutMs);
    return new Visitor(options, context, await context.newPage());
  }

  #watch(page: Page): void {
    page.on('dialog', (dialog) => {
      this.trouble.push(`a dialog: ${dialog.message()}`);
      // A page that is closed meanwhile has no dialog left to close.
      void dialog.dismiss().catch(() => undefined);
    });
    page.on('console', (message) => {
      // A refused page is an answer like others; `answers` has it.
      const told = /^Failed to load resource: the server responded/.test(message.text());
      if (message.type() === 'error' && !told) this.trouble.push(`console: ${message.text()}`);
    });
    page.on('pageerror', (error) => this.trouble.push(`script: ${error.message}`));
    page.on('crash', () => this.trouble.push('the page crashed'));
    page.on('request', (request) => {
      this.requests.push(request.url());
      if (!request.url().startsWith(`${this.origin}/`)) this.trouble.push(`asks for ${request.url()}`);
    });
    page.on('requestfailed', (request) => {
      const why = request.failure()?.errorText ?? '';
      if (why === 'net::ERR_ABORTED' && request.method() === 'POST' && this.#superseded > 0) this.#superseded -= 1;
      else this.trouble.push(`no answer for ${request.url()}: ${why}`);
    });
    page.on('response', (response) => {
      const { pathname } = new URL(response.url());
      if (response.request().isNavigationRequest()) this.answers.push([response.status(), pathname]);
      else if (response.status() >= 400) this.trouble.push(`${response.status()} for ${pathname}`);
    });
  }

  get isPhone(): boolean {
    return this.#options.phone === true;
  }

  get scripted(): boolean {
    return this.#options.script !== false;
  }

  /** @returns the status */
  async open(path: string): Promise<number> {
    const address = path.startsWith('http') ? path : `${this.origin}${path}`;
    return (await this.page.goto(address))?.status() ?? 0;
  }

  /** All words of the page as a reader sees them. */
  text(): Promise<string> {
    return this.page.locator('body').innerText();
  }

  /** Presses the button of this name, or follows the link, and waits for the page that it leads to. */
  async press(name: string | RegExp, role: 'button' | 'link' = 'button'): Promise<void> {
    const target = this.page.getByRole(role, { name, ...(typeof name === 'string' ? { exact: true } : {}) });
    await Promise.all([this.page.waitForEvent('domcontentloaded'), target.first().click()]);
  }

  /** As hands do that are used to icons: the browser sends the form twice, or waits no more for the first answer. */
  async pressTwice(name: string): Promise<void> {
    this.#superseded += 1;
    await this.page.getByRole('button', { name, exact: true }).dblclick();
  }

  /** By keyboard alone: Tab until the control of this name has the focus, and the keys. @throws Error where it is not reached */
  async tabTo(name: string | RegExp, role: 'button' | 'link' | 'textbox' | 'searchbox' | 'combobox' = 'button') {
    const target = this.page.getByRole(role, { name, ...(typeof name === 'string' ? { exact: true } : {}) }).first();
    for (let count = 0; count < 150; count += 1) {
      await this.page.keyboard.press('Tab');
      if (await target.evaluate(hasFocus)) return;
    }
    throw new Error(`${role} ${name} cannot be reached with the Tab key`);
  }

  async pressKey(key: 'Enter' | 'Space'): Promise<void> {
    await Promise.all([this.page.waitForEvent('domcontentloaded'), this.page.keyboard.press(key)]);
  }

  /** A picture of the whole page, for eyes, where SLUICE_SCREENSHOTS names a folder. */
  async picture(name: string): Promise<void> {
    if (pictures === undefined || pictures === '') return;
    mkdirSync(pictures, { recursive: true });
    const { dark, phone, script, name: who = '' } = this.#options;
    this.#pictures += 1;
    const look = [dark === true ? 'dark' : '', phone === true ? 'phone' : '', script === false ? 'noscript' : ''];
    const words = [who, String(this.#pictures).padStart(2, '0'), name, ...look].filter((word) => word !== '');
    const file = words
      .join('-')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-');
    const path = join(pictures, `${file}.png`);
    // A page can be too long for the browser's memory, and its beginning says much.
    await this.page.screenshot({ path, fullPage: true }).catch(() => this.page.screenshot({ path }));
  }

  /** What axe-core finds wrong with the page, a line each. Needs scripts. */
  async barriers(): Promise<string[]> {
    // What the debugger evaluates is not bound by the page's policy, so that it can stay as it is.
    await this.page.evaluate(axe.source);
    const options = JSON.stringify({ runOnly: axeTags, resultTypes: ['violations'] });
    const found = await this.page.evaluate(`axe.run(document, ${options}).then((result) => result.violations)`);
    return (found as Violation[]).flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary = '' }) => `${id}: ${html} ${failureSummary.replaceAll(/\s+/g, ' ')}`),
    );
  }

  leave(): Promise<void> {
    return this.context.close();
  }
}

/** One browser, ended with the test. @returns a function that lets somebody in */
export async function openBrowser(t: Test): Promise<(options: VisitorOptions) => Promise<Visitor>> {
  const browser = await chromium.launch({
    executablePath: programPath('chromium'),
    // Its own sandbox refuses to run as root.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  t.teardown(() => browser.close());
  return (options) => Visitor.enter(browser, options);
}

/** Captions of tables that have to be scrolled sideways. */
const cutTables = `[...document.querySelectorAll('table')]
  .filter(({ parentElement: { scrollWidth, clientWidth } }) => scrollWidth > clientWidth + 1)
  .map(({ caption, parentElement: { scrollWidth, clientWidth } }) => [caption?.textContent, scrollWidth, clientWidth].join(' '))`;

/**
 * The page that is shown is whole: it did nothing that no page of ours does, one heading says what it is, nothing has to
 * be scrolled sideways, and nobody is shut out of it. Its picture is taken.
 */
export async function checkPage(t: Test, visitor: Visitor, name: string): Promise<void> {
  const { page } = visitor;
  await visitor.picture(name);
  t.ok((visitor.answers.at(-1)?.[0] ?? 0) < 400, `${name}: the page that was asked for`);
  t.same(visitor.trouble.splice(0), [], `${name}: nothing but what a page of ours does`);
  t.equal(await page.locator('h1').count(), 1, `${name}: one heading`);
  t.not((await page.title()).trim(), '', `${name}: a title`);
  const wider = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
  t.equal(await page.evaluate(wider), 0, `${name}: nothing is cut off at the side`);
  if (!visitor.isPhone) t.same(await page.evaluate(cutTables), [], `${name}: no table is wider than its place`);
  if (visitor.scripted) t.same(await visitor.barriers(), [], `${name}: no barriers`);
}

/** An administrator at the door. */
export async function signIn(visitor: Visitor, name: string, password = consolePassword): Promise<void> {
  if (!new URL(visitor.page.url(), visitor.origin).pathname.startsWith('/admin/sign-in')) await visitor.open('/admin');
  await visitor.page.getByLabel('Name').fill(name);
  await visitor.page.getByLabel('Password').fill(password);
  await visitor.press('Sign in');
}
