/**
 * What was found inside of files before, by digest: one logo, one signature and one price list are in every mail of a
 * company. Findings are a function of the bytes, of the declared type and of the endings of the names.
 */
import { LRUCache } from 'lru-cache';
import { limits } from '../runtime/limits.js';
import type { PartFindings, PartTask } from './examine.js';
import { everyPart } from './report.js';

export class OpenedFiles {
  readonly #findings = new LRUCache<string, PartFindings>({ max: limits.inspect.knownFiles });

  /** Findings of a file that is not opened yet, completed by what is known of its bytes. */
  find(task: PartTask, findings: PartFindings): PartFindings | undefined {
    const known = findings.sha256 === '' ? undefined : this.#findings.get(keyOf(task, findings.sha256));
    // Problems are those of this encoding of the bytes.
    return known === undefined ? undefined : { ...known, problems: findings.problems };
  }

  remember(task: PartTask, findings: PartFindings): void {
    if (findings.sha256 === '') return;
    let members = 0;
    for (const _ of everyPart(findings.members)) {
      members += 1;
      if (members > limits.inspect.knownFileMembers) return;
    }
    this.#findings.set(keyOf(task, findings.sha256), findings);
  }
}

function keyOf(task: PartTask, sha256: string): string {
  const endings = task.names.map((name) => /\.[^.]{0,16}$/.exec(name)?.[0].toLowerCase() ?? '');
  return [sha256, task.encoding, task.type, task.charset ?? '', task.encodingUnknown, task.encrypted, ...endings].join(
    '\0',
  );
}
