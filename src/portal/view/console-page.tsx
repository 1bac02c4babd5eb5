/** The frame of the administrator's pages: skip link, navigation, who is signed in, what just happened. */
import type { ComponentChildren } from 'preact';
import type { Operator } from '../operator.js';
import { CsrfField } from './controls.js';
import { Frame } from './frame.js';

/** The sections in their order; a section is here from the day its page works. */
export const sections = [
  ['overview', 'Overview', '/admin'],
  ['quarantine', 'Quarantine', '/admin/quarantine'],
  ['incidents', 'Incidents', '/admin/incidents'],
  ['lists', 'Lists', '/admin/lists'],
  ['settings', 'Settings', '/admin/settings'],
  ['health', 'Health', '/admin/health'],
  ['audit', 'Audit log', '/admin/audit'],
] as const;
export type Section = (typeof sections)[number][0];

/** What the last action led to, told on the page after it. */
export interface Flash {
  readonly kind: 'done' | 'failed';
  readonly text: string;
}

export interface ConsolePageProps {
  readonly title: string;
  readonly section: Section;
  readonly operator: Operator;
  readonly flash?: Flash | undefined;
  readonly children: ComponentChildren;
}

export function ConsolePage({ title, section, operator, flash, children }: ConsolePageProps) {
  return (
    <Frame title={`${title} · Sluice`} kind="console">
      <a class="skip" href="#content">
        Skip to content
      </a>
      <header class="bar">
        <a class="brand" href="/admin">
          Sluice
        </a>
        <nav aria-label="Sections">
          <ul>
            {sections.map(([name, label, path]) => (
              <li key={name}>
                <a href={path} aria-current={name === section ? 'page' : undefined}>
                  {label}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <form class="sign-out" method="post" action="/admin/sign-out">
          <CsrfField operator={operator} />
          <span class="who">
            <bdi>{operator.name}</bdi>
          </span>
          <button class="quiet" type="submit">
            Sign out
          </button>
        </form>
      </header>
      <main id="content" tabIndex={-1}>
        <h1>{title}</h1>
        {flash === undefined ? undefined : (
          <p class={`flash ${flash.kind}`} role="status">
            {flash.text}
          </p>
        )}
        {children}
      </main>
    </Frame>
  );
}
