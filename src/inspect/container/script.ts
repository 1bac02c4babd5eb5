/**
 * Scripts and settings files that start something, by their content. It wants clear evidence: prose that quotes code,
 * and source code in a text file, are none. Which extension makes a system run a file is not asked here.
 */
import { limits } from '../../runtime/limits.js';
import { type PartFlag, partFlags } from '../report.js';
import type { Opener } from './opener.js';
import { isCode } from './script-code.js';
import { textHead } from './text-head.js';

/** characters in which a format's own line has to appear */
const openingCharacters = 4096;

/** Beginnings that leave no doubt. */
const beginnings: readonly (readonly [RegExp, PartFlag])[] = [
  [/^#![ \t]{0,16}\/[\w./-]{2}/, partFlags.unixScript],
  // Windows Script Encoder
  [/^#@~\^[A-Za-z0-9+/]{6}==/, partFlags.script],
  [
    /^(?:@?echo[ \t]+off\b|@(?:set|cls|start|cmd|powershell|mshta|certutil|curl|if|for|rem|setlocal)\b)/i,
    partFlags.script,
  ],
  [/^(?:Windows Registry Editor Version 5\.00|REGEDIT4)\s/, partFlags.script],
  [/^<\?php\s/i, partFlags.script],
  [/^FasdUAS /, partFlags.script],
  // Excel web query
  [/^WEB\r?\n1?\r?\n?\w{2,10}:\/\//i, partFlags.shortcut],
  // ClickOnce reference
  [/^(?:https?|file):\/\/\S{1,1024}\.application[#?]/i, partFlags.shortcut],
];

/** Settings files in sections: a line that names the section, and one that gives it something to start. */
const sections: readonly (readonly [RegExp, RegExp, PartFlag])[] = [
  [/(?:^|\n)\[InternetShortcut(?:\.[AW])?\]/i, /\n[ \t]*(?:BASE)?URL[ \t]*=/i, partFlags.shortcut],
  [/(?:^|\n)\[Desktop Entry\]/i, /\n[ \t]*(?:Exec|URL)[ \t]*=/i, partFlags.shortcut],
  [/^\[Shell\]/i, /\n[ \t]*(?:Command|IconFile)[ \t]*=/i, partFlags.shortcut],
  [/(?:^|\n)\[Theme\]/i, /\n\[Control Panel\\/i, partFlags.shortcut],
  [/(?:^|\n)\[Version\]/i, /\n\[DefaultInstall/i, partFlags.script],
];

/** XML by its root element; where a second pattern stands, it has to be in the text too. */
const roots: readonly (readonly [RegExp, RegExp | undefined, PartFlag])[] = [
  [/^(?:package|job)$/i, /<script\b/i, partFlags.script],
  [/^(?:scriptlet|component)$/i, /<(?:script|registration|public)\b/i, partFlags.script],
  [/^(?:xsl:)?(?:stylesheet|transform)$/i, /<\w{1,32}:script\b/i, partFlags.script],
  [/^MMC_ConsoleFile$/i, undefined, partFlags.script],
  [/^(?:libraryDescription|persistedQuery|searchConnectorDescription)$/i, undefined, partFlags.shortcut],
  [/^PCSettings$/i, /<DeepLink>/i, partFlags.shortcut],
  [/^jnlp$/i, undefined, partFlags.shortcut],
  [/^(?:\w{1,16}:)?assembly$/i, /<(?:\w{1,16}:)?deployment\b/i, partFlags.shortcut],
];

/** What only a page that runs outside of the browser can make: no page on the web has a use for it. */
const hostObject =
  /(?:CreateObject|ActiveXObject)\s{0,8}\(\s{0,8}["'](?:WScript\.|Shell\.Application|Scripting\.FileSystem|ADODB\.Stream)/i;

export const scriptOpener: Opener = {
  id: 'script',
  matches: ({ content }) => content.length > 4 && textHead(content.subarray(0, 1024), 1024) !== undefined,
  open({ content }, out) {
    const text = textHead(content, limits.document.scriptBytes);
    const flag = text === undefined ? undefined : scriptFlag(text.trimStart());
    if (flag !== undefined) out.flag(flag);
  },
};

/** What the text is, as one of the flags; undefined when it is nothing that starts by itself. */
export function scriptFlag(text: string): PartFlag | undefined {
  for (const [beginning, flag] of beginnings) {
    if (beginning.test(text)) return flag;
  }
  const opening = text.slice(0, openingCharacters);
  if (text.startsWith('<')) return markupFlag(text, opening);
  for (const [section, line, flag] of sections) {
    if (section.test(opening) && line.test(opening)) return flag;
  }
  return isCode(text) ? partFlags.script : undefined;
}

function markupFlag(text: string, opening: string): PartFlag | undefined {
  if (/<hta:application\b/i.test(text) || hostObject.test(text)) return partFlags.script;
  const name = rootName(opening);
  for (const [root, inside, flag] of roots) {
    if (root.test(name) && (inside === undefined || inside.test(text))) return flag;
  }
  return undefined;
}

/** The name of the first element, behind declarations and comments; empty when there is none. */
function rootName(text: string): string {
  let at = 0;
  for (;;) {
    while (/\s/.test(text.charAt(at))) at += 1;
    const close = text.startsWith('<!--', at) ? '-->' : /^<[?!]/.test(text.slice(at, at + 2)) ? '>' : undefined;
    if (close === undefined) return /^<([\w:]{1,64})/.exec(text.slice(at, at + 66))?.[1] ?? '';
    const end = text.indexOf(close, at);
    if (end === -1) return '';
    at = end + close.length;
  }
}
