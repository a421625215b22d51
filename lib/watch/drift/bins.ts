/** Shares of the values of two columns in the same bins; each sums to 1 where no value is left out. */
export interface BinnedShares {
  readonly reference: Float64Array;
  readonly current: Float64Array;
}

/** Above so many distinct values numbers are counted by ranges, as evidently does. */
const MOST_DISTINCT = 20;

/** What stands for a share of 0 in a logarithm. */
const EMPTY_SHARE = 0.0001;

/** The least and the greatest of the values; NaN for none. */
function extent(...columns: readonly (readonly number[])[]): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const column of columns) {
    for (const value of column) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return [low, high];
}

/**
 * The edges of equal ranges from the least to the greatest of all values, ⌈log₂ n + 1⌉ of them
 * (Sturges, The choice of a class interval, 1926), in the order of NumPy's
 * `histogram_bin_edges(bins="sturges")`.
 */
function sturgesEdges(reference: readonly number[], current: readonly number[]): number[] {
  let [low, high] = extent(reference, current);
  const width = (high - low) / (Math.log2(reference.length + current.length) + 1);
  const count = width > 0 ? Math.ceil((high - low) / width) : 1;
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const step = (high - low) / count;
  const edges = Array.from({ length: count + 1 }, (_, index) => index * step + low);
  edges[count] = high;
  return edges;
}

/** The bin of a value: from its lower edge on, the last one with its upper edge; −1 outside. */
export function binOf(value: number, edges: ArrayLike<number>): number {
  const last = edges.length - 1;
  if (!(value >= (edges[0] ?? NaN) && value <= (edges[last] ?? NaN))) return -1;
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (value < (edges[middle] ?? NaN)) high = middle;
    else low = middle;
  }
  return low;
}

function sharesInRanges(values: readonly number[], edges: readonly number[]): Float64Array {
  const shares = new Float64Array(edges.length - 1);
  for (const value of values) {
    const bin = binOf(value, edges);
    if (bin >= 0) shares[bin] = (shares[bin] ?? 0) + 1;
  }
  return shares.map((count) => count / values.length);
}

function sharesOf(values: readonly unknown[], places: ReadonlyMap<unknown, number>): Float64Array {
  const shares = new Float64Array(places.size);
  for (const value of values) {
    const place = places.get(value) ?? 0;
    shares[place] = (shares[place] ?? 0) + 1;
  }
  return shares.map((count) => count / values.length);
}

/**
 * Counts both columns in the same bins, as evidently's `get_binned_data` does: numbers of which the
 * reference has more than 20 distinct ones in ranges ({@link sturgesEdges} of both columns), all
 * else by value.
 */
export function binnedShares(
  reference: readonly unknown[],
  current: readonly unknown[],
  isNumeric: boolean,
): BinnedShares {
  if (isNumeric && new Set(reference).size > MOST_DISTINCT) {
    const [numbers, others] = [reference as readonly number[], current as readonly number[]];
    const edges = sturgesEdges(numbers, others);
    return { reference: sharesInRanges(numbers, edges), current: sharesInRanges(others, edges) };
  }
  const places = new Map<unknown, number>();
  for (const value of [...reference, ...current]) {
    if (!places.has(value)) places.set(value, places.size);
  }
  return { reference: sharesOf(reference, places), current: sharesOf(current, places) };
}

/** With what evidently puts in the place of shares of 0, so that logarithms are finite. */
export function withoutEmpty(shares: Float64Array): Float64Array {
  const least = shares.reduce((low, share) => (share > 0 && share < low ? share : low), Infinity);
  const stand = least <= EMPTY_SHARE ? least / 1e6 : EMPTY_SHARE;
  return shares.map((share) => (share === 0 ? stand : share));
}
