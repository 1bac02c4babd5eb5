/** Every name that some client would show a file under is among the names that the extension rules see. */
import t from 'tap';
import { createInspector } from '../src/inspect/inspection.js';
import { everyPart } from '../src/inspect/report.js';
import { inspectBuffer } from './support/inspect-buffer.js';
import { nameCases } from './support/name-cases.js';

t.test('every candidate name of a part is kept', async (t) => {
  const inspector = createInspector({ threads: 1 });
  t.teardown(() => inspector.close());
  for (const { id, mail, names } of nameCases) {
    const report = await inspectBuffer(mail, { inspector });
    const found = new Set([...everyPart(report.parts)].flatMap((part) => part.names));
    const missing = names.filter((name) => !found.has(name));
    t.same(missing, [], `${id}, of ${JSON.stringify([...found])}`);
    if (names.length === 0)
      t.ok(found.size > 0 || report.ambiguous || /description|location/.test(id), `${id}: some name`);
  }
});
