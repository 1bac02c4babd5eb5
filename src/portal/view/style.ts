/**
 * The one style sheet: light and dark as the reader's system asks, from a phone's width up, on paper, and with the
 * colours that a reader forces. A test holds its pairs of colours to WCAG AA. Nothing moves.
 */
import { colourText } from './colours.js';
import { consoleStyle } from './style-console.js';
import { formStyle } from './style-forms.js';

const pageStyle = `
*,*::before,*::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",Arial,sans-serif;overflow-wrap:anywhere}
body.public{padding:24px 12px 48px}
.card,.panel{background:var(--card);border:1px solid var(--line);border-radius:12px}
.card{max-width:680px;margin:0 auto;padding:32px}
.panel{margin:0 0 20px;padding:20px 24px}
.panel>:first-child,.card>:first-child{margin-top:0}
.panel>:last-child{margin-bottom:0}
h1{margin:0 0 16px;font-size:26px;line-height:1.25;letter-spacing:-.01em}
h2{margin:32px 0 12px;font-size:19px;line-height:1.3}
h3{margin:24px 0 8px;font-size:16px}
p{margin:0 0 12px}
a{color:var(--link);text-underline-offset:.15em}
a:hover{text-decoration-thickness:2px}
code,.mono,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.92em}
bdi{unicode-bidi:isolate}
hr{border:0;border-top:1px solid var(--line);margin:24px 0}
.soft{color:var(--soft)}
.lead{font-size:18px}
.hidden{position:absolute;width:1px;height:1px;margin:-1px;padding:0;overflow:hidden;clip-path:inset(50%);white-space:nowrap;border:0}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:4px}
main:focus{outline:none}
footer{margin-top:32px;padding-top:16px;border-top:1px solid var(--line);font-size:14px;color:var(--soft)}
dl.facts{margin:0 0 16px}
dl.facts div{display:flex;gap:16px;padding:9px 0;border-top:1px solid var(--line)}
dl.facts div:first-child{border-top:0}
dl.facts dt{flex:0 0 9em;color:var(--soft)}
dl.facts dd{flex:1;margin:0;min-width:0}
.list{margin:0 0 16px;padding:0;list-style:none}
.list li{padding:12px 0;border-top:1px solid var(--line)}
.list li:first-child{border-top:0}
.list .what{display:block;font-weight:600}
.list .more{display:flex;flex-wrap:wrap;gap:4px 12px;align-items:center;margin-top:4px;color:var(--soft);font-size:15px}
.reasons{margin:0 0 12px;padding-left:1.25em}
.reasons li{margin:0 0 6px}
.note,.flash{margin:0 0 20px;padding:12px 16px;border-radius:8px;border:1px solid transparent;border-inline-start:4px solid}
.note{background:var(--info-back);color:var(--info)}
.note.good,.flash.done{background:var(--good-back);color:var(--good)}
.note.warn{background:var(--warn-back);color:var(--warn)}
.note.bad,.flash.failed{background:var(--bad-back);color:var(--bad)}
.note a,.flash a{color:inherit}
.note>:last-child{margin-bottom:0}
.empty{margin:0;padding:32px 16px;text-align:center;color:var(--soft);border:1px dashed var(--edge);border-radius:8px}
.badge{display:inline-flex;align-items:center;gap:6px;padding:2px 10px;border-radius:999px;border:1px solid transparent;font-size:14px;font-weight:600;line-height:1.45;white-space:nowrap;background:var(--neutral-back);color:var(--neutral)}
.badge::before{content:"";flex:none;width:8px;height:8px;border-radius:50%;background:currentColor}
.badge.good{background:var(--good-back);color:var(--good)}
.badge.warn{background:var(--warn-back);color:var(--warn)}
.badge.bad{background:var(--bad-back);color:var(--bad)}
.badge.info{background:var(--info-back);color:var(--info)}
.badge.warn::before{border-radius:2px}
.badge.bad::before{border-radius:0;transform:rotate(45deg)}
pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
.text{margin:0 0 16px;padding:16px;max-height:60vh;overflow:auto;background:var(--back);border:1px solid var(--line);border-radius:8px}
.message-frame{display:block;width:100%;height:60vh;min-height:320px;border:1px solid var(--edge);border-radius:8px;background:var(--card)}
details{margin:0 0 12px}
summary{display:list-item;min-height:44px;padding:9px 4px;color:var(--link);font-weight:600;cursor:pointer}
@media (max-width:520px){
body.public{padding:0}
.card{padding:24px 16px;border:0;border-radius:0;min-height:100vh}
.panel{padding:16px}
h1{font-size:23px}
dl.facts div{display:block}
}
@media (forced-colors:active){.badge,.note,.flash{border-color:currentColor}.badge::before{background:CanvasText}}
@media print{
:root{--back:#fff;--card:#fff;--text:#000;--soft:#333;--line:#999}
body.public{padding:0}
.card,.panel{border:0;padding:0}
form,.bar nav,.sign-out,.skip,.pager,.tabs,.message-frame{display:none}
a{color:inherit}
.text{max-height:none}
}
`;

/** White space that helps only whoever writes it is left out. */
export const styleText = [colourText, pageStyle, formStyle, consoleStyle].join('').replace(/\n+/g, '\n').trim();
