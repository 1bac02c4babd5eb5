/** Names of archive members as data: which of them would leave the folder that they are unpacked into. */

/** Some reader may write this name outside of the folder it unpacks into, or cut it short. */
export function nameIsUnsafe(name: string): boolean {
  if (name.includes('\0')) return true;
  const first = name[0];
  if (first === '/' || first === '\\' || /^[A-Za-z]:/.test(name)) return true;
  return name.split(/[/\\]/).some((step) => /^\.\.[. ]*$/.test(step));
}
