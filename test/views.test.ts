/** The readings of doubtful messages: that the payload is among them whatever the trick, and that bounds hold. */
import t from 'tap';
import type { ViewLeaf } from '../src/mime/view.js';
import { readViews } from '../src/mime/views.js';
import { viewCases } from './support/view-cases.js';

/** What a plain decoder makes of a leaf, for each of its encodings. */
function* decodings({ source, start, end, encodings }: ViewLeaf): Generator<Buffer> {
  const bytes = source.subarray(start, end);
  for (const encoding of encodings) {
    if (encoding === 'identity') yield bytes;
    if (encoding === 'base64') {
      const letters = bytes.toString('latin1').replace(/[^A-Za-z0-9+/]/g, '');
      yield Buffer.from(letters, 'base64');
    }
    if (encoding === 'quoted-printable') {
      const text = bytes.toString('latin1').replace(/=[ \t]*\r?\n/g, '');
      yield Buffer.from(
        text.replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
        'latin1',
      );
    }
  }
}

t.test('the payload is in some reading, whatever hides it', (t) => {
  let count = 0;
  for (const { name, mail, payload } of viewCases()) {
    count += 1;
    const { leaves, complete } = readViews(mail);
    const found = leaves.some((leaf) => [...decodings(leaf)].some((content) => content.equals(payload)));
    if (!found || !complete) t.fail(name, { complete, found });
  }
  t.ok(count >= 300, `${count} cases`);
  t.end();
});
