/** Profiles for the tests of what is judged: all that is scanned, and changes of it. */
import { type FileCategory, fileCategories } from '../../src/inspect/file-category.js';
import type { CategoryProfile, Profile } from '../../src/policy/profile.js';

export const scanEverything: Profile = Object.fromEntries(
  fileCategories.map((category) => [category, { mode: 'scan', maxBytes: undefined }]),
  // One entry for each category.
) as Profile;

export function profileWith(changes: Partial<Record<FileCategory, Partial<CategoryProfile>>>): Profile {
  const entries = fileCategories.map((category) => [category, { ...scanEverything[category], ...changes[category] }]);
  return Object.fromEntries(entries) as Profile;
}
