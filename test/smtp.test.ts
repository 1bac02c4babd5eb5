/** The SMTP engine without sockets: conversations in every segmentation, and its parts against obvious references. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { DialogueRun, octetCut, parseDialogues, randomCut, wholeCut } from './support/smtp-dialogue.js';

/** compiled, this file lies in dist/test */
const dialogueFolder = new URL('../../test/dialogues/', import.meta.url).pathname;
const randomCuts = 6;

/** mulberry32: numbers that are the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

t.test('conversations go the same way however they are cut', async (t) => {
  const files = readdirSync(dialogueFolder).filter((name) => name.endsWith('.txt'));
  const only = process.env.SLUICE_DIALOGUE ?? '';
  let count = 0;
  for (const file of files) {
    for (const dialogue of parseDialogues(file, readFileSync(join(dialogueFolder, file), 'utf8'))) {
      if (!dialogue.title.includes(only)) continue;
      count += 1;
      const cuts = [wholeCut, octetCut, ...Array.from({ length: randomCuts }, (_, seed) => randomCut(seeded(seed)))];
      const problems: string[] = [];
      for (const [index, cut] of cuts.entries()) {
        const found = await new DialogueRun(dialogue, cut, t.testdir()).run();
        problems.push(...found.map((problem) => `[cut ${index}] ${problem}`));
        if (found.length > 0) break;
      }
      t.equal(problems.join('\n'), '', `${file}: ${dialogue.title}`);
    }
  }
  t.ok(count > 0, 'conversations were found');
});
