/** How many of ascending numbers, from an index on, are less than a value. */
export function countBelow(
  ascending: ArrayLike<number>,
  value: number,
  { from = 0, to = ascending.length }: { readonly from?: number; readonly to?: number } = {},
): number {
  return firstWhere(from, to, (index) => (ascending[index] ?? 0) >= value) - from;
}

/** The first index for which a condition holds that holds for all behind it; `to` if for none. */
export function firstWhere(from: number, to: number, holds: (index: number) => boolean): number {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
