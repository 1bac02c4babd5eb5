/** The frame of every page: nothing in it is loaded from elsewhere. */
import { type ComponentChildren, createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { assetPaths } from './assets.js';

/** The path under which visitors come when a proxy hands on a part of its own, as `/mail`; empty at the top. */
export const SitePath = createContext('');

export interface FrameProps {
  readonly title: string;
  /** names the kind of page to the style */
  readonly kind: 'public' | 'console';
  readonly children: ComponentChildren;
}

export function Frame({ title, kind, children }: FrameProps) {
  const sitePath = useContext(SitePath);
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <link rel="stylesheet" href={`${kind === 'public' ? sitePath : ''}${assetPaths.style}`} />
      </head>
      <body class={kind}>{children}</body>
    </html>
  );
}
