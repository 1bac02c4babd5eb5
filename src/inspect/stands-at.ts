/** Whether octets stand at a place of a file. The first of them tells nearly always, at a fraction of a comparison's cost. */
export function standsAt(content: Buffer, octets: Buffer, at = 0): boolean {
  if (content[at] !== octets[0]) return false;
  const end = at + octets.length;
  return end <= content.length && octets.compare(content, at, end) === 0;
}
