/** The multi-view pass over one message: every body of every plausible reading is hashed, typed and opened like a file. */
import { type Opened, Opening, type OpeningTools, type Wanted } from './opening.js';
import { openViewBodies } from './view-bodies.js';

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
  if (message === undefined) {
    opening.output.problem('views-too-many');
    return { ...opening.result, count: 0 };
  }
  const count = await openViewBodies(message, opening.output);
  await opening.output.settled();
  return { ...opening.result, count };
}
