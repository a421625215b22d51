import { LATENCY_EDGES, type ServedModel } from '../models';
import type { Sample, Value } from './text';

const RUN_PHASES = ['queue', 'bind', 'invoke', 'fetch'] as const;

const BATCH_EDGES: readonly number[] = Array.from({ length: 11 }, (_, power) => 2 ** power);

type Labels = Readonly<Record<'model' | 'version', string>>;

/** What the session has measured natively of its runs, those of all threads and protocols. */
export const runDurations = ({ session }: ServedModel, labels: Labels): Sample[] =>
  RUN_PHASES.map((phase) => {
    const samples: Counted[] = [];
    for (const { lowest, highest, count } of session.latency[phase].buckets()) {
      // A bucket that an edge lies in is below it, as in onlite/metrics.
      samples.push({ from: lowest / 1e9, value: (lowest + highest) / 2e9, count });
    }
    return [{ ...labels, phase }, histogram(LATENCY_EDGES, samples)];
  });

/** Of sessions that gather runs. */
export function batchSizes({ session }: ServedModel, labels: Labels): Sample[] {
  const sizes = Object.entries(session.latency.snapshot().batchSizes).map(([rows, count]) => ({
    from: Number(rows),
    value: Number(rows),
    count,
  }));
  return sizes.length === 0 ? [] : [[labels, histogram(BATCH_EDGES, sizes)]];
}

interface Counted {
  readonly from: number;
  readonly value: number;
  readonly count: number;
}

function histogram(edges: readonly number[], samples: readonly Counted[]): Value {
  const counts = edges.map(() => 0);
  let count = 0;
  let sum = 0;
  for (const sample of samples) {
    const bucket = edges.findIndex((edge) => sample.from <= edge);
    if (bucket >= 0) counts[bucket] = (counts[bucket] ?? 0) + sample.count;
    count += sample.count;
    sum += sample.value * sample.count;
  }
  let below = 0;
  return { edges, counts: counts.map((each) => (below += each)), count, sum };
}
