import type { Range } from '../quantize/parameters';
import type { Histogram } from './growing-histogram';

/** The value that a share of all values lies below, as if a bin's were spread evenly over it. */
function quantile({ counts, first, width, total }: Histogram, share: number): number {
  const wanted = share * total;
  let below = 0;
  for (const [index, count] of counts.entries()) {
    if (below + count >= wanted && count > 0) {
      return (first + index + (wanted - below) / count) * width;
    }
    below += count;
  }
  return (first + counts.length) * width;
}

/**
 * The range that holds a percentage of the values; of the rest, half is beyond either end. Right to
 * within a bin's width.
 *
 * @param percentile - from 0 to 100
 */
export function percentileRange(histogram: Histogram, percentile: number): Range {
  const beyond = (100 - percentile) / 200;
  const { min, max } = histogram;
  return {
    min: Math.min(Math.max(quantile(histogram, beyond), min), max),
    max: Math.max(Math.min(quantile(histogram, 1 - beyond), max), min),
  };
}
