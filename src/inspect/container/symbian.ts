/**
 * Opens installation files of Symbian (SIS), by looking for the zlib streams in them (RFC 1950): their files are
 * nothing else, and the tables that place them differ between releases.
 */
import { inflate } from './inflate.js';
import { LazyMember } from './lazy-member.js';
import type { Opener, OpenOutput } from './opener.js';
import { StoppingOutput } from './stopping-output.js';

/** the identifiers of EPOC release 6 and of Symbian 9 */
const marks = [
  { bytes: Buffer.from('19040010', 'hex'), at: 8 },
  { bytes: Buffer.from('7a1a2010', 'hex'), at: 0 },
];
/** places that look like the start of a stream and are tried */
const triesMax = 1000;

export const symbian: Opener = {
  id: 'symbian',
  matches: ({ content }) => marks.some(({ bytes, at }) => bytes.compare(content, at, at + bytes.length) === 0),
  open: ({ content }, out) => takeStreams(content, new StoppingOutput(out)),
};

async function takeStreams(content: Buffer, out: OpenOutput): Promise<void> {
  let tries = 0;
  for (let at = content.indexOf(0x78); at >= 0 && !out.exhausted; at = content.indexOf(0x78, at)) {
    // RFC 1950 §2.2: method 8 with a window of 32 KiB, no dictionary, and a check of both bytes.
    const flags = content[at + 1] ?? 0x20;
    if ((flags & 0x20) !== 0 || (0x7800 | flags) % 31 !== 0) {
      at += 1;
      continue;
    }
    tries += 1;
    if (tries > triesMax) {
      out.problem('unpack-limit');
      return;
    }
    at += await takeStream(content.subarray(at), out);
  }
}

/** Its length in the file, or 1 when there is no stream. */
async function takeStream(content: Buffer, out: OpenOutput): Promise<number> {
  const member = new LazyMember(() => out.member({ names: [], method: 'symbian' }));
  const { consumed, complete, stopped } = await inflate(content, 'zlib', member.write);
  await member.end();
  if (member.started && !complete && !stopped) out.problem('archive-damaged');
  return member.started ? Math.max(1, consumed) : 1;
}
