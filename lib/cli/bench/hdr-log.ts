import { LatencyHistogram } from '../../engine/latency/latency-histogram';
import { printable } from '../output';
import type { BenchDocument } from './document';
import type { SettingOutcome } from './schedule';

const seconds = (value: number): string => value.toFixed(3);

/**
 * The latencies of every block as an HdrHistogram interval log, format 1.3: what HistogramLogReader
 * and HistogramLogAnalyzer read. Values are nanoseconds; the column of maxima is in milliseconds,
 * as is usual. Setting n (from 1) has the tag `sn`, and a comment with its name.
 */
export function intervalLog(document: BenchDocument, outcomes: readonly SettingOutcome[]): string {
  const base = Date.parse(document.date) / 1000;
  const lines = [
    '#[Histogram log format version 1.3]',
    `#[StartTime: ${seconds(base)} (seconds since epoch), ${document.date}]`,
    `#[BaseTime: ${seconds(base)} (seconds since epoch)]`,
    ...document.settings.map(({ label }, index) => `#[Tag s${index + 1}: ${printable(label)}]`),
    '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
  ];
  const rows = outcomes.flatMap(({ results }, index) =>
    results
      .flatMap(({ blocks }) => blocks)
      .map(({ startedAt, seconds: length, histogram }) => {
        const start = startedAt / 1000 - base;
        const max = LatencyHistogram.decode(histogram).snapshot().max / 1e6;
        const cells = [
          `Tag=s${index + 1}`,
          seconds(start),
          seconds(length),
          seconds(max),
          histogram,
        ];
        return { start, line: cells.join(',') };
      }),
  );
  rows.sort((a, b) => a.start - b.start);
  return [...lines, ...rows.map(({ line }) => line), ''].join('\n');
}
