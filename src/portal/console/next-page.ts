/** Where to go after a sign-in: a page of ours, or the overview. */
import { limits } from '../../runtime/limits.js';

/** @param wanted from the address of the sign-in, so from anybody */
export function nextPage(wanted: string | null): string {
  const fallback = '/admin';
  if (wanted === null || wanted.length > limits.console.nextCharacters) return fallback;
  // A path of the narrowest form: no host (`//evil.example`, `/\evil.example`), no line end, no way out by dots.
  if (!/^\/admin(?:[/?][\w\-./?=&%+~:@,]*)?$/.test(wanted) || /\/\/|\/\.|%(?:0|1|2e|2f|5c)/i.test(wanted))
    return fallback;
  return /^\/admin\/sign-(?:in|out)/.test(wanted) ? fallback : wanted;
}
