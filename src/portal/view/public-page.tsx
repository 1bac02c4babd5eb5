/** The pages that a recipient sees: one card with a heading. */
import type { ComponentChildren } from 'preact';
import { Frame } from './frame.js';

export function PublicPage({ heading, children }: { readonly heading: string; readonly children: ComponentChildren }) {
  return (
    <Frame title={heading} kind="public">
      <main class="card">
        <h1>{heading}</h1>
        {children}
      </main>
    </Frame>
  );
}

/** A page that says something, and perhaps where to go from there. */
export function SayingPage({
  heading,
  sentence,
  children,
}: {
  readonly heading: string;
  readonly sentence: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <PublicPage heading={heading}>
      <p>{sentence}</p>
      {children}
    </PublicPage>
  );
}
