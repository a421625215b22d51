/** One that was chosen. */
export interface Drawn {
  /** How many it was one of. */
  readonly weight: number;
  /** From 0 to below 1, drawn once. */
  readonly draw: number;
}

/**
 * Those of a sample that are as probable as each other. Where the share that was chosen has changed, what
 * is from when it was greater is thinned to the least, so that any figure of the rest, of whatever kind,
 * is one of a uniform sample. The same ones stay for as long as the least share is the same.
 */
export function uniform<Item extends Drawn>(items: readonly Item[]): readonly Item[] {
  let [least, most] = [Infinity, 0];
  for (const { weight } of items) {
    if (weight < least) least = weight;
    if (weight > most) most = weight;
  }
  return least >= most ? items : items.filter(({ weight, draw }) => draw * most < weight);
}
