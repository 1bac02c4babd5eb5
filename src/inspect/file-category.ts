/**
 * The category of a file, from the closed list that inspection profiles are written in. Content decides; a name is
 * asked only where content says nothing, and then the worst candidate counts, as names are the sender's choice.
 */
import { type PartFlag, partFlags } from './report.js';

/** the categories of Juniper's inspection profiles, worst first, and one for everything else */
export const fileCategories = [
  'executable',
  'elf',
  'library',
  'script',
  'java',
  'mobile',
  'os-package',
  'rich-application',
  'document',
  'pdf',
  'archive',
  'configuration',
  'other',
] as const;
export type FileCategory = (typeof fileCategories)[number];

/** Types by content; the first pattern that matches decides. */
const byType: readonly (readonly [RegExp, FileCategory])[] = [
  [/^application\/x-(?:executable|pie-executable|elf|object|coredump)$/, 'elf'],
  [/^application\/x-sharedlib$/, 'library'],
  [/portable-executable|x-dosexec|x-msdownload|x-mach-binary|x-ms-ne-executable|x-ms-shortcut/, 'executable'],
  [/^application\/(?:vnd\.android\.|x-ios-app|vnd\.symbian)/, 'mobile'],
  [/java-archive|x-java-applet|x-java$|java-vm|x-java-jnlp/, 'java'],
  [/debian|x-rpm|redhat-package|x-msi|x-ms-patch|vnd\.ms-appx|apple\.installer|x-xar|vnd\.snap/, 'os-package'],
  [/shockwave-flash|x-silverlight|vnd\.adobe\.flash|x-adobe-air/, 'rich-application'],
  [/^(?:application|text)\/(?:x-)?(?:javascript|ecmascript|jscript|vbscript|powershell|hta|perl|ruby|php)/, 'script'],
  [
    /^(?:application|text)\/x-(?:shellscript|script\.|python|msdos-batch|bat$|applescript|desktop$|awk|tcl|lua)/,
    'script',
  ],
  [/^application\/pdf$|^message\/|^application\/(?:mbox|vnd\.ms-outlook|vnd\.ms-tnef)$/, 'pdf'],
  [/officedocument|opendocument|msword|ms-excel|ms-powerpoint|ms-word|ms-project|visio|onenote/, 'document'],
  [
    /x-ole-storage|x-cfb|svg\+xml|\/rtf$|x-rtf|epub|^text\/(?:html|plain|csv|markdown|x-tex|calendar|x?-?vcard)$/,
    'document',
  ],
  [/postscript|wordperfect|ms-htmlhelp|x-abiword|winhlp|x-hwp|vnd\.ms-xpsdocument|\/xhtml\+xml$/, 'document'],
  [
    /^(?:application\/(?:xml|json|yaml|toml|x-plist|x-wine-extension-ini|x-setupscript|x-bplist)|text\/xml)$/,
    'configuration',
  ],
  [/^text\/x-(?:ms-reg|registry|ini|inf)|x-ms-settingcontent/, 'configuration'],
  [/[/+](?:x-)?(?:zip|gzip|bzip2?|xz|lzma|lzip|zstd|compress|7z-compressed|tar|gtar|rar|arj|lzh|lha|ace)/, 'archive'],
  [
    /cab-compressed|x-cpio|x-archive|stuffit|binhex|x-ms-compress|x-iso9660|x-udf|apple-diskimage|x-vhd|ms-wim/,
    'archive',
  ],
];

/** Types that fit too many formats to tell the category. */
const generic =
  /^(?:application\/(?:octet-stream|zip|x-ole-storage|x-cfb)|text\/plain|text\/x-(?:c|c\+\+|asm|ruby|m4))$/;

/** Extensions, asked only when the content is of no certain type. */
const byExtension: readonly (readonly [FileCategory, string])[] = [
  ['executable', 'exe com scr pif cpl sys drv efi app action command workflow msc lnk gadget'],
  ['elf', 'elf o ko axf'],
  ['library', 'dll so dylib ocx xll wll'],
  ['script', 'js jse mjs vbs vbe vb wsf wsh wsc sct hta ps1 psm1 psd1 ps1xml bat cmd sh bash csh zsh fish py pyc pyw'],
  ['script', 'pl rb php lua tcl awk applescript scpt desktop ahk au3'],
  ['java', 'jar class war ear jnlp'],
  ['mobile', 'apk aab ipa dex xapk sis sisx'],
  ['os-package', 'deb rpm msi msp mst msix appx appxbundle msixbundle pkg mpkg snap flatpak'],
  ['rich-application', 'swf fla xap fxml air'],
  ['document', 'doc docx docm dot dotx dotm xls xlsx xlsm xlsb xlt xltm xla xlam ppt pptx pptm pps ppsx ppsm pot potm'],
  [
    'document',
    'odt ods odp odg rtf one pub vsd vsdx txt md csv htm html xhtml mht mhtml epub tex ps xps pages numbers key',
  ],
  ['pdf', 'pdf eml msg mbox tnef'],
  ['archive', 'zip 7z rar tar gz tgz bz2 tbz xz txz zst lz lzma z cab arj lzh lha ace iso img vhd vhdx dmg wim cpio'],
  ['configuration', 'ini cfg conf config xml reg plist inf json yaml yml toml properties env'],
];

const extensionCategories: ReadonlyMap<string, FileCategory> = new Map(
  byExtension.flatMap(([category, list]) => list.split(' ').map((extension) => [extension, category] as const)),
);

/**
 * @param detectedType media type by content, if any
 * @param flags facts of the content; they outweigh its type
 * @param names every candidate name
 */
export function categoryOf(
  detectedType: string | undefined,
  flags: readonly PartFlag[],
  names: readonly string[],
): FileCategory {
  const typed = detectedType === undefined ? undefined : byType.find(([pattern]) => pattern.test(detectedType))?.[1];
  if (flags.includes(partFlags.executable) || flags.includes(partFlags.shortcut)) {
    return typed !== undefined && rank(typed) < rank('os-package') ? typed : 'executable';
  }
  if (flags.includes(partFlags.script) || flags.includes(partFlags.unixScript)) return 'script';
  if (typed !== undefined && detectedType !== undefined && !generic.test(detectedType)) return typed;
  if (detectedType !== undefined && /^(?:image|audio|video|font)\//.test(detectedType)) return 'other';
  const named = names.map(extensionCategory).filter((category) => category !== undefined);
  const worst = named.reduce<FileCategory | undefined>(
    (one, other) => (one === undefined || rank(other) < rank(one) ? other : one),
    undefined,
  );
  return worst ?? typed ?? 'other';
}

const rank = (category: FileCategory): number => fileCategories.indexOf(category);

function extensionCategory(name: string): FileCategory | undefined {
  const dot = name.lastIndexOf('.');
  return dot === -1
    ? undefined
    : extensionCategories.get(
        name
          .slice(dot + 1)
          .trim()
          .toLowerCase(),
      );
}
