import { requireCount } from '../../checks';
import type { HistogramBar } from './summary';

/** Equal ranges from the least to the greatest of the values, as TensorBoard's own `buckets`. */
export function barsOf(values: ArrayLike<number>, count: number): HistogramBar[] {
  requireCount(count, 'bars');
  const finite = Array.from(values).filter(Number.isFinite);
  if (finite.length === 0) return [];
  const low = finite.reduce((least, value) => Math.min(least, value), Infinity);
  const high = finite.reduce((most, value) => Math.max(most, value), -Infinity);
  if (low === high) return [{ left: low - 0.5, right: high + 0.5, count: finite.length }];
  const width = (high - low) / count;
  const counts = new Array<number>(count).fill(0);
  for (const value of finite) {
    const bar = Math.min(Math.floor((value - low) / width), count - 1);
    counts[bar] = (counts[bar] ?? 0) + 1;
  }
  return counts.map((of, bar) => ({
    left: low + bar * width,
    right: bar === count - 1 ? high : low + (bar + 1) * width,
    count: of,
  }));
}
