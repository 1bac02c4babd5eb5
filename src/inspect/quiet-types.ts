/** File types in which no format known here hides a file or a program: pictures, sound and film. */

const quiet = /^(?:image\/(?!svg)|audio\/|video\/|font\/)/;

/** Whether a file of that type by content need not be opened. An unknown type is never quiet. */
export function isQuiet(detectedType: string | undefined): boolean {
  return detectedType !== undefined && quiet.test(detectedType);
}
