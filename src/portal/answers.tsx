/**
 * How every page leaves: the fields that go with it, refusals in plain words, and what came in a form. It knows no
 * message and no administrator.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { VNode } from 'preact';
import { SitePath } from './view/frame.js';
import { SayingPage } from './view/public-page.js';
import { renderPage } from './view/render.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** path of `portal.publicUrl`, without a slash at its end */
    readonly sitePath: () => string;
  }
}

/** What a page may load from us beside the style sheet; without these it loads nothing. */
export interface PageNeeds {
  /** scripts of /assets/ */
  readonly script?: boolean;
  /** frames with pages of ours */
  readonly frame?: boolean;
}

function contentPolicy({ script = false, frame = false }: PageNeeds): string {
  return [
    "default-src 'none'",
    "style-src 'self'",
    ...(script ? ["script-src 'self'"] : []),
    ...(frame ? ["frame-src 'self'"] : []),
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
}

/**
 * Sent with every page. The address of a page may be a secret, so it goes into no cache and no Referer field; and should
 * a stranger's string ever stand unescaped in a page, the browser still runs, loads and sends nothing.
 */
export const pageFields = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': contentPolicy({}),
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-robots-tag': 'noindex, nofollow',
} as const;

export function sendPage(reply: FastifyReply, status: number, page: VNode, needs: PageNeeds = {}): FastifyReply {
  const sitePath = reply.server.sitePath();
  const text = renderPage(<SitePath.Provider value={sitePath}>{page}</SitePath.Provider>);
  return reply
    .code(status)
    .headers({ ...pageFields, 'content-security-policy': contentPolicy(needs) })
    .send(text);
}

/** After a form was taken: the browser fetches the page, and reloading it sends nothing twice. @param path of ours */
export function seeOther(reply: FastifyReply, path: string): FastifyReply {
  return reply
    .code(303)
    .headers({ ...pageFields, location: path })
    .send('');
}

interface RefusalWords {
  readonly heading: string;
  readonly recipient: string;
  readonly administrator: string;
}

const tryAgain = 'Open the link in your notice again.';

/** Every refusal has one page. That of 404 is the same whatever is wrong with a link, so that none can be tried out. */
const refusals = {
  400: {
    heading: 'This request was not understood',
    recipient: tryAgain,
    administrator: 'Nothing was changed. Go back and try again.',
  },
  403: {
    heading: 'This page is out of date',
    recipient: 'Nothing was changed. Open the link in your notice again, and ask from there.',
    administrator: 'Nothing was changed. Open the page anew, and do it from there.',
  },
  404: {
    heading: 'This link does not work',
    recipient: 'It may have expired, or parts of it are missing. The notice that it came with says whom to ask.',
    administrator: 'There is no such page, or what it showed is gone.',
  },
  405: {
    heading: 'This is not possible here',
    recipient: tryAgain,
    administrator: 'Nothing was changed. Open the page anew, and do it from there.',
  },
  409: {
    heading: 'Something has changed in the meantime',
    recipient: 'Nothing was changed. Open the link in your notice again.',
    administrator: 'Nothing was changed. Open the page anew, and look at what it shows now.',
  },
  413: {
    heading: 'This request is too long',
    recipient: tryAgain,
    administrator: 'Nothing was changed. Enter less, or in parts.',
  },
  415: {
    heading: 'This request was not understood',
    recipient: tryAgain,
    administrator: 'Nothing was changed. Go back and try again.',
  },
  429: {
    heading: 'Too many requests',
    recipient: 'Wait a minute, then open the link in your notice again.',
    administrator: 'Wait a minute, then try again.',
  },
  503: {
    heading: 'This page does not work at this moment',
    recipient: 'Nothing was changed. Try again in a few minutes.',
    administrator: 'Nothing was changed. Try again in a few minutes; the log says what failed.',
  },
} as const satisfies Readonly<Record<number, RefusalWords>>;
export type Refusal = keyof typeof refusals;

export function isRefusal(status: number): status is Refusal {
  return status in refusals;
}

/** Whether a request is for the administrators' pages; what is asked for by a broken address counts as a stranger's. */
export function isForConsole(url: string): boolean {
  return /^\/admin(?:[/?]|$)/.test(url);
}

export function refuse(reply: FastifyReply, status: Refusal): FastifyReply {
  const { heading, recipient, administrator } = refusals[status];
  const page = isForConsole(reply.request.url) ? (
    <SayingPage heading={heading} sentence={administrator}>
      <p>
        <a href="/admin">To the overview</a>
      </p>
    </SayingPage>
  ) : (
    <SayingPage heading={heading} sentence={recipient} />
  );
  return sendPage(reply, status, page);
}

export function notAllowed(reply: FastifyReply, methods: string): FastifyReply {
  reply.header('allow', methods);
  return refuse(reply, 405);
}

/** The fields of a form, none when nothing came. How long it may be is the route's `bodyLimit`. */
export function readForm(request: Pick<FastifyRequest, 'body'>): URLSearchParams {
  return request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
}
