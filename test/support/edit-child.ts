/** Saves one change after the other in the file that it is given, until it is killed. */
import { saveEdits } from '../../src/config/edit-file.js';

const file = process.argv[2] ?? '';
for (let round = 0; ; round += 1) {
  const value = `${process.pid} round ${round} ${'x'.repeat(1 + (round % 400))}`;
  const result = await saveEdits({ file, edits: [{ path: ['notice', 'subject'], value }] });
  if (result.kind !== 'saved') throw new Error(JSON.stringify(result));
  if (round === 0) process.send?.('going');
}
