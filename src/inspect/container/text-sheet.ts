/**
 * Spreadsheets that are texts: CSV and SYLK. A cell in them may be a formula that starts a program, and SYLK may hold
 * Excel 4.0 macros; everything else in them is data.
 */
import { limits } from '../../runtime/limits.js';
import { partFlags } from '../report.js';
import type { Opener } from './opener.js';
import { textHead } from './text-head.js';

/** how `program|'arguments'!cell` ends; looking for it is quicker than looking for the formula */
const mark = "'!";
const argumentsMax = 1024;
const programMax = 80;
/** in front of the bar: a program, behind the other terms of a formula that begins its cell */
const formula = /(?:^|[\r\n,;\t"]|;E)\s{0,4}[=+\-@][^\r\n,;|'"]{0,64}$|[\r\n;]E[\w.]{2,32}$/;
const sylkMacro = /(?:^|[\r\n])O(?:;\w{0,8}){0,8};E[;\r\n]/;
const sylkAuto = /(?:^|[\r\n])NN;N(?:_xlnm\.)?auto_?(?:open|close|activate)/i;

export const textSheetOpener: Opener = {
  id: 'text-sheet',
  matches: ({ content }) => content.length > 8 && textHead(content.subarray(0, 512), 512) !== undefined,
  open({ content }, out) {
    const text = textHead(content, limits.document.partBytes) ?? '';
    if (text.startsWith('ID;') && sylkMacro.test(text)) {
      out.flag(partFlags.macroSheet);
      if (sylkAuto.test(text)) out.flag(partFlags.macroAutorun);
    }
    for (let at = text.indexOf(mark, 1); at !== -1; at = text.indexOf(mark, at + 1)) {
      if (startsProgram(text, at)) out.flag(partFlags.dde);
    }
  },
};

/** @param close place of the quote that ends the arguments */
function startsProgram(text: string, close: number): boolean {
  const open = text.lastIndexOf("'", close - 1);
  if (open === -1 || close - open > argumentsMax) return false;
  const bar = text[open - 1] === ' ' ? open - 2 : open - 1;
  return text[bar] === '|' && formula.test(text.slice(Math.max(0, bar - programMax), bar));
}
