/** Text of many lines that a stranger wrote, without what changes how its neighbours look. */
import { removeInvisible } from '../../notice/clean.js';

/** C0 but tab and line feed, DEL and C1. */
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Line ends become LF; bidirectional controls, other controls and what cannot be seen are left out. */
export function cleanText(text: string): string {
  return removeInvisible(text.replace(/\r\n?|[\u0085\u2028\u2029]/g, '\n')).replace(control, '');
}
