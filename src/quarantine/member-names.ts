/** Names of files in an archive, made of what strangers called their attachments: no paths, no tricks, no two alike. */
import { cleanLine } from '../notice/clean.js';
import { limits } from '../runtime/limits.js';

/** Names that Windows gives to devices, whatever their extension. */
const device = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$)/i;

/** `report.final.pdf` is `report.final` and `.pdf`; an extension of more than 16 characters is none. */
function parts(name: string): { readonly stem: string; readonly extension: string } {
  const match = /^(.+)(\.[^.]{1,16})$/su.exec(name);
  return { stem: match?.[1] ?? name, extension: match?.[2] ?? '' };
}

function cut(text: string, max: number): string {
  return Array.from(text).slice(0, max).join('');
}

function shortened(name: string, suffix: string): string {
  const { stem, extension } = parts(name);
  return `${cut(stem, limits.parcel.nameCharacters - extension.length - suffix.length)}${suffix}${extension}`;
}

/** Empty when nothing of it can be used. */
function safeName(written: string): string {
  const line = cleanLine(written, limits.parcel.nameCharacters * 4);
  // Either system's separator: an archive is opened on both.
  const base = line.split(/[/\\]/).at(-1) ?? '';
  const plain = base
    .replace(/[<>:"|?*]/g, '_')
    // Windows drops them silently, and what is left may be a name that is taken.
    .replace(/[. ]+$/u, '')
    .replace(/^[ ]+/u, '')
    // Hidden files, and what looks like an option to a program.
    .replace(/^[.-]+/u, '_')
    .replace(device, '_$1');
  return shortened(plain, '');
}

/** Equal on file systems that know no case and on those that compose characters. */
function fold(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

/** One name for each, in order. */
export function memberNames(
  contents: readonly { readonly name: string | undefined; readonly type: string }[],
): string[] {
  const taken = new Set<string>();
  return contents.map(({ name, type }, index) => {
    const safe = safeName(name ?? '');
    const wanted = safe === '' ? `attachment-${index + 1}${type === 'message/rfc822' ? '.eml' : ''}` : safe;
    let unique = wanted;
    for (let count = 2; taken.has(fold(unique)); count += 1) unique = shortened(wanted, ` (${count})`);
    taken.add(fold(unique));
    return unique;
  });
}
