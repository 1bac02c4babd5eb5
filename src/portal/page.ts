/** The frame of every page and the fields that go with it: one style, no script, nothing loaded from anywhere. */
import { createHash } from 'node:crypto';
import { html, type Markup } from './html.js';

const style = html`
:root{color-scheme:light dark;--back:#f4f5f7;--card:#fff;--line:#d9dde3;--text:#1d2530;--soft:#4d5866;--link:#1a5fb4;--on:#fff;--note:#eaf2fc}
@media (prefers-color-scheme:dark){:root{--back:#14181d;--card:#1d2329;--line:#343c46;--text:#e4e8ee;--soft:#aab4c0;--link:#8ab8f2;--on:#10151a;--note:#22344a}}
*{box-sizing:border-box}
body{margin:0;padding:24px 12px;background:var(--back);color:var(--text);font:16px/1.5 system-ui,-apple-system,Roboto,Arial,sans-serif}
main{max-width:640px;margin:0 auto;padding:28px;background:var(--card);border:1px solid var(--line);border-radius:10px;overflow-wrap:anywhere}
h1{margin:0 0 12px;font-size:24px;line-height:1.3}
h2{margin:28px 0 8px;font-size:18px}
p{margin:0 0 12px}
a{color:var(--link)}
dl{margin:16px 0 0}
dl div{display:flex;gap:16px;padding:8px 0;border-top:1px solid var(--line)}
dt{flex:0 0 8em;color:var(--soft);font-weight:600}
dd{flex:1;margin:0;min-width:0}
ul{margin:0;padding:0;list-style:none}
li{padding:8px 0;border-top:1px solid var(--line)}
li span{display:block;color:var(--soft)}
.note{padding:12px 16px;border-radius:6px;background:var(--note)}
button{min-height:44px;margin:4px 0 12px;padding:10px 20px;border:0;border-radius:6px;background:var(--link);color:var(--on);font:inherit;font-weight:600;cursor:pointer}
:focus-visible{outline:3px solid var(--link);outline-offset:3px}
footer{margin-top:28px;padding-top:12px;border-top:1px solid var(--line);font-size:14px;color:var(--soft)}
@media (max-width:480px){main{padding:20px}dl div{display:block}}
`;

const styleDigest = createHash('sha256').update(style.toString()).digest('base64');

/**
 * Sent with every answer. The address of a page is a secret, so it goes into no cache and no Referer field; and should
 * a stranger's string ever stand unescaped in a page, the browser still runs, loads and sends nothing.
 */
export const pageFields = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleDigest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-robots-tag': 'noindex, nofollow',
} as const;

export function page(heading: string, body: Markup): string {
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${heading}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${heading}</h1>
${body}
</main>
</body>
</html>
`.toString();
}

/** A page that only says something. */
export function sayingPage(heading: string, sentence: string): string {
  return page(heading, html`<p>${sentence}</p>`);
}
