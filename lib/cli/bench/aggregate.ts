import { percentileRanks } from '../../bench/percentile-interval';
import { newHistogram } from '../../bench/recorder';
import { median, spread } from '../../bench/statistics';
import { LatencyHistogram } from '../../engine/latency/latency-histogram';
import { grouped } from '../output';
import { PHASES, type PhaseFigures, type PhaseName, type ProcessResult } from './protocol';
import type { LatencyFigures, Measured, PercentileFigure } from './result';
import type { Setting } from './setting';

const PERCENTILES = [50, 90, 95, 99, 99.9] as const;
/** p99.9 of fewer runs rests on fewer than 100 of them. */
const RUNS_FOR_P999 = 100_000;

function percentileFigure(
  histogram: LatencyHistogram,
  count: number,
  percent: number,
): PercentileFigure {
  if (percent === 99.9 && count <= RUNS_FOR_P999) {
    const need = grouped(RUNS_FOR_P999);
    return {
      percentile: percent,
      note: `needs more than ${need} runs, there are ${grouped(count)}`,
    };
  }
  // With fewer, even the slowest of them is not beyond the percentile.
  const least = Math.round(100 / (100 - percent));
  if (count < least) {
    const note = `needs ${grouped(least)} runs, there are ${grouped(count)}`;
    return { percentile: percent, note };
  }
  const { low, high } = percentileRanks(count, percent);
  const valueAt = (rank: number): number => histogram.percentile((100 * (rank - 0.5)) / count);
  return {
    percentile: percent,
    value: histogram.percentile(percent),
    low: valueAt(low),
    ...(high === undefined
      ? { note: `${grouped(count)} runs have no upper bound of 95 %` }
      : { high: valueAt(high) }),
  };
}

function latencyFigures(histogram: LatencyHistogram): LatencyFigures {
  const { count, min, mean, stddev, max } = histogram.snapshot();
  const percentiles = PERCENTILES.map((percent) => percentileFigure(histogram, count, percent));
  return { count, min, mean, stddev, max, percentiles };
}

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

function phases(results: readonly ProcessResult[]): Measured['phases'] {
  const merged: Partial<Record<PhaseName, PhaseFigures>> = {};
  for (const phase of PHASES) {
    const encoded = results.flatMap((result) => result.phases[phase] ?? []);
    const [first, ...others] = encoded.map((text) => LatencyHistogram.decode(text));
    if (first === undefined) continue;
    for (const other of others) first.add(other);
    const { count, mean, p50, p99 } = first.snapshot();
    merged[phase] = { count, mean, p50, p99 };
  }
  return merged;
}

function addCounts(results: readonly ProcessResult[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { errors } of results) {
    for (const [code, count] of Object.entries(errors)) counts[code] = (counts[code] ?? 0) + count;
  }
  return counts;
}

/** The blocks' histograms together. */
export function pooledLatency(results: readonly ProcessResult[]): LatencyHistogram {
  const pooled = newHistogram();
  for (const { histogram } of results.flatMap(({ blocks }) => blocks)) {
    pooled.add(LatencyHistogram.decode(histogram));
  }
  return pooled;
}

/** What the processes of one setting found, together; there must be one. */
export function aggregate(setting: Setting, results: readonly ProcessResult[]): Measured {
  const [first] = results;
  if (first === undefined) throw new RangeError('no results');
  const blocks = results.flatMap((result) => result.blocks);
  const runs = sum(blocks.map((block) => block.runs));
  const seconds = sum(blocks.map((block) => block.seconds));
  const cpuSeconds = sum(blocks.map((block) => block.cpuSeconds));
  const rates = spread(blocks.map((block) => block.runs / block.seconds));
  const delays = results.flatMap(({ eventLoopDelay }) => eventLoopDelay ?? []);
  const { profile } = results.find((result) => result.profile !== undefined) ?? {};
  return {
    engine: first.engine,
    ...(first.engineVersion === undefined ? {} : { engineVersion: first.engineVersion }),
    executionProviders: first.executionProviders,
    sessionConcurrency: first.sessionConcurrency,
    inputs: first.inputs,
    load: spread(results.map(({ loadNs }) => loadNs)),
    firstRun: spread(results.map(({ firstRunNs }) => firstRunNs)),
    latency: latencyFigures(pooledLatency(results)),
    phases: phases(results),
    throughput: {
      runsPerSecond: rates.median,
      interval: rates.interval,
      ...(setting.batch === undefined ? {} : { itemsPerSecond: rates.median * setting.batch }),
    },
    cpu: { processors: cpuSeconds / seconds, perRunNs: (cpuSeconds * 1e9) / Math.max(runs, 1) },
    memory: {
      before: median(results.map(({ memory }) => memory.before)),
      loaded: median(results.map(({ memory }) => memory.loaded)),
      peak: Math.max(...results.map(({ memory }) => memory.peak)),
    },
    ...(delays.length === 0
      ? {}
      : {
          eventLoopDelay: {
            p50: median(delays.map(({ p50 }) => p50)),
            p99: median(delays.map(({ p99 }) => p99)),
            max: Math.max(...delays.map(({ max }) => max)),
          },
        }),
    errors: addCounts(results),
    processes: results.map((result) => ({
      blocks: result.blocks.map(({ histogram: _, ...rest }) => rest),
    })),
    ...(profile ? { profile } : {}),
  };
}
