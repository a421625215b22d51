import type { LatencyHistogram } from '../../engine/latency/latency-histogram';
import { grouped, nanoseconds } from '../output';

const ROWS = 10;
const EIGHTHS = ' ▏▎▍▌▋▊▉';

/** A bar of `width` cells at most, an eighth of a cell exact; never empty for a positive share. */
export function bar(share: number, width: number): string {
  const eighths = share <= 0 ? 0 : Math.max(1, Math.round(share * width * 8));
  const part = EIGHTHS[eighths % 8] ?? '';
  return '█'.repeat(Math.floor(eighths / 8)) + (eighths % 8 === 0 ? '' : part);
}

/**
 * A histogram as lines of text: rows of equal ratio from the 0.1 to the 99.9 percentile, what lies
 * outside counted in the first and the last row.
 */
export function histogramLines(histogram: LatencyHistogram, width: number): string[] {
  const { count, min, max } = histogram.snapshot();
  if (count === 0) return [];
  const low = Math.max(histogram.percentile(0.1), 1);
  const high = Math.max(histogram.percentile(99.9), low * 1.05);
  const edges = Array.from({ length: ROWS + 1 }, (_, row) => low * (high / low) ** (row / ROWS));
  edges[0] = Math.min(min, low);
  edges[ROWS] = Math.max(max, high);
  const counts: number[] = [];
  let below = 0;
  for (const edge of edges.slice(1)) {
    const upTo = edge === edges[ROWS] ? count : histogram.countBetween(0, edge);
    counts.push(upTo - below);
    below = upTo;
  }
  const most = Math.max(...counts);
  const ranges = counts.map((_, row) => [
    nanoseconds(edges[row] ?? 0),
    nanoseconds(edges[row + 1] ?? 0),
  ]);
  const lowWidth = Math.max(...ranges.map(([from = '']) => from.length));
  const highWidth = Math.max(...ranges.map(([, to = '']) => to.length));
  const countWidth = grouped(most).length;
  const room = Math.max(width - lowWidth - highWidth - countWidth - 9, 8);
  return counts.map((number, row) => {
    const [from = '', to = ''] = ranges[row] ?? [];
    const range = `${from.padStart(lowWidth)} – ${to.padStart(highWidth)}`;
    return `  ${range}  ${grouped(number).padStart(countWidth)} ${bar(number / most, room)}`.trimEnd();
  });
}
