/** From a score of 0 to 1 to a threat level of 0 to 10, along straight lines between configured points. */

/** the threshold that `recommended` stands for */
export const recommendedThreshold = 7;

/** `[score, level]`, rising, from score 0 to score 1; the loader has checked that */
export type LevelMap = readonly (readonly [number, number])[];

/**
 * The level is rounded down, so that a score just below a band stays below its level; but any score above 0 is at
 * least level 1, as only score 0 means that nothing was found. What is not a number counts as 1, the worst.
 */
export function levelOf(score: number, map: LevelMap): number {
  const bounded = Number.isNaN(score) ? 1 : Math.min(1, Math.max(0, score));
  if (bounded === 0) return 0;
  let level = 10;
  for (let index = 1; index < map.length; index += 1) {
    const [fromScore, fromLevel] = map[index - 1] ?? [0, 0];
    const [toScore, toLevel] = map[index] ?? [1, 10];
    if (bounded >= toScore && index < map.length - 1) continue;
    level = fromLevel + ((bounded - fromScore) / (toScore - fromScore)) * (toLevel - fromLevel);
    break;
  }
  // A sum such as 6.999999999999999 was meant to be 7.
  return Math.min(10, Math.max(1, Math.floor(level + 1e-9)));
}
