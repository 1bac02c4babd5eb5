/** Rules about names. A name is the sender's choice and the reader's only guide, so every candidate is looked at. */
import type { PartFacts } from '../inspect/report.js';
import { type ExtensionKind, extensionKind, isDecoy } from './extensions.js';
import type { NameFacts } from './name-facts.js';
import type { Rule, RuleContext } from './rule.js';

/** the largest memory image that DOS takes for a .com program */
const comBytesMax = 65_280;
/** `example.com` is also how domains end: a file that is recognised as one of these is none that runs */
const cannotRunAsCom = /^(?:image|audio|video|font|message)\/|pdf$|officedocument|opendocument|html|csv|zip|mbox/;

/** What opening the file does, by each extension that some system may take from a name. */
function kindsOf(name: NameFacts, part: PartFacts): ExtensionKind[] {
  return name.extensions
    .filter((extension) => extension !== 'com' || mayRunAsCom(part))
    .map(extensionKind)
    .filter((kind) => kind !== undefined);
}

function mayRunAsCom(part: PartFacts): boolean {
  return part.bytes <= comBytesMax && !cannotRunAsCom.test(part.detectedType ?? '');
}

const starts = (name: NameFacts, part: PartFacts): boolean =>
  kindsOf(name, part).some((kind) => kind === 'program' || kind === 'script' || kind === 'shortcut');

/** Whether a double click on some candidate name starts something. */
export function nameStarts(part: PartFacts, { names }: RuleContext): boolean {
  return names.some((name) => starts(name, part));
}

const ofKind = (wanted: ExtensionKind) => some((name, part) => kindsOf(name, part).includes(wanted));

const some =
  (test: (name: NameFacts, part: PartFacts) => boolean) =>
  (part: PartFacts, { names }: RuleContext): boolean =>
    names.some((name) => test(name, part));

const webPage = /^(?:[xs]?html?|svgz?|mht|mhtml)$/;

export const nameRules: readonly Rule[] = [
  {
    id: 'name-direction-override',
    score: 0.75,
    reason: 'The name turns the direction of its letters around, so that readers see another extension.',
    matches: some((name) => name.bidiOverride),
  },
  {
    id: 'name-double-extension',
    score: 0.75,
    reason: 'The name looks like a document and ends like a program, as in invoice.pdf.exe.',
    matches: some((name, part) => isDecoy(name.inner) && starts(name, part)),
  },
  {
    id: 'name-hidden-character',
    score: 0.75,
    reason: 'The extension of a program is hidden with characters that have no width or look like a dot.',
    matches: some((name, part) => (name.hiddenInExtension || name.lookalikeDot) && starts(name, part)),
  },
  {
    id: 'name-class-id',
    score: 0.75,
    reason: 'The name ends in a class identifier, which Windows hides and uses to choose a program.',
    matches: some((name) => name.classId),
  },
  {
    id: 'name-nul',
    score: 0.75,
    reason: 'The name has a NUL in it: programs disagree on where it ends.',
    matches: some((name) => name.nul),
  },
  {
    id: 'name-stream',
    score: 0.75,
    reason: 'The name addresses a stream of a file (such as ::$DATA), which Windows takes off when it saves the file.',
    matches: some((name) => name.stream),
  },
  {
    id: 'name-program',
    score: 0.75,
    reason: 'The name has the extension of a program: opening the file runs it.',
    matches: ofKind('program'),
  },
  {
    id: 'name-script',
    score: 0.75,
    reason: 'The name has the extension of a script: opening the file runs it.',
    matches: ofKind('script'),
  },
  {
    id: 'name-source',
    score: 0.5,
    reason: 'The name has the extension of a script for an interpreter: source code for most who send it.',
    matches: ofKind('source'),
  },
  {
    id: 'name-shortcut',
    score: 0.75,
    reason: 'The name has the extension of a shortcut or settings file that makes a system start something.',
    matches: ofKind('shortcut'),
  },
  {
    id: 'name-traversal',
    score: 0.5,
    reason: 'The name climbs out of the folder that the file is saved to.',
    matches: some((name) => name.traversal),
  },
  {
    id: 'name-page-as-document',
    score: 0.5,
    reason: 'The name looks like a document and ends like a web page, as in invoice.pdf.html.',
    matches: some((name) => isDocument(name.inner) && name.extensions.some((extension) => webPage.test(extension))),
  },
  {
    id: 'name-padded',
    score: 0.5,
    reason: 'Blanks push the extension of the name out of sight.',
    matches: some((name) => name.padded && name.inner !== ''),
  },
  {
    id: 'name-disk-image',
    score: 0.5,
    reason: 'The name has the extension of a disk image or cabinet, whose files escape the marks of a download.',
    matches: ofKind('container'),
  },
  {
    id: 'name-risky',
    score: 0.5,
    reason: 'The name has the extension of a database, add-in or player file that can run code.',
    matches: ofKind('risky'),
  },
  {
    id: 'name-direction-control',
    score: 0.25,
    reason: 'The name has controls of writing direction in it that no keyboard types.',
    matches: some((name) => name.bidiControl),
  },
  {
    id: 'name-unusual',
    score: 0.25,
    reason: 'The name has an extension that Outlook or Gmail do not let their readers open.',
    matches: ofKind('unusual'),
  },
];

/** Pages are often called after the file that they show; only these are things that a reader expects to be safe. */
function isDocument(extension: string): boolean {
  return isDecoy(extension) && !webPage.test(extension) && !/^(?:txt|md|log|xml|json|csv|php)$/.test(extension);
}
