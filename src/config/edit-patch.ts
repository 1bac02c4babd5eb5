/** Changes of a text by offsets, all of them made at once. */

export interface Patch {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** undefined when two changes concern the same text. */
export function applied(text: string, patches: readonly Patch[]): string | undefined {
  // What is added at an offset comes before what is taken away from there.
  const ordered = [...patches].sort((a, b) => a.from - b.from || a.to - b.to);
  const pieces: string[] = [];
  let at = 0;
  for (const patch of ordered) {
    if (patch.from < at) return undefined;
    pieces.push(text.slice(at, patch.from), patch.text);
    at = patch.to;
  }
  pieces.push(text.slice(at));
  return pieces.join('');
}
