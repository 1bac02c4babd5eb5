/** What pages load from us beside their text. The digest in the name changes with the content, so it is kept for ever. */
import { createHash } from 'node:crypto';
import { styleText } from './style.js';

export interface Asset {
  readonly path: string;
  readonly type: string;
  readonly content: string;
}

function asset(name: string, suffix: string, type: string, content: string): Asset {
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 16);
  return { path: `/assets/${name}-${digest}.${suffix}`, type, content };
}

const style = asset('style', 'css', 'text/css; charset=utf-8', styleText);

export const assets: readonly Asset[] = [style];
export const assetPaths = { style: style.path } as const;
