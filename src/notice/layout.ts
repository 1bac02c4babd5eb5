/**
 * A notice's content as plain text and as HTML. The HTML is one page without scripts, images or anything else that is
 * loaded from elsewhere: opening it tells nobody anything.
 */
import { escapeHtml } from './clean.js';
import type { AttachmentLine, NoticeContent } from './content.js';

/** Plain text with lines that no transport has to fold. */
function wrapped(text: string, width = 72): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join('\n');
}

function attachmentText(line: AttachmentLine): string {
  const threat = line.threat === '' ? '' : `, ${line.threat}`;
  return `  - ${line.name} (${line.size}), threat level ${line.level}${threat}`;
}

export function noticeText(content: NoticeContent): string {
  const blocks = [content.heading, '='.repeat(Math.min(content.heading.length, 72))];
  for (const paragraph of content.paragraphs) blocks.push('', wrapped(paragraph));
  blocks.push('');
  for (const [label, value] of content.facts) blocks.push(`${`${label}:`.padEnd(14)}${value}`);
  if (content.attachments.length > 0) {
    blocks.push('', 'Attachments:', ...content.attachments.map(attachmentText));
    if (content.more > 0) blocks.push(`  and ${content.more} more`);
  }
  if (content.portal !== undefined) blocks.push('', `${content.portal.text}:`, content.portal.url);
  if (content.request !== undefined) {
    blocks.push(
      '',
      wrapped(`To ask for the original, write to ${content.request.address} and name the reference below.`),
    );
  }
  if (content.learnMore !== undefined) blocks.push('', 'Learn more:', content.learnMore);
  blocks.push('', `Reference: ${content.reference}`, '');
  return blocks.join('\n');
}

const style = `
:root{color-scheme:light dark}
body{margin:0;padding:24px 12px;background:#f4f5f7;color:#1d2530;font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif}
main{max-width:600px;margin:0 auto;padding:28px;background:#fff;border:1px solid #d9dde3;border-radius:10px}
h1{margin:0 0 12px;font-size:22px;line-height:1.3}
h2{margin:24px 0 8px;font-size:16px}
p{margin:0 0 12px}
table{width:100%;border-collapse:collapse}
th,td{padding:6px 12px 6px 0;text-align:left;vertical-align:top;border-top:1px solid #e6e9ee;overflow-wrap:anywhere}
th{font-weight:600;color:#4d5866}
.facts th{width:7em;white-space:nowrap}
.button{display:inline-block;margin:20px 0 4px;padding:11px 20px;border-radius:6px;background:#1a5fb4;color:#fff;font-weight:600;text-decoration:none}
a{color:#1a5fb4}
footer{margin-top:24px;padding-top:12px;border-top:1px solid #e6e9ee;font-size:14px;color:#4d5866}
@media (prefers-color-scheme:dark){
body{background:#14181d;color:#e4e8ee}
main{background:#1d2329;border-color:#343c46}
th,footer{color:#aab4c0}
th,td,footer{border-color:#343c46}
a{color:#8ab8f2}
.button{background:#8ab8f2;color:#10151a}
}`;

function factRows(content: NoticeContent): string {
  return content.facts
    .map(([label, value]) => `<tr><th scope="row">${escapeHtml(label)}</th><td>${escapeHtml(value)}</td></tr>`)
    .join('\n');
}

function attachmentTable(content: NoticeContent): string {
  if (content.attachments.length === 0) return '';
  const rows = content.attachments.map((line) => {
    const cells = [line.name, line.size, line.level, line.threat].map((cell) => `<td>${escapeHtml(cell)}</td>`);
    return `<tr>${cells.join('')}</tr>`;
  });
  const head = ['Name', 'Size', 'Threat level', 'Found'].map((label) => `<th scope="col">${label}</th>`).join('');
  const more = content.more > 0 ? `<p>and ${content.more} more</p>` : '';
  return `<h2>Attachments</h2>
<table>
<thead><tr>${head}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
${more}`;
}

function ways(content: NoticeContent): string {
  const parts: string[] = [];
  if (content.portal !== undefined) {
    const { url, text } = content.portal;
    parts.push(`<p><a class="button" rel="noreferrer" href="${escapeHtml(url)}">${escapeHtml(text)}</a></p>`);
  }
  if (content.request !== undefined) {
    const link = `<a href="${escapeHtml(content.request.url)}">${escapeHtml(content.request.address)}</a>`;
    parts.push(`<p>To ask for the original, write to ${link} and name the reference below.</p>`);
  }
  if (content.learnMore !== undefined) {
    parts.push(`<p><a rel="noreferrer" href="${escapeHtml(content.learnMore)}">Learn more</a></p>`);
  }
  return parts.join('\n');
}

export function noticeHtml(content: NoticeContent): string {
  const heading = escapeHtml(content.heading);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${heading}</title>
<style>${style}
</style>
</head>
<body>
<main>
<h1>${heading}</h1>
${content.paragraphs.map((paragraph) => `<p>${escapeHtml(paragraph)}</p>`).join('\n')}
<table class="facts">
<tbody>
${factRows(content)}
</tbody>
</table>
${attachmentTable(content)}
${ways(content)}
<footer>Reference: <code>${escapeHtml(content.reference)}</code></footer>
</main>
</body>
</html>
`;
}
