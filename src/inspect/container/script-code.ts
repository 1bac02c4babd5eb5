/**
 * Whether a text without a telling beginning is a script for Windows: words that only such scripts use, in a text most
 * of whose lines are code. A letter that quotes a script has the words, but not the lines.
 */

/** lines looked at to tell code from prose */
const linesMax = 400;
/** characters of a line that are looked at; generated scripts have lines of any length */
const lineCharacters = 400;
/** share of the lines that have to be code */
const codeShare = 0.6;

/** Words of one language, each of which counts once; `needed` of them make a script. */
const languages: readonly { readonly needed: number; readonly words: readonly RegExp[] }[] = [
  {
    needed: 1,
    words: [
      /\b(?:Create|Get)Object\s{0,8}\(\s{0,8}"{1,2}(?:WScript\.|Shell\.|Scripting\.|MSXML|Microsoft\.XML|ADODB\.|winmgmts|WinHttp|new:|script:|InternetExplorer\.)/i,
      /\bnew\s{1,8}ActiveXObject\s{0,8}\(/,
      /\bWScript\.(?:CreateObject|Shell|Sleep|Quit|Arguments|ScriptFullName|StdIn)\b/i,
      /^[ \t]{0,64}(?:set\s{1,8}\w{1,64}\s{1,8}to\s{1,8})?do\s{1,8}shell\s{1,8}script\s{1,8}["(\w]/im,
    ],
  },
  {
    needed: 2,
    words: [
      /\b(?:IEX|Invoke-Expression)\b\s{0,8}[\s(|$'"]/i,
      /\bNew-Object\s{1,8}(?:-\w{1,16}\s{1,8})?['"]?(?:System\.)?Net\.WebClient/i,
      /\.Download(?:String|File|Data)\s{0,8}\(/i,
      /\[(?:System\.)?Convert\]::FromBase64String/i,
      /\[(?:System\.)?Reflection\.Assembly\]::Load/i,
      /\b(?:Start-Process|Invoke-WebRequest|Invoke-RestMethod|Start-BitsTransfer|Add-MpPreference|Set-ExecutionPolicy)\b/i,
      /-(?:enc|encodedcommand|ExecutionPolicy\s{1,8}bypass|w(?:indowstyle)?\s{1,8}hidden)\b/i,
      /\$env:\w/i,
      /^[ \t]{0,64}(?:\[CmdletBinding|param\s{0,8}\(|function\s{1,8}[A-Za-z]{2,20}-[A-Za-z])/m,
      /^[ \t]{0,64}\$\w{1,64}\s{0,8}=/m,
      /\b(?:Get|Set|New|Remove|Add|Import|Export|Write)-(?:Item|ItemProperty|Content|ChildItem|Object|Process|Service|WmiObject|CimInstance|Module|Host|Output)\b/i,
    ],
  },
  {
    needed: 2,
    words: [
      /%~(?:dp)?0/i,
      /^[ \t]{0,64}@?(?:setlocal|endlocal|goto\s{1,8}:?\w|if\s{1,8}(?:not\s{1,8})?(?:exist|errorlevel)\s)/im,
      /^[ \t]{0,64}@?set\s{1,8}(?:\/[ap]\s{1,8})?"?\w{1,64}=/im,
      /^[ \t]{0,64}@?for\s{1,8}(?:\/[dlrf]\s{1,8})?(?:"[^"\n]{0,64}"\s{1,8})?%%\w/im,
      /^[ \t]{0,64}@?(?:start|call|cmd|powershell|mshta|rundll32|regsvr32|certutil|bitsadmin|schtasks|reg\s{1,8}add|wscript|cscript|msiexec|curl|xcopy|del|copy)(?:\.exe)?\s{1,8}\S/im,
      /%(?:temp|appdata|localappdata|userprofile|public|programdata|comspec|systemroot)%/i,
    ],
  },
];

const codeLine =
  /[;{}()[\]^|`\\=]\s{0,8}$|^[ \t]{0,64}(?:dim|set|if|elseif|else|end|for|next|function|sub|const|on\s+error|option|loop|do|while|wend|select|case|with|call|private|public|var|let|return|try|catch|throw|new|echo|goto|del|copy|start|rem|tell|param|foreach|import|@|\$|\[|\{|\}|#|'|\/\/|::|:\w)(?:[^\w,.]|$)|^[ \t]{0,64}[\w.$:]{1,64}\s{0,8}[=(]|^[ \t]{0,64}[A-Z][a-z]+-[A-Z]\w+\b|["')]\s{0,8}$/i;

export function isCode(text: string): boolean {
  if (!languages.some(({ needed, words }) => words.filter((word) => word.test(text)).length >= needed)) return false;
  const lines = text
    .split(/[\r\n]+/, linesMax)
    .filter((line) => line.trim() !== '')
    .map((line) =>
      line.length > lineCharacters ? line.slice(0, lineCharacters / 2) + line.slice(-lineCharacters / 2) : line,
    );
  const code = lines.filter((line) => codeLine.test(line)).length;
  return code >= lines.length * codeShare;
}
