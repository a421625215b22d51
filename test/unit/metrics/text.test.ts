import { LatencyHistogram } from 'onlite';
import { describe, expect, it } from 'vitest';

import { prefersOpenMetrics } from '../../../lib/metrics/accept';
import { BucketCounts } from '../../../lib/metrics/bucket-counts';
import { histogramSamples, type MetricFamily } from '../../../lib/metrics/families';
import { checkMetricsOptions } from '../../../lib/metrics/options';
import { formatText } from '../../../lib/metrics/text';

describe('the text', () => {
  const runs: MetricFamily = {
    name: 'onlite_runs_total',
    type: 'counter',
    help: 'Runs of "a \\ b".\nSecond line.',
    samples: [{ labels: { model: 'a"b\\c\nd', engine: 'tflite' }, value: 3 }],
  };
  const times: MetricFamily = {
    name: 'onlite_times_seconds',
    type: 'histogram',
    help: 'Times.',
    samples: histogramSamples({ phase: 'total' }, [1e-6, 1], {
      counts: [0, 2],
      count: 3,
      sum: 7.5,
    }),
  };
  const empty: MetricFamily = { ...runs, name: 'onlite_none_total', samples: [] };

  it('is Prometheus 0.0.4 with its escapes', () => {
    expect(formatText([runs, empty, times], false).split('\n')).toEqual([
      '# HELP onlite_runs_total Runs of "a \\\\ b".\\nSecond line.',
      '# TYPE onlite_runs_total counter',
      'onlite_runs_total{model="a\\"b\\\\c\\nd",engine="tflite"} 3',
      '# HELP onlite_times_seconds Times.',
      '# TYPE onlite_times_seconds histogram',
      'onlite_times_seconds_bucket{phase="total",le="0.000001"} 0',
      'onlite_times_seconds_bucket{phase="total",le="1"} 2',
      'onlite_times_seconds_bucket{phase="total",le="+Inf"} 3',
      'onlite_times_seconds_sum{phase="total"} 7.5',
      'onlite_times_seconds_count{phase="total"} 3',
      '',
    ]);
  });

  it('is OpenMetrics with its names of counters, edges and end', () => {
    const lines = formatText([runs, times], true).split('\n');
    expect(lines.slice(0, 3)).toEqual([
      '# HELP onlite_runs Runs of \\"a \\\\ b\\".\\nSecond line.',
      '# TYPE onlite_runs counter',
      'onlite_runs_total{model="a\\"b\\\\c\\nd",engine="tflite"} 3',
    ]);
    expect(lines).toContain('onlite_times_seconds_bucket{phase="total",le="1.0"} 2');
    expect(lines.slice(-2)).toEqual(['# EOF', '']);
  });
});

describe('Accept', () => {
  it.each([
    [undefined, false],
    ['*/*', false],
    ['text/plain', false],
    ['application/openmetrics-text', true],
    ['application/openmetrics-text; version=1.0.0; charset=utf-8', true],
    ['application/openmetrics-text;version="1.0.0",text/plain;q=0.5', true],
    ['application/openmetrics-text;version=0.0.1', false],
    ['application/openmetrics-text;q=0.3,text/plain;q=0.5', false],
    ['application/openmetrics-text;q=0', false],
    ['application/openmetrics-text;q=nonsense', false],
    [
      // What Prometheus 2.42 sends.
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,' +
        'text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      true,
    ],
  ])('%s', (accept, expected) => {
    expect(prefersOpenMetrics(accept)).toBe(expected);
  });
});

describe('options', () => {
  it.each([
    [{ buckets: [] }, 'options.buckets'],
    [{ buckets: [0] }, 'options.buckets[0]'],
    [{ buckets: [1, 1] }, 'options.buckets[1]'],
    [{ buckets: [1, Number.NaN] }, 'options.buckets[1]'],
    [{ buckets: [1, Infinity] }, 'options.buckets[1]'],
    [{ buckets: ['1'] }, 'options.buckets[0]'],
    [{ buckets: '1' }, 'options.buckets'],
    [{ buckets: new Array(1001) }, 'options.buckets'],
    [{ batchBuckets: [2, 1] }, 'options.batchBuckets[1]'],
    [{ eventLoopDelay: 1 }, 'options.eventLoopDelay'],
    [{ gpu: 'yes' }, 'options.gpu'],
    [{ process: 1 }, 'options.process'],
    [{ bucket: [1] }, 'options'],
    [7, 'options'],
  ])('%j is refused', (options, path) => {
    expect(() => checkMetricsOptions(options)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringContaining(`${path}:`),
      }),
    );
  });
});

/** As `histogram_quantile` of Prometheus: linear within the bucket that has the rank. */
function histogramQuantile(q: number, edges: number[], counts: readonly number[]): number {
  const total = counts.at(-1)!;
  const rank = q * total;
  const index = counts.findIndex((count) => count >= rank);
  if (index >= edges.length) return edges.at(-1)!;
  const start = index === 0 ? 0 : edges[index - 1]!;
  const below = index === 0 ? 0 : counts[index - 1]!;
  return start + ((edges[index]! - start) * (rank - below)) / (counts[index]! - below);
}

describe('buckets', () => {
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 1) / (2 ** 32 + 1);
  };
  const shapes: Record<string, () => number> = {
    uniform: () => 1e3 + random() * 1e7,
    'log-uniform': () => Math.exp(Math.log(300) + random() * Math.log(1e8)),
    'one value': () => 2_500_000,
    'on the edges': () => 10 ** Math.ceil(3 + random() * 6),
    'two far apart': () => (random() < 0.98 ? 4e3 : 4e9),
    'beyond the edges': () => 1.2e10 + random() * 1e9,
  };
  const { buckets: defaults } = checkMetricsOptions(undefined).metrics;
  const scales = { default: [...defaults], coarse: [1e-4, 0.1], fine: [] as number[] };
  for (let edge = 1e-7; edge < 20; edge *= 1.1) scales.fine.push(edge);

  describe.each(Object.entries(scales))('of the %s scale', (_scale, edges) => {
    it.each(Object.keys(shapes))("give Prometheus the native percentiles' buckets: %s", (shape) => {
      const histogram = new LatencyHistogram();
      const sample = shapes[shape]!;
      for (let index = 0; index < 5000; index++) histogram.record(sample());
      const counts = new BucketCounts();
      for (const { lowest, highest, count } of histogram.buckets()) {
        counts.add(Float64Array.of(lowest, highest, count));
      }
      const classic = counts.toClassic(edges);
      expect(classic.count).toBe(5000);
      expect(classic.counts).toEqual(edges.map((edge) => histogram.countAtOrBelow(edge * 1e9)));
      // The native mean takes the bucket of all samples as the sample that they are.
      expect(Math.abs(classic.sum / (histogram.snapshot().mean * 5e-6) - 1)).toBeLessThan(0.005);
      const bucketOf = (seconds: number): number => {
        const index = edges.findIndex((edge) => seconds <= edge * (1 + 1e-9));
        return index < 0 ? edges.length : index;
      };
      for (const q of [0.01, 0.25, 0.5, 0.9, 0.99, 0.999]) {
        const native = histogram.percentile(100 * q);
        const theirs = histogramQuantile(q, edges, [...classic.counts, classic.count]);
        const apart = Math.abs(bucketOf(theirs) - bucketOf(native / 1e9));
        expect(apart, `${q}: ${theirs} s, native ${native} ns`).toBeLessThanOrEqual(1);
        // The native one is cut off at the largest sample, which a bucket does not tell.
        expect(Math.abs(counts.quantile(q) / native - 1)).toBeLessThan(0.01);
      }
    });
  });
});
