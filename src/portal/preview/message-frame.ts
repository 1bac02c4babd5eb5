/**
 * The HTML of a withheld message as a document of its own, shown in a frame that may do nothing: no script, no form, no
 * other window, no request. It has its style in itself, so that it has nothing to load.
 */
import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { pageFields, refuse } from '../answers.js';
import { colourText } from '../view/colours.js';
import type { PreviewOutcome } from './preview.js';

const style = `${colourText}
body{margin:16px;background:var(--card);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",Arial,sans-serif;overflow-wrap:anywhere}
h1{font-size:22px}h2{font-size:19px}h3,h4,h5,h6{font-size:16px}
table{border-collapse:collapse;max-width:100%}
th,td{padding:2px 6px;text-align:start;vertical-align:top}
blockquote{margin:0 0 0 4px;padding-left:12px;border-left:3px solid var(--line)}
pre{white-space:pre-wrap}
.leads,.picture{color:var(--soft);font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.88em}
`;

const styleDigest = createHash('sha256').update(style).digest('base64');

/** No opener policy: browsers refuse it in a sandbox. */
const { 'cross-origin-opener-policy': _ofWindows, ...fields } = pageFields;

export const messageFrameFields = {
  ...fields,
  'content-security-policy': `sandbox; default-src 'none'; style-src 'sha256-${styleDigest}'; form-action 'none'; frame-ancestors 'self'; base-uri 'none'`,
  'x-frame-options': 'SAMEORIGIN',
} as const;

/** @param markup made by `sanitiseHtml`; nothing else may go in here */
function frameDocument(markup: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="format-detection" content="telephone=no">
<title>Content of the message</title>
<style>${style}</style>
</head>
<body>
${markup}
</body>
</html>
`;
}

/** Answers the address that the frame of a `MessageView` names. */
export function sendMessageFrame(reply: FastifyReply, outcome: PreviewOutcome): FastifyReply {
  if (outcome.kind === 'unavailable' || outcome.preview.html === '') return refuse(reply, 404);
  return reply.code(200).headers(messageFrameFields).send(frameDocument(outcome.preview.html));
}
