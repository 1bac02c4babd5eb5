/**
 * Mails whose every string would be a script, a frame, a form or a line of a header, wherever a page forgot that it was
 * written by a stranger. Each payload ends with `canary`, so that a test can see that it was shown at all.
 */
import { base64Lines, eicar } from './mail.js';

export const canary = 'zq7canary';

/** For texts without a line end. */
export const payloads: readonly string[] = [
  `<img src=/zq7 onerror=alert(1)>${canary}`,
  `"><script>window.zq7=1;alert(1)</script>${canary}`,
  `'onmouseover='alert(1)' autofocus onfocus='alert(1)${canary}`,
  `</title></textarea></style></script></bdi></td></dd><svg/onload=alert(1)>${canary}`,
  `<iframe srcdoc="<script>parent.zq7=1</script>"></iframe>${canary}`,
  `<base href=http://127.0.0.1:9/><link rel=stylesheet href=//127.0.0.1:9/zq7.css>${canary}`,
  `<meta http-equiv=refresh content=0;url=http://127.0.0.1:9/zq7>${canary}`,
  `</form><form action=http://127.0.0.1:9/zq7><button autofocus>Release</button>${canary}`,
  `javascript:alert(1)//${canary}`,
  `&lt;script&gt;alert(1)&lt;/script&gt;&#60;img src=x onerror=alert(1)&#62;${canary}`,
  `\u202egpj.exe\u2066${canary}`,
  `{{7*7}}\${7*7}<%= 7*7 %>#{7*7}${canary}`,
  `--><!--]]><![CDATA[<b>${canary}`,
  `__proto__${canary}`,
  `'; DROP TABLE items; --${canary}`,
  `=cmd|'/C calc'!A1${canary}`,
];

function encodedWord(text: string): string {
  return `=?utf-8?B?${Buffer.from(text, 'utf8').toString('base64')}?=`;
}

/** A value that a parameter takes, by RFC 2231, whatever it holds. */
function percentCoded(text: string): string {
  return [...Buffer.from(text, 'utf8')].map((octet) => `%${octet.toString(16).padStart(2, '0')}`).join('');
}

/** A quoted local part with these words in it; only what RFC 5321 §4.1.2 allows there. */
export function quotedAddress(words: string, domain: string): string {
  const allowed = words.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&');
  return `"${allowed.slice(0, 60)}"@${domain}`;
}

export interface HostileMail {
  readonly mailFrom: string;
  readonly recipients: readonly string[];
  readonly bytes: Buffer;
}

/** Blocked; `words` stand wherever a mail has text, in the coding that carries them unharmed. */
export function hostileMail(words: string, recipients: readonly string[] = []): HostileMail {
  const plain = words.replace(/[^\x20-\x7e]/g, '?');
  const name = encodedWord(words);
  const header = [
    `From: ${name} <a@client.example>`,
    `To: ${name} <bob@example.org>, ${quotedAddress(words, 'example.org')}`,
    `Cc: ${name} <carl@example.org>`,
    `Reply-To: ${name} <b@client.example>`,
    `Subject: ${name}`,
    'Date: Mon, 02 Feb 2026 10:00:00 +0000',
    `Message-ID: <${plain.replace(/[<>@\s]/g, '')}@client.example>`,
    `X-Mailer: ${plain}`,
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
  ];
  const typed = plain.replace(/[;,()<>@:\\"[\]?=\s]/g, '').slice(0, 40);
  const names = [
    `application/octet-stream; name*=utf-8''${percentCoded(`${words}.com`)}`,
    `application/x-${typed}; name="${plain.replace(/["\\]/g, '\\$&')}.com"`,
    `${plain.slice(0, 60)}; name=${name}`,
  ];
  const parts = names.map((type, index) => {
    const field = type.slice(type.indexOf(';') + 1).replace(/^ name/, 'filename');
    const fields = `Content-Type: ${type}\r\nContent-Disposition: attachment; ${field}\r\nContent-Transfer-Encoding: base64\r\n`;
    const content = Buffer.concat([eicar, Buffer.from('\r\n '.repeat(index))]);
    return `--b\r\n${fields}\r\n${base64Lines(content)}`;
  });
  const markup = `<p>${plain}</p>\r\n<script>alert(1)</script><a href="javascript:alert(1)">${plain}</a>`;
  const texts = [
    `--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${words}\r\n`,
    `--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n${hostileMarkup(markup)}\r\n`,
  ];
  return {
    mailFrom: quotedAddress(words, 'client.example'),
    recipients: [...recipients, quotedAddress(words, 'example.org')],
    bytes: Buffer.from(`${header.join('\r\n')}\r\n\r\n${texts.join('')}${parts.join('')}--b--\r\n`, 'utf8'),
  };
}

/** A body as a stranger sends it who wants to know when and where it is read. */
function hostileMarkup(inner: string): string {
  return [
    '<html><head><base href="http://127.0.0.1:9/"><meta http-equiv="refresh" content="0;url=http://127.0.0.1:9/r">',
    '<style>@import url(http://127.0.0.1:9/i.css); body{background:url(http://127.0.0.1:9/b)}</style></head>',
    '<body onload="alert(1)" background="http://127.0.0.1:9/g">',
    '<img src="http://127.0.0.1:9/p.gif" srcset="http://127.0.0.1:9/q 2x"><img src=x onerror="alert(1)">',
    '<svg><image href="http://127.0.0.1:9/s"/><feImage href="http://127.0.0.1:9/f"/><script>alert(1)</script></svg>',
    '<iframe src="http://127.0.0.1:9/f"></iframe><object data="http://127.0.0.1:9/o"></object><embed src="//127.0.0.1:9/e">',
    '<video poster="http://127.0.0.1:9/v" src="http://127.0.0.1:9/w"></video><link rel="prefetch" href="http://127.0.0.1:9/l">',
    '<form action="http://127.0.0.1:9/x"><input name="password"><button>Sign in again</button></form>',
    '<div style="position:fixed;inset:0;background:url(http://127.0.0.1:9/d)">over everything</div>',
    '<math><mtext></form><mglyph><style></math><img src=x onerror=alert(1)>',
    inner,
    '</body></html>',
  ].join('\r\n');
}
