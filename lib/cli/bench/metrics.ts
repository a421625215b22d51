import { compareMedians, type Comparison } from '../../bench/bootstrap';
import type { Measured } from './result';

/** What can be compared: a number of each block, and which way is better. */
export const METRICS = ['p50', 'p99', 'throughput'] as const;
export type Metric = (typeof METRICS)[number];

export type Verdict = 'faster' | 'slower' | 'same' | 'unclear';

/** One metric of two settings, as a ratio to the other's, with its 95 % interval. */
export interface MetricComparison {
  readonly ratio: number;
  /** Null where there is no bound: fewer than two processes of a side. */
  readonly interval: readonly [low: number, high: number | null];
  readonly verdict: Verdict;
}

/** The metric's values, by process. */
function repetitions({ processes }: Measured, metric: Metric): number[][] {
  return processes.map(({ blocks }) =>
    blocks.flatMap((block) => {
      const value = metric === 'throughput' ? block.runs / block.seconds : block[metric];
      return value === undefined || !(value > 0) ? [] : [value];
    }),
  );
}

function verdictOf(comparison: Comparison, metric: Metric): Verdict {
  const { verdict } = comparison;
  if (verdict === 'same' || verdict === 'unclear') return verdict;
  return (verdict === 'greater') === (metric === 'throughput') ? 'faster' : 'slower';
}

/**
 * Undefined where a side has no value, because all its runs failed.
 *
 * @param tolerance - the smallest change that matters; 0.01 is 1 %
 */
function compareMetric(
  subject: Measured,
  baseline: Measured,
  metric: Metric,
  tolerance: number,
): MetricComparison | undefined {
  const sides = [repetitions(subject, metric), repetitions(baseline, metric)] as const;
  if (sides.some((side) => side.flat().length === 0)) return undefined;
  const comparison = compareMedians(sides[0], sides[1], { tolerance });
  const [low, high] = comparison.interval;
  return {
    ratio: comparison.ratio,
    interval: [low, Number.isFinite(high) ? high : null],
    verdict: verdictOf(comparison, metric),
  };
}

export function compareMetrics(
  subject: Measured,
  baseline: Measured,
  tolerance: number,
): Partial<Record<Metric, MetricComparison>> {
  const all: Partial<Record<Metric, MetricComparison>> = {};
  for (const metric of METRICS) {
    const comparison = compareMetric(subject, baseline, metric, tolerance);
    if (comparison) all[metric] = comparison;
  }
  return all;
}
