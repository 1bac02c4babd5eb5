/** RTF texts: packaged files and objects become members; templates and fields that reach elsewhere become flags. */
import { limits } from '../../runtime/limits.js';
import { partFlags } from '../report.js';
import { isCompoundFile, readCompoundFile } from './compound-file.js';
import { fieldFlag, isElsewhere } from './field-code.js';
import { isOrdinaryClass, isRiskyClassId, readOleObject, readPackage } from './ole-object.js';
import type { Opener, OpenOutput } from './opener.js';
import { RtfWalk } from './rtf-text.js';

/** bytes of blanks that Word skips in front of the text */
const startWithin = 256;
const compoundMagic = Buffer.from('d0cf11e0a1b11ae1', 'hex');

export const rtfOpener: Opener = {
  id: 'rtf',
  // Word is content with this much of the beginning, and attackers leave the rest away.
  matches: ({ content }) => /^(?:\xef\xbb\xbf)?\s*\{\\rt/i.test(content.toString('latin1', 0, startWithin)),
  async open({ content }, out) {
    const walk = new RtfWalk(content, limits.open.membersMax).run();
    if (walk.cut) out.problem('unpack-limit');
    for (const { kind, content: collected, outer } of walk.findings) {
      if (out.exhausted) return;
      if (kind === 'object') {
        if (walk.updates) out.flag(partFlags.rtfObject);
        for (const data of outer === collected ? [collected] : [collected, outer]) await openObject(data, out);
      } else if (kind === 'template') {
        if (isElsewhere(collected.toString('latin1'))) out.flag(partFlags.externalTemplate);
      } else {
        const flag = fieldFlag(collected.toString('latin1'));
        if (flag !== undefined) out.flag(flag);
      }
    }
  },
};

async function openObject(data: Buffer, out: OpenOutput): Promise<void> {
  if (data.length === 0) return;
  out.flag(partFlags.embeddedObject);
  const object = readOleObject(data);
  if (object === undefined || object.linked || !isOrdinaryClass(object.className)) out.flag(partFlags.rtfObject);
  if (object?.linked === true && isElsewhere(object.topic)) out.flag(partFlags.externalTemplate);
  const native = object === undefined || object.native.length === 0 ? data : object.native;
  const packaged = readPackage(native);
  if (packaged !== undefined) {
    await out.add({ names: packaged.names, method: 'rtf' }, packaged.content);
    return;
  }
  // A header that was tampered with still has its compound file behind it.
  const at = isCompoundFile(native) ? 0 : native.indexOf(compoundMagic);
  const content = at === -1 ? native : native.subarray(at);
  if (at > 0) out.flag(partFlags.rtfObject);
  const clsid = readCompoundFile(content)?.entries.find(({ path }) => path === '')?.clsid;
  if (clsid !== undefined && isRiskyClassId(clsid)) out.flag(partFlags.rtfObject);
  await out.add({ names: [], method: 'rtf' }, content);
}
