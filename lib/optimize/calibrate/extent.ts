export type Values = Float32Array | Float64Array;

/** What a tensor's values lie between, those aside that are not finite. */
export interface Extent {
  /** Infinity where there is no finite value. */
  readonly min: number;
  readonly max: number;
  readonly nans: number;
  readonly infinities: number;
}

/** The values one by one, where some are not finite. */
function carefulExtent(values: Values): Extent {
  let [min, max, nans, infinities] = [Infinity, -Infinity, 0, 0];
  for (const value of values) {
    if (Number.isNaN(value)) nans++;
    else if (!Number.isFinite(value)) infinities++;
    else {
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  return { min, max, nans, infinities };
}

export function extentOf(values: Values): Extent {
  let min = Infinity;
  let max = -Infinity;
  // eslint-disable-next-line @typescript-eslint/prefer-for-of -- an iterator is three times slower
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? 0;
    // NaN stays; comparisons, whose branches are taken at random, take three times as long.
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  const isFinite = Number.isFinite(min) && Number.isFinite(max);
  return isFinite ? { min, max, nans: 0, infinities: 0 } : carefulExtent(values);
}
