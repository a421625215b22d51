/** Labels by name, as Prometheus has them. */
export type Labels = Readonly<Record<string, string>>;

/** One number of a metric family. */
export interface MetricSample {
  /** What the sample's name has beside the family's; of histograms only. */
  readonly suffix?: '_bucket' | '_sum' | '_count';
  readonly labels: Labels;
  /** A bucket's upper edge: the label `le`. */
  readonly le?: number;
  readonly value: number;
}

/** A metric with all its label sets, at one moment. Base units: seconds and bytes. */
export interface MetricFamily {
  /** Counters end in `_total`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly MetricSample[];
}

/** The samples of a classic histogram. */
export interface HistogramValues {
  /** Cumulative, one for each edge. */
  readonly counts: readonly number[];
  /** Of all samples, above the last edge too. */
  readonly count: number;
  readonly sum: number;
}

/** One label set of a histogram family. */
export function histogramSamples(
  labels: Labels,
  edges: readonly number[],
  { counts, count, sum }: HistogramValues,
): MetricSample[] {
  const samples: MetricSample[] = edges.map((le, index) => ({
    suffix: '_bucket',
    labels,
    le,
    value: counts[index] ?? 0,
  }));
  samples.push(
    { suffix: '_bucket', labels, le: Infinity, value: count },
    { suffix: '_sum', labels, value: sum },
    { suffix: '_count', labels, value: count },
  );
  return samples;
}
