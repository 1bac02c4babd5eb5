/** The frame of every page: nothing in it is loaded from elsewhere. */
import type { ComponentChildren } from 'preact';
import { assetPaths } from './assets.js';

export interface FrameProps {
  readonly title: string;
  /** names the kind of page to the style */
  readonly kind: 'public' | 'console';
  readonly children: ComponentChildren;
}

export function Frame({ title, kind, children }: FrameProps) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <link rel="stylesheet" href={assetPaths.style} />
      </head>
      <body class={kind}>{children}</body>
    </html>
  );
}
