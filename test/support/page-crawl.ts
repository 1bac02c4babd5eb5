/** Walks over all pages that can be reached from one, as a visitor would who follows every link. */
import type { Test } from 'tap';
import type { Visitor } from './browser.js';

/** What none of our pages has, whatever a stranger's string says. */
const foreignElements = [
  'script:not([src^="/assets/"])',
  'iframe[srcdoc]',
  'iframe:not([sandbox])',
  'object',
  'embed',
  'base',
  'meta[http-equiv]',
  'a[href^="javascript" i]',
  'a[href^="data" i]',
  'form[action^="http" i]',
  'link[rel=stylesheet]:not([href^="/assets/"])',
].join(',');

/** Elements that are not ours, and attributes that run something, as their markup. */
export const foreignMarkup = `(() => {
  const found = [...document.querySelectorAll(${JSON.stringify(foreignElements)})];
  for (const element of document.querySelectorAll('*')) {
    if ([...element.attributes].some(({ name }) => /^on/i.test(name))) found.push(element);
  }
  return found.map((element) => element.outerHTML.slice(0, 200));
})()`;

/** One page: it holds nothing of a stranger's making. @returns how often `words` stand on it */
export async function checkHarmless(t: Test, visitor: Visitor, what: string, words: string): Promise<number> {
  const { page } = visitor;
  t.same(await page.evaluate(foreignMarkup), [], `${what}: no element of a stranger`);
  t.equal(await page.evaluate('typeof window.zq7'), 'undefined', `${what}: no script of a stranger ran`);
  t.same(visitor.trouble.splice(0), [], `${what}: nothing was tried`);
  const text = await page.content();
  return text.split(words).length - 1;
}

export interface WalkOptions {
  readonly pagesMax: number;
  /** which paths; a link that ends a session is not for a walk */
  readonly follow?: (path: string) => boolean;
  /** called on each page, with its path */
  readonly look: (path: string) => Promise<void>;
}

/**
 * Opens `start` and whatever is linked from there, each path once.
 * @returns the paths in the order in which they were seen, queries included
 */
export async function walk(visitor: Visitor, start: string, options: WalkOptions): Promise<readonly string[]> {
  const queue = [start];
  const seen = new Set(queue);
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    if (!(await openOrDownload(visitor, path))) continue;
    const links = (await visitor.page.evaluate('[...document.links].map(({ href }) => href)')) as string[];
    await options.look(path);
    for (const link of links) {
      if (!link.startsWith(`${visitor.origin}/`)) continue;
      const next = link.slice(visitor.origin.length).replace(/#.*/, '');
      if (seen.has(next) || seen.size >= options.pagesMax || options.follow?.(next) === false) continue;
      seen.add(next);
      queue.push(next);
    }
  }
  return [...seen];
}

/** @returns false for what the browser saves instead of showing */
async function openOrDownload(visitor: Visitor, path: string): Promise<boolean> {
  try {
    await visitor.open(path);
    return true;
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('Download is starting')) throw error;
    visitor.trouble.splice(0);
    return false;
  }
}
