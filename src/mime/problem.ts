/**
 * The closed list of ways in which a message is not strictly well-formed. Parsing never throws: it returns values and
 * these. `effect` says what a code means for the verdict: `note` is worth recording and has only one reading,
 * `ambiguous` has several plausible readings, `unscannable` means that a bound was hit or content could not be read.
 */
export type ProblemEffect = 'note' | 'ambiguous' | 'unscannable';

export const problemEffects = {} as const satisfies Record<string, ProblemEffect>;

export type ProblemCode = string;

export interface Problem {
  readonly code: ProblemCode;
  /** the part it was found in, as PartFacts.path; empty for the message header */
  readonly part: string;
  /** bounded and printable; for a person */
  readonly detail?: string;
}
