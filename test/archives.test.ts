/** What comes out of archives: honest ones of every format, ones that readers disagree about, damaged ones, bombs. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32, deflateRawSync, gunzipSync, gzipSync } from 'node:zlib';
import t from 'tap';
import { archiveBombs } from './support/archive-bombs.js';
import { openArchive } from './support/open-archive.js';
import { ownCpuMs } from './support/process-facts.js';
import {
  arFile,
  cabFile,
  cpioFile,
  fixedVhd,
  lzhFile,
  rar4File,
  rar5File,
  tarFile,
  tarMember,
} from './support/stored-archives.js';
import { descriptor, endRecord, localHeader, writeZip, type ZipSpec } from './support/zip-writer.js';

// each bomb is a process of its own
t.setTimeout(240_000);

// dist/test/ at run time; the files of real programs live beside the sources
const folder = new URL('../../test/files/archives/', import.meta.url);
const fixture = (name: string): Buffer => readFileSync(new URL(name, folder));
const digest = (content: Buffer | string): string => createHash('sha256').update(content).digest('hex');

const lines = Array.from({ length: 60 }, (_, index) => `line ${index} of a note that nobody has to read\n`);
const note = Buffer.from(lines.join(''));
const noteDigest = digest(note);
const other = Buffer.from('another file, which some readers find instead of the first one');
const otherDigest = digest(other);

t.test('every format gives its member back byte for byte', async (t) => {
  const files: Record<string, Buffer> = {
    ar: arFile(note),
    cab: cabFile(note),
    cpio: cpioFile(note),
    gzip: gzipSync(note),
    lzh: lzhFile(note),
    rar: rar4File(note),
    rar5: rar5File(note),
    tar: tarFile(tarMember(note)),
    'tar without magic': tarFile(tarMember(note, { magic: '' })),
    zip: writeZip([{ content: note }]),
  };
  for (const name of readdirSync(folder)) {
    if (name.startsWith('note')) files[name] = fixture(name);
  }
  t.ok(Object.keys(files).length > 20, 'files were found');
  for (const [name, content] of Object.entries(files)) {
    const { members, problems, flags } = await openArchive(content);
    t.ok(
      members.some(({ sha256 }) => sha256 === noteDigest),
      name,
    );
    t.same(problems, [], `${name}: no problem`);
    t.same(
      flags.filter((flag) => flag !== 'disk-image'),
      [],
      `${name}: no flag`,
    );
  }
});

t.test('images of disks are told from archives', async (t) => {
  for (const name of ['note.iso.gz', 'note.udf.gz', 'note.ext2.gz']) {
    const image = gunzipSync(fixture(name));
    t.same((await openArchive(image)).flags, ['disk-image'], name);
    const { members, flags } = await openArchive(fixedVhd(image));
    t.ok(flags.includes('disk-image'), `${name} in a VHD`);
    t.ok(
      members.some(({ sha256 }) => sha256 === noteDigest),
      `${name} in a VHD: opened`,
    );
  }
});

t.test('a dictionary larger than the memory there is ends the archive, not the process', async (t) => {
  const small = fixture('note.xz');
  const large = Buffer.from(small);
  // The block header: size, flags, LZMA2, one byte of properties (36: 1 GiB), padding, its checksum.
  large[16] = 36;
  large.writeUInt32LE(crc32(large.subarray(12, 20)), 20);
  t.equal(small.readUInt32LE(20), crc32(small.subarray(12, 20)), 'the checksum is where it is thought to be');
  const { problems } = await openArchive(large);
  t.same(problems, ['unpack-limit']);
});

t.test('ZIP files of common programs are not suspicious', async (t) => {
  const names = readdirSync(folder).filter((name) => name.startsWith('by-'));
  t.ok(names.length >= 7, 'files were found');
  for (const name of names) {
    const { members, problems, flags } = await openArchive(fixture(name));
    t.ok(
      members.some(({ sha256 }) => sha256 === noteDigest),
      `${name}: opened`,
    );
    t.same({ problems, flags }, { problems: [], flags: [] }, name);
  }
});

t.test('a member without a key is told, with its name', async (t) => {
  for (const name of ['locked.7z', 'locked.zip', 'locked-aes.zip']) {
    const { members, flags, problems } = await openArchive(fixture(name));
    t.same([flags, problems], [['encrypted'], []], name);
    t.same(
      members.map((member) => [member.names, member.flags]),
      [[['note.txt'], ['encrypted']]],
      `${name}: its member`,
    );
  }
  const { members, flags } = await openArchive(fixture('locked-header.7z'));
  t.same([flags, members.length], [['encrypted'], 0], 'not even names');
  const lockedRar = rar4File(note);
  lockedRar.writeUInt16LE(0x80, 10);
  lockedRar.writeUInt16LE(crc32(lockedRar.subarray(9, 20)) & 0xffff, 7);
  t.ok((await openArchive(lockedRar)).flags.includes('encrypted'), 'RAR, not even names');
  const block = Buffer.from([3, 4, 0, 0]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32(block));
  const lockedRar5 = Buffer.concat([rar5File(note).subarray(0, 8), sum, block, Buffer.alloc(99, 7)]);
  t.ok((await openArchive(lockedRar5)).flags.includes('encrypted'), 'RAR 5, not even names');
  lockedRar5[8] = (lockedRar5[8] ?? 0) ^ 1;
  const noArchive = Buffer.concat([Buffer.from('a list of signatures: '), lockedRar5]);
  t.notOk((await openArchive(noArchive)).flags.includes('encrypted'), 'a signature alone is no locked archive');
});

const noteData = deflateRawSync(note);
const longNote = Buffer.concat([note, other]);

/** The last entry of the directory says that its name has more bytes than the file. */
function nameBeyondTheEnd(): Buffer {
  const content = writeZip([second, { content: note }]);
  content[content.length - 47] = 0xff;
  return content;
}

/** The end record names one directory, and a ZIP64 record in front of it another. */
function twoDirectories(): Buffer {
  const one = writeZip([{ content: note }, { ...second, listed: false }]);
  const two = writeZip([{ content: note, listed: false }, second]);
  const members = one.length - 22 - (46 + 8);
  const wide = Buffer.alloc(56);
  wide.write('PK\x06\x06', 'latin1');
  wide.writeBigUInt64LE(44n, 4);
  wide.writeBigUInt64LE(1n, 24);
  wide.writeBigUInt64LE(1n, 32);
  wide.writeBigUInt64LE(BigInt(two.length - 22 - members), 40);
  wide.writeBigUInt64LE(BigInt(members), 48);
  const second64 = two.subarray(members, -22);
  const locator = Buffer.alloc(20);
  locator.write('PK\x06\x07', 'latin1');
  locator.writeBigUInt64LE(BigInt(members + second64.length + 54), 8);
  locator.writeUInt32LE(1, 16);
  const end = Buffer.from(one.subarray(-22));
  end.writeUInt32LE(members + second64.length, 16);
  return Buffer.concat([one.subarray(0, members), second64, one.subarray(members, -22), wide, locator, end]);
}
const second: ZipSpec = { name: 'second.txt', content: other };

/** ZIP files with two readings: what they are called, how they are made, whether the readings differ. */
const ambiguous: Record<string, Buffer> = {
  'another name in the local header': writeZip([{ content: note, local: { name: 'note.exe' } }, second]),
  'another method in the local header': writeZip([
    { content: note, data: noteData, method: 8, local: { method: 0, compressed: note.length } },
    second,
  ]),
  'other sizes in the local header': writeZip([{ content: note, local: { size: 1, compressed: 1 } }, second]),
  'encrypted by the local header only': writeZip([{ content: note, local: { flags: 1 } }, second]),
  'encrypted by the directory only': writeZip([{ content: note, central: { flags: 1 } }, second]),
  'deflated, declared stored': writeZip([
    { content: note, data: noteData, local: { method: 0 }, central: { method: 0 } },
    second,
  ]),
  'stored, declared deflated': writeZip([
    { content: note, data: note, local: { method: 8 }, central: { method: 8 } },
    second,
  ]),
  'a method that does not exist': writeZip([
    { content: note, data: noteData, local: { method: 19 }, central: { method: 19 } },
    second,
  ]),
  'a member that no directory names': writeZip([{ content: note, listed: false }, second]),
  'two archives, one behind the other': Buffer.concat([writeZip([{ content: note }]), writeZip([second])]),
  'two archives, offsets put right': Buffer.concat([
    writeZip([{ content: note }]),
    writeZip([second], { base: writeZip([{ content: note }]).length }),
  ]),
  'an archive in the comment': writeZip([second], { comment: writeZip([{ content: note }]) }),
  'an archive in front of a directory': Buffer.concat([
    writeZip([{ content: note }]).subarray(0, -22),
    writeZip([second]),
  ]),
  'a member behind the directory': Buffer.concat([writeZip([second]), writeZip([{ content: note }]).subarray(0, -76)]),
  'fewer members than counted': writeZip([{ content: note }, second], { entries: 3 }),
  'more members than counted': writeZip([{ content: note }, second], { entries: 1 }),
  'an empty end record behind': Buffer.concat([writeZip([{ content: note }, second]), endRecord([], 0)]),
  'two directories, one named by a ZIP64 locator': twoDirectories(),
  'stored, with a descriptor, and in no directory': writeZip([
    {
      content: note,
      method: 0,
      local: { flags: 8, crc: 0, compressed: 0, size: 0 },
      behind: descriptor(note, note),
      listed: false,
    },
    second,
  ]),
  'stored, longer than its declared size': writeZip([
    { content: note, method: 0, data: longNote, local: { compressed: longNote.length } },
    second,
  ]),
  'deflated, longer than its declared size': writeZip([{ content: note, data: deflateRawSync(longNote) }, second]),
  'deflated, longer than its declared data': writeZip([
    { content: note, local: { compressed: 1 }, central: { compressed: 1 } },
    second,
  ]),
  'data declared to reach over the header of another': writeZip([
    { content: other, data: Buffer.from('x'), method: 0, central: { compressed: 50, size: 50 } },
    { content: note, listed: false },
    second,
  ]),
  'reserved flags, in no directory': writeZip([{ content: note, listed: false, local: { flags: 0x80 } }, second]),
  'a name said to reach beyond the end': nameBeyondTheEnd(),
  'a folder with data': writeZip([
    { name: 'folder/', content: note },
    { ...second, local: { size: 9 } },
  ]),
};

t.test('all readings of a ZIP file are joined, and that they differ is told', async (t) => {
  for (const [name, content] of Object.entries(ambiguous)) {
    const { members, flags } = await openArchive(content);
    const digests = members.map(({ sha256 }) => sha256);
    t.ok(digests.includes(noteDigest), `${name}: the one file`);
    t.ok(digests.includes(otherDigest), `${name}: the other file`);
    t.ok(flags.includes('archive-mismatch'), `${name}: told`);
  }
});

t.test('odd but honest ZIP files have one reading', async (t) => {
  const data = deflateRawSync(note);
  const open = { flags: 8, crc: 0, compressed: 0, size: 0 };
  const inner = writeZip([{ content: note }]);
  const files: Record<string, Buffer> = {
    'a descriptor': writeZip([
      { content: note, local: open, central: { flags: 8 }, behind: descriptor(note, data) },
      second,
    ]),
    'stored with a descriptor': writeZip([
      { content: note, method: 0, local: open, central: { flags: 8 }, behind: descriptor(note, note) },
    ]),
    'a program in front': Buffer.concat([Buffer.from(`MZ${'\0'.repeat(600)}`), writeZip([{ content: note }])]),
    'a program in front, offsets put right': Buffer.concat([
      Buffer.from(`MZ${'\0'.repeat(600)}`),
      writeZip([{ content: note }], { base: 602 }),
    ]),
    'a stored archive inside': writeZip([{ name: 'inner.zip', content: inner, method: 0 }]),
    'a stored archive inside, with a descriptor': writeZip([
      {
        name: 'i.zip',
        content: inner,
        method: 0,
        local: open,
        central: { flags: 8 },
        behind: descriptor(inner, inner),
      },
    ]),
    'archives in a tar': tarFile(tarMember(inner), tarMember(writeZip([second]), { name: 'b.zip' })),
    'zeros behind': Buffer.concat([inner, Buffer.alloc(300)]),
  };
  for (const [name, content] of Object.entries(files)) {
    const { members, flags, problems } = await openArchive(content);
    t.ok(
      members.some(({ sha256 }) => sha256 === noteDigest),
      name,
    );
    t.same({ flags, problems }, { flags: [], problems: [] }, `${name}: nothing to tell`);
  }
});

t.test('ZIP names are read in every way, and never as paths', async (t) => {
  const unicodePath = Buffer.concat([Buffer.from('757013000100000000', 'hex'), Buffer.from('invoice.exe...')]);
  const cases: readonly (readonly [spec: Partial<ZipSpec>, names: readonly string[], unsafe: boolean])[] = [
    [{ name: Buffer.from('n\x94te', 'latin1') }, ['nöte'], false],
    [{ name: 'nöte', local: { flags: 0x800 }, central: { flags: 0x800 } }, ['nöte'], false],
    [{ name: 'nöte' }, ['nöte', 'n├╢te'], false],
    [{ name: 'a', central: { extra: unicodePath } }, ['a', 'invoice.exe...'], false],
    [{ name: '../up' }, ['../up'], true],
    [{ name: 'a\\..\\up' }, ['a\\..\\up'], true],
    [{ name: '/etc/up' }, ['/etc/up'], true],
    [{ name: 'C:up' }, ['C:up'], true],
    [{ name: 'a.exe\0.txt' }, ['a.exe\0.txt', 'a.exe'], true],
    [{ name: 'a..b/c...d' }, ['a..b/c...d'], false],
  ];
  for (const [spec, names, unsafe] of cases) {
    const { members, flags } = await openArchive(writeZip([{ content: note, ...spec }]));
    t.same(members[0]?.names, names, JSON.stringify(names));
    t.equal(flags.includes('member-name-unsafe'), unsafe, `${JSON.stringify(names)} is ${unsafe ? 'un' : ''}safe`);
  }
});

t.test('volumes of one archive are told', async (t) => {
  const last = await openArchive(writeZip([{ content: note }], { disk: 2 }));
  t.same([last.flags, last.problems], [['multi-volume'], ['archive-unsupported']], 'the last one');
  const local = localHeader({
    name: 'a',
    flags: 0,
    method: 8,
    crc: 0,
    compressed: 99_999,
    size: 1,
    extra: Buffer.alloc(0),
  });
  const first = await openArchive(Buffer.concat([Buffer.from('PK\x07\x08'), local, noteData]));
  t.ok(first.flags.includes('multi-volume'), 'the first one');
  t.ok(first.problems.includes('archive-unsupported'), 'cannot be read whole');
});

t.test('gzip: every member, and damage hides nothing', async (t) => {
  const both = await openArchive(Buffer.concat([gzipSync(note), gzipSync(other)]));
  const digests = both.members.map(({ sha256 }) => sha256);
  t.same(digests, [noteDigest, digest(Buffer.concat([note, other]))], 'the first alone, and both joined');
  const packed = gzipSync(note);
  const wrong = Buffer.from(packed);
  wrong[wrong.length - 6] = 0;
  wrong[wrong.length - 7] = 0;
  const checked = await openArchive(wrong);
  t.same([checked.members[0]?.sha256, checked.problems], [noteDigest, ['archive-damaged']], 'a wrong checksum');
  const cut = await openArchive(packed.subarray(0, -20));
  t.ok((cut.members[0]?.bytes ?? 0) > 0, 'what comes before the cut');
  t.same(cut.problems, ['archive-damaged'], 'a cut');
  const named = Buffer.concat([
    Buffer.from('1f8b0808000000000003', 'hex'),
    Buffer.from('note.txt\0'),
    packed.subarray(10),
  ]);
  t.same((await openArchive(named)).members[0]?.names, ['note.txt'], 'its name');
  const junk = await openArchive(Buffer.concat([packed, Buffer.from('junk')]));
  t.same([junk.members[0]?.sha256, junk.problems], [noteDigest, []], 'junk behind is what gzip ignores');
});

t.test('tar: dialects, links, lies', async (t) => {
  const longName = `${'d'.repeat(120)}/note.txt`;
  const record = (text: string) => `${text.length + 4} ${text}\n`;
  const pax = Buffer.from(record(`path=${'p'.repeat(80)}`));
  const gnu = tarFile(tarMember(Buffer.from(`${longName}\0`), { kind: 'L', name: '././@LongLink' }), tarMember(note));
  t.same((await openArchive(gnu)).members[0]?.names, [longName, 'note.txt'], 'a long name of GNU');
  const posix = tarFile(tarMember(pax, { kind: 'x' }), tarMember(note));
  t.same((await openArchive(posix)).members[0]?.names, ['p'.repeat(80), 'note.txt'], 'a long name of pax');
  const linked = tarFile(tarMember(Buffer.alloc(0), { kind: '2', name: 'link' }), tarMember(note));
  t.equal((await openArchive(linked)).members.length, 1, 'a link is no member');
  const broken = tarFile(tarMember(other), Buffer.alloc(512, 7), tarMember(note));
  const found = await openArchive(broken);
  t.ok(
    found.members.some(({ sha256 }) => sha256 === noteDigest),
    'a member behind a broken header',
  );
  t.ok(found.problems.includes('archive-damaged') && found.flags.includes('archive-mismatch'), 'which is told');
  const behind = await openArchive(Buffer.concat([tarFile(tarMember(other)), tarFile(tarMember(note))]));
  t.same(
    behind.members.map(({ sha256 }) => sha256),
    [otherDigest, noteDigest],
    'a member behind the end',
  );
  const cut = await openArchive(tarMember(note).subarray(0, 1000));
  t.same([cut.members[0]?.bytes, cut.problems], [488, ['archive-damaged']], 'cut');
  const huge = await openArchive(tarFile(tarMember(note, { size: '77777777777\0' })));
  t.same(huge.problems, ['archive-damaged'], 'a size beyond the end');
  const up = await openArchive(tarFile(tarMember(note, { name: '../../up' })));
  t.same(up.flags, ['member-name-unsafe'], 'a name that climbs');
});

t.test('archives behind other content are found', async (t) => {
  const front = Buffer.from(`MZ${'\0'.repeat(5000)}`);
  for (const [name, content] of Object.entries({ '7z': fixture('note.7z'), rar: rar5File(note), cab: cabFile(note) })) {
    const { members } = await openArchive(Buffer.concat([front, content, Buffer.from('signature')]));
    t.ok(
      members.some(({ sha256 }) => sha256 === noteDigest),
      name,
    );
  }
  const { members, flags, problems } = await openArchive(
    Buffer.from('a text about 7z\xbc\xaf\x27\x1c and Rar!\x1a\x07\0', 'latin1'),
  );
  t.same([members.length, flags, problems], [0, [], []], 'a signature in a text is no archive');
});

t.test('false signatures do not hide an archive', async (t) => {
  const decoys = Buffer.from(' Rar!\x1a\x07\0 7z\xbc\xaf\x27\x1c MSCF\0\0\0\0 '.repeat(200), 'latin1');
  for (const archive of [fixture('note.7z'), rar4File(note), rar5File(note), cabFile(note)]) {
    const { members, problems } = await openArchive(Buffer.concat([decoys, archive]));
    t.ok(members.some(({ sha256 }) => sha256 === noteDigest));
    t.same(problems, []);
  }
  const many = Buffer.concat(Array.from({ length: 100 }, () => rar4File(note)));
  t.same((await openArchive(many)).problems, ['unpack-limit'], 'more archives than are followed');
});

t.test('what cannot be opened is said to be so', async (t) => {
  for (const start of ['LZIP\x01', '\x04"M\x18', 'SIT!']) {
    const { problems } = await openArchive(Buffer.from(`${start}${'x'.repeat(100)}`, 'latin1'));
    t.same(problems, ['archive-unsupported'], JSON.stringify(start));
  }
});

t.test('archives that are cut or changed anywhere cost little and break nothing', async (t) => {
  const files: Record<string, Buffer> = {
    zip: writeZip([{ content: note }, { ...second, method: 0 }]),
    gzip: gzipSync(note),
    tar: tarMember(other),
    '7z': fixture('note.7z'),
    bzip2: fixture('note.bz2'),
    cab: cabFile(other),
    rar: rar4File(other),
    rar5: rar5File(other),
  };
  for (const [name, content] of Object.entries(files)) {
    const cheap = ['zip', 'gzip', 'tar'].includes(name);
    const step = cheap ? 1 : 7;
    const problems = new Set<string>();
    const began = ownCpuMs();
    let runs = 0;
    for (let at = 0; at < content.length; at += step) {
      const flipped = Buffer.from(content);
      flipped[at] = (flipped[at] ?? 0) ^ 0xff;
      for (const changed of [flipped, content.subarray(0, at)]) {
        for (const code of (await openArchive(changed)).problems) problems.add(code);
        runs += 1;
      }
    }
    t.notOk(problems.has('file-damaged'), `${name}: nothing was thrown in ${runs} runs`);
    t.ok(problems.has('archive-damaged'), `${name}: damage is told`);
    t.ok((ownCpuMs() - began) / runs < 1000, `${name}: cheap`);
  }
});

t.test('bombs end at a bound, soon, and in little memory', async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), 'sluice-bombs-'));
  t.teardown(() => rmSync(scratch, { recursive: true }));
  const child = new URL('./support/open-archive-child.js', import.meta.url).pathname;
  const run = promisify(execFile);
  for (const [name, make] of Object.entries(archiveBombs(fixture))) {
    const path = join(scratch, 'bomb');
    writeFileSync(path, make());
    const { stdout } = await run(process.execPath, [child, path], { timeout: 60_000 });
    const cost = JSON.parse(stdout) as { problems: string[]; ms: number; rssMiB: number };
    t.ok(cost.problems.includes('unpack-limit'), `${name}: told (${cost.ms} ms, ${cost.rssMiB} MiB)`);
    // The file itself is in memory too; 7-Zip has its dictionary, and 64 MiB may be held.
    t.ok(cost.rssMiB < 320, `${name}: memory`);
  }
});

t.test('instances of 7-Zip leave nothing behind', async (t) => {
  const content = fixture('note.7z');
  for (let run = 0; run < 10; run += 1) await openArchive(content);
  const before = process.memoryUsage.rss();
  for (let run = 0; run < 60; run += 1) await openArchive(content);
  const grown = (process.memoryUsage.rss() - before) / 2 ** 20;
  t.ok(grown < 200, `grown by ${Math.round(grown)} MiB in 60 runs of at least 16 MiB each`);
});

t.test('files of other programs, where they are installed', async (t) => {
  const samples = '/usr/share/clamav-testfiles/';
  if (!existsSync(samples)) return t.comment('clamav-testfiles is not installed');
  const wanted = digest(readFileSync(join(samples, 'clam.exe')));
  const names = ['7z', 'arj', 'bin-be.cpio', 'bin-le.cpio', 'bz2.zip', 'cab', 'chm', 'd64.zip', 'exe.bz2', 'exe.szdd'];
  for (const name of [...names, 'impl.zip', 'newc.cpio', 'odc.cpio', 'tar.gz', 'zip']) {
    const { members } = await openArchive(readFileSync(join(samples, `clam.${name}`)));
    t.ok(
      members.some(({ sha256 }) => sha256 === wanted),
      name,
    );
  }
  return undefined;
});
