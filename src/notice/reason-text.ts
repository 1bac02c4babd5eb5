/** The reasons of a verdict as sentences for a person. */

import type { Reason } from '../policy/verdict.js';
import { cleanLine } from './clean.js';

/** characters of a string that came from a mail or a backend */
const shown = 200;

export function reasonText(reason: Reason): string {
  switch (reason.code) {
    case 'no-attachment':
      return 'no attachment, so there is nothing to analyse';
    case 'allowlisted':
    case 'blocklisted': {
      const { field, address, entry, source } = reason.hit;
      const verb = reason.code === 'allowlisted' ? 'allowed' : 'blocked';
      return `${field} ${cleanLine(address, shown)} is ${verb} by the entry ${cleanLine(entry, shown)} (${source})`;
    }
    case 'hash-allowed':
      return `part ${reason.part} is an allowed file`;
    case 'hash-blocked':
      return `part ${reason.part} is a blocked file`;
    case 'score': {
      const name = reason.name === '' ? '' : ` as ${cleanLine(reason.name, shown)}`;
      return `part ${reason.part} scores ${reason.score} with ${reason.backend}${name}, level ${reason.level}`;
    }
    case 'profile': {
      const what = reason.mode === 'skip' ? 'is not looked at' : 'is looked up by its digest only';
      return `part ${reason.part} ${what}, as policy.profile.${reason.category} says`;
    }
    case 'below-threshold':
      return `level ${reason.level} is below the threshold of ${reason.threshold}`;
    case 'threshold':
      return `level ${reason.level} reaches the threshold of ${reason.threshold}`;
    case 'fallback':
      return `fallback for ${reason.cause} is ${reason.action} (${cleanLine(reason.detail, shown)})`;
    case 'unscannable':
      return `not all of it could be read: ${cleanLine(reason.detail, shown)}`;
    case 'ambiguous':
      return `mail programs may read it in different ways: ${cleanLine(reason.detail, shown)}`;
    case 'policy-permit':
      return 'policy.smtp.action is permit';
    case 'released':
      return `released from quarantine as ${reason.release}`;
    default:
      return reason satisfies never;
  }
}
