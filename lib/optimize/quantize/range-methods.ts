import type { RangeMethod } from '../calibrate/tensor-observer';

/** Ranges are found by each of these, and those of least noise are kept. */
export const RANGE_METHODS: readonly RangeMethod[] = [
  { method: 'minmax' },
  { method: 'percentile', percentile: 99.99 },
  { method: 'mse' },
  { method: 'entropy' },
];
