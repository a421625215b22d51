import { LatencyHistogram } from '../engine/latency/latency-histogram';

/** A histogram whose steps of 0.1 % do not show in a percentile that is printed. */
export const newHistogram = (): LatencyHistogram => new LatencyHistogram({ significantDigits: 3 });
