/**
 * What the technical listing of 7-Zip says of an archive and its members. Names are the sender's and may imitate any
 * line, so nothing here decides whether content is looked at, except that an encrypted member is said to be one.
 */
import { limits } from '../../runtime/limits.js';

export interface ListedMember {
  name: string;
  encrypted: boolean;
  folder: boolean;
}

/** members passed over in search of a name, so that a wrong order costs little */
const lookAhead = 64;

export class SevenZipListing {
  readonly #members: ListedMember[] = [];
  readonly #membersMax: number;
  readonly #found = new Set<ListedMember>();
  #current: ListedMember | undefined;
  #next = 0;
  #inMembers = false;
  encrypted = false;
  multiVolume = false;
  unsupported = false;

  constructor(membersMax: number) {
    this.#membersMax = membersMax;
  }

  /** 7-Zip knew the format and listed it. */
  get opened(): boolean {
    return this.#inMembers;
  }

  /** One line of `l -slt`. False when the archive has more members than may be unpacked. */
  take(line: string): boolean {
    if (line === '----------') this.#inMembers = true;
    else if (!this.#inMembers) this.#takeArchive(line);
    else this.#takeMember(line);
    return this.#members.length <= this.#membersMax;
  }

  #takeArchive(line: string): void {
    if (line === 'Multivolume = +' || /^Volume Index = [1-9]/.test(line)) this.multiVolume = true;
    this.takeMessage(line);
  }

  #takeMember(line: string): void {
    const at = line.indexOf(' = ');
    if (at < 0) {
      this.takeMessage(line);
      return;
    }
    const value = line.slice(at + 3, at + 3 + limits.open.nameBytes);
    const key = line.slice(0, at);
    if (key === 'Path') {
      this.#current = { name: value, encrypted: false, folder: false };
      this.#members.push(this.#current);
    } else if (this.#current === undefined) return;
    else if (key === 'Encrypted' && value === '+') {
      this.#current.encrypted = true;
      this.encrypted = true;
    } else if (key === 'Folder' && value === '+') this.#current.folder = true;
  }

  /** One line of any run that is no listing: what it says of errors. */
  takeMessage(line: string): boolean {
    if (/Unsupported Method|Missing volume/i.test(line)) this.unsupported = true;
    if (/Missing volume/i.test(line)) this.multiVolume = true;
    if (/^ERROR.*encrypted/i.test(line)) this.encrypted = true;
    return true;
  }

  /** Starts over at the first member. */
  rewind(): void {
    this.#next = 0;
  }

  /** The listed member that is now written to `path`: the next one whose last step fits. */
  find(path: string): ListedMember | undefined {
    const wanted = lastStep(path);
    const end = Math.min(this.#members.length, this.#next + lookAhead);
    for (let index = this.#next; index < end; index += 1) {
      const member = this.#members[index];
      if (member === undefined || member.folder || lastStep(member.name) !== wanted) continue;
      this.#next = index + 1;
      this.#found.add(member);
      return member;
    }
    return undefined;
  }

  /** Encrypted members that were never written: the program gives up on a block whose key it has not. */
  lockedMembers(): ListedMember[] {
    return this.#members.filter((member) => member.encrypted && !member.folder && !this.#found.has(member));
  }
}

function lastStep(name: string): string {
  return name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
}
