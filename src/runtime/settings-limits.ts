/** Bounds of the pages of settings and lists; the part of limits.ts that is about them. */
export const settingsLimits = {
  /** bytes of a form with list entries: ten thousand addresses of 60 characters, and what encoding makes of them. */
  listFormBytes: 1_048_576,
  /** entries of a list on one page. */
  entriesShown: 100,
  /** changed keys in one row of the audit table; a form has fewer. */
  changesKept: 100,
  /** items of a list that came or went in one row of the audit table; further ones are counted. */
  itemsKept: 50,
  /** characters of a value in the audit table. */
  valueCharacters: 1000,
  /** rendered notices kept for whoever looks at them, and ms for which they are; some 10 KiB each. */
  previewsKept: 32,
  previewMs: 900_000,
  /** bytes of a list file whose entries are counted for a page; of larger ones only the size is shown. */
  countedBytes: 8_388_608,
  /** files shown with their counts. */
  filesShown: 100,
} as const;
