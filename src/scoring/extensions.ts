/**
 * Which extensions start something on a reader's machine. The lists are those that Gmail and Outlook (Level 1) refuse,
 * as published by Google and Microsoft, sorted by what opening such a file does; what a name says is only half of it.
 */

/** what a double click does */
export type ExtensionKind = 'program' | 'script' | 'source' | 'shortcut' | 'container' | 'risky' | 'unusual';

const lists: Readonly<Record<ExtensionKind, string>> = {
  program:
    'exe com scr pif cpl sys drv vxd ocx dll xll wll efi msi msp mst msix msixbundle appx appxbundle ' +
    'appinstaller application appref-ms gadget jar jnlp class apk aab ipa dex sis sisx deb rpm pkg mpkg run ' +
    'app action command workflow ex ex_ lib nsh xbap vsto air hlp chm its',
  script:
    'js jse mjs vb vbe vbs ws wsf wsh wsc sct hta htc bat btm cmd ps1 ps1xml ps2 ps2xml psc1 psc2 psd1 psdm1 psm1 msh ' +
    'msh1 msh2 mshxml msh1xml msh2xml pyc pyo pyw pyz pyzw ahk au3 ' +
    'applescript scpt scptd desktop reg inf ins isp shb shs vsmacros vsw bas msc hpj mcf',
  /** what programmers send each other, and what no system starts with a double click unless it was set up for it */
  source: 'sh bash csh ksh zsh fish py pl rb php php3 phtml tcl awk',
  shortcut:
    'lnk url website webloc inetloc fileloc scf library-ms search-ms searchconnector-ms settingcontent-ms theme ' +
    'themepack desktopthemepack deskthemepack xnk mad maf mag mam maq mar mas mav maw mau diagcab diagcfg diagpkg ' +
    'iqy oqy dqy rqy webpnp printerexport msrcincident udl',
  container: 'iso img vhd vhdx udf dmg cab wim swm esd',
  risky:
    'ade adp mda mdb mde mdt mdw mdz accda accde accdr accdt accdu slk xla xlam ppa ppam xlm wbk rdp swf xap ops plg',
  unusual: 'asp aspx cer crt der cnt fxp grp mat osd pcd prf prg pst tmp asx mht mhtml mht mhtml',
};

const kinds: ReadonlyMap<string, ExtensionKind> = new Map(
  Object.entries(lists).flatMap(([kind, list]) =>
    // The keys of the record are the kinds; Object.entries forgets that.
    list.split(' ').map((extension) => [extension, kind as ExtensionKind] as const),
  ),
);

/** what a name shows when it wants to look like a document */
const decoys: ReadonlySet<string> = new Set(
  (
    'pdf doc docx docm dot dotx xls xlsx xlsm xlsb csv ppt pptx pps ppsx odt ods odp rtf txt md log xml json htm html ' +
    'eml msg jpg jpeg png gif bmp tif tiff webp heic svg mp3 mp4 m4a wav avi mov mkv zip rar 7z gz ics vcf pages key numbers'
  ).split(' '),
);

/** @param extension lower case, without the dot */
export const extensionKind = (extension: string): ExtensionKind | undefined => kinds.get(extension);

export const isDecoy = (extension: string): boolean => decoys.has(extension);

/** for the version of the rules */
export const extensionTables: string = JSON.stringify([lists, [...decoys]]);
