/** FETCH as it is judged: against a model of a server, with every form of item and every kind of message. */
import fc from 'fast-check';
import t from 'tap';
import { describe, runScenario } from './support/fetch-check.js';
import { scenario } from './support/fetch-scenario.js';

const directory = t.testdir({});

t.test('whatever is asked, judged messages are answered as the server does, and the others as they must', async (t) => {
  const runs = Number(process.env.FETCH_RUNS ?? 400);
  let problems: string[] = [];
  await fc.assert(
    fc.asyncProperty(scenario, async (one) => {
      ({ problems } = await runScenario(one, directory));
      if (problems.length > 0) throw new Error(`${problems.join('\n')}\n${describe(one)}`);
    }),
    { numRuns: runs },
  );
  t.same(problems, []);
});
