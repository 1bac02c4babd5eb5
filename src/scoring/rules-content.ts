/** Rules about content: flags of the part, its type by content, and what lies inside of it. */
import { everyPart, type PartFacts, type PartFlag, partFlags } from '../inspect/report.js';
import { type NameFacts, nameFacts } from './name-facts.js';
import type { Rule } from './rule.js';
import { nameStarts } from './rules-names.js';

const flagged =
  (flag: PartFlag) =>
  (part: PartFacts): boolean =>
    part.flags.includes(flag);

const typed =
  (pattern: RegExp) =>
  (part: PartFacts): boolean =>
    part.detectedType !== undefined && pattern.test(part.detectedType);

/** The part starts something when it is opened, by its content or by its name. */
function isActive(part: PartFacts): boolean {
  const { flags } = part;
  if (flags.includes(partFlags.executable)) return true;
  if (flags.includes(partFlags.script) && !isNamedAsText(part)) return true;
  return flags.includes(partFlags.shortcut) || nameStarts(part, { names: part.names.map(nameFacts) });
}

function holdsActive(part: PartFacts): boolean {
  for (const member of everyPart(part.members)) {
    if (isActive(member)) return true;
  }
  return false;
}

/** Source code that is sent to be read: every name of it opens a viewer of texts. */
function isNamedAsText({ names }: PartFacts): boolean {
  const isText = ({ extensions }: NameFacts) =>
    extensions.length > 0 && extensions.every((one) => textExtension.test(one));
  return names.length > 0 && names.every((name) => isText(nameFacts(name)));
}

const textExtension = /^(?:txt|text|log|md|c|h|cc|cpp|hpp|cs|java|go|rs|ts|tsx|sql|diff|patch|tex|csv|json|ya?ml)$/;

const flaggedWithActive =
  (flag: PartFlag) =>
  (part: PartFacts): boolean =>
    part.flags.includes(flag) && holdsActive(part);

const diskImageType = typed(/x-iso9660-image|x-udf|apple-diskimage|x-vhdx?$|x-virtualbox-v|ms-wim/);
const packages =
  /^application\/(?:java-archive|x-java-applet|x-msi|x-ms-patch|x-rpm|x-redhat-package-manager|x-xar|vnd\.(?:android\.|debian|ms-htmlhelp|ms-appx|symbian\.install|apple\.installer))/;

export const contentRules: readonly Rule[] = [
  {
    id: 'EICAR-Test-File',
    score: 1,
    reason: 'This is the test file for virus scanners, which every scanner reports.',
    matches: flagged(partFlags.eicar),
  },
  {
    id: 'executable',
    score: 0.75,
    reason: 'The content is a program, whatever its name says.',
    matches: flagged(partFlags.executable),
  },
  {
    id: 'script',
    score: 0.75,
    reason: 'The content is a script that a system runs when the file is opened.',
    matches: (part) => part.flags.includes(partFlags.script) && !isNamedAsText(part),
  },
  {
    id: 'unix-script',
    score: 0.5,
    reason: 'The content is a script that runs when its reader hands it to an interpreter.',
    matches: (part) => part.flags.includes(partFlags.unixScript) && !isNamedAsText(part),
  },
  {
    id: 'shortcut',
    score: 0.75,
    reason: 'The content is a shortcut or settings file that makes a system start something.',
    matches: flagged(partFlags.shortcut),
  },
  {
    id: 'software-package',
    score: 0.75,
    reason: 'The content is a package that installs or runs software: Java, Android, an installer or compiled help.',
    matches: typed(packages),
  },
  {
    id: 'macro-autorun',
    score: 0.75,
    reason: 'The document has macros that run by themselves when it is opened or closed.',
    matches: flagged(partFlags.macroAutorun),
  },
  {
    id: 'dde-field',
    score: 0.75,
    reason: 'The document has a field, link or action that starts a program.',
    matches: flagged(partFlags.dde),
  },
  {
    id: 'external-template',
    score: 0.75,
    reason: 'The document loads a template, frame or object from another place when it is opened.',
    matches: flagged(partFlags.externalTemplate),
  },
  {
    id: 'rtf-object',
    score: 0.75,
    reason: 'The RTF text carries a packaged file or an object of a kind that is known from attacks.',
    matches: flagged(partFlags.rtfObject),
  },
  {
    id: 'pdf-launch',
    score: 0.75,
    reason: 'The PDF has an action that starts a program or opens a file.',
    matches: flagged(partFlags.pdfLaunch),
  },
  {
    id: 'pdf-program',
    score: 0.75,
    reason: 'The PDF carries a program, script or shortcut as an attachment.',
    matches: flaggedWithActive(partFlags.pdfEmbeddedFile),
  },
  {
    id: 'onenote-program',
    score: 0.75,
    reason: 'The OneNote section carries a program, script or shortcut behind its pages.',
    matches: flaggedWithActive(partFlags.onenoteFile),
  },
  {
    id: 'disk-image-program',
    score: 0.75,
    reason: 'The disk image carries a program, script or shortcut past the marks of a download.',
    matches: flaggedWithActive(partFlags.diskImage),
  },
  {
    id: 'html-smuggling',
    score: 0.75,
    reason: 'The page builds a file in the browser of its reader, past every scanner.',
    matches: flagged(partFlags.htmlSmuggling),
  },
  {
    id: 'archive-mismatch',
    score: 0.75,
    reason: 'Programs unpack different files from this archive, so what a scanner sees is not what a reader gets.',
    matches: flagged(partFlags.archiveMismatch),
  },
  {
    id: 'disguised-macro',
    score: 0.75,
    reason: 'A document with macros is named like one that cannot have any.',
    matches: (part) => part.flags.includes(partFlags.typeConflict) && part.flags.includes(partFlags.macro),
  },
  {
    id: 'macro',
    score: 0.5,
    reason: 'The document has macros, none of which was seen to run by itself.',
    matches: flagged(partFlags.macro),
  },
  {
    id: 'macro-sheet',
    score: 0.5,
    reason: 'The workbook has Excel 4.0 macro sheets.',
    matches: flagged(partFlags.macroSheet),
  },
  {
    id: 'embedded-object',
    score: 0.5,
    reason: 'The document carries another file or object that opens with a double click.',
    matches: flagged(partFlags.embeddedObject),
  },
  {
    id: 'pdf-javascript',
    score: 0.5,
    reason: 'The PDF has JavaScript that is more than the arithmetic of a form.',
    matches: flagged(partFlags.pdfJavascript),
  },
  {
    id: 'onenote-file',
    score: 0.5,
    reason: 'The OneNote section carries files that open with a double click.',
    matches: flagged(partFlags.onenoteFile),
  },
  {
    id: 'disk-image',
    score: 0.5,
    reason: 'The content is a disk image, whose files escape the marks of a download.',
    matches: (part) => part.flags.includes(partFlags.diskImage) || diskImageType(part),
  },
  {
    id: 'flash',
    score: 0.5,
    reason: 'The content is a Flash film, which only outdated and vulnerable players open.',
    matches: typed(/shockwave-flash|vnd\.adobe\.flash/),
  },
  {
    id: 'polyglot',
    score: 0.5,
    reason: 'The content is valid in two formats at once, so that programs disagree on what it is.',
    matches: flagged(partFlags.polyglot),
  },
  {
    id: 'type-conflict',
    score: 0.5,
    reason: 'Content, name and declared type of the file contradict each other.',
    matches: flagged(partFlags.typeConflict),
  },
  {
    id: 'scripted-image',
    score: 0.5,
    reason: 'The SVG image has script in it.',
    matches: (part) =>
      part.flags.includes(partFlags.activeContent) && /svg/.test(part.detectedType ?? part.declaredType),
  },
  {
    id: 'member-name-unsafe',
    score: 0.5,
    reason: 'Files in the archive climb out of the folder that they are unpacked into.',
    matches: flagged(partFlags.memberNameUnsafe),
  },
  {
    id: 'multi-volume',
    score: 0.5,
    reason: 'The file is one of several volumes: nobody can look inside without the others.',
    matches: flagged(partFlags.multiVolume),
  },
  {
    id: 'encrypted',
    score: 0.5,
    reason: 'The content is encrypted, so nobody can look inside.',
    matches: flagged(partFlags.encrypted),
  },
  {
    id: 'pdf-embedded-file',
    score: 0.25,
    reason: 'The PDF carries other files as attachments.',
    matches: flagged(partFlags.pdfEmbeddedFile),
  },
  {
    id: 'script-as-text',
    score: 0.25,
    reason: 'The content is a script, under a name that opens it as a text.',
    matches: (part) => part.flags.includes(partFlags.script) || part.flags.includes(partFlags.unixScript),
  },
  {
    id: 'active-content',
    score: 0.25,
    reason: 'The page has script in it.',
    matches: flagged(partFlags.activeContent),
  },
];
