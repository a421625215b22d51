/** What the addon keeps of many values at a time (native/napi/observation). */
export interface NativeObservation {
  /** @param result - becomes [min, max, NaNs, infinities]; infinite ones are not in the range */
  extentOf(values: Float32Array | Float64Array, result: Float64Array): void;
  /**
   * Adds a weight to the bins of every step-th value from the first on: bin i is of those for which
   * ⌊value · perUnit⌋ is first + i, and others are left out.
   */
  countValues(
    values: Float32Array | Float64Array,
    step: number,
    weight: number,
    counts: Float64Array,
    perUnit: number,
    first: number,
  ): void;
  /**
   * Adds to each channel's sums the distances of its values from its pivot and their squares, and
   * raises its peak to the greatest magnitude. Channels follow each other, `inner` values of each,
   * over and over.
   */
  addChannelSums(
    values: Float32Array | Float64Array,
    inner: number,
    pivots: Float64Array,
    peaks: Float64Array,
    distances: Float64Array,
    squares: Float64Array,
  ): void;
}
