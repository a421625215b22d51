import { phases } from '../engine/latency/latency';
import { livePools } from '../engine/tensor/pool/tensor-pool';
import { ownPools } from '../engine/run/own-pools';
import { BucketCounts, firstAtLeast } from './bucket-counts';
import { histogramSamples, type HistogramValues, type MetricFamily } from './families';
import { latestGpus } from './gpus';
import type { CheckedMetricsOptions } from './options';
import { sessionGroups, type SessionGroup } from './sessions';

type Family = Omit<MetricFamily, 'samples'>;

const families = {
  duration: {
    name: 'onlite_run_duration_seconds',
    type: 'histogram',
    help: 'Time of the runs that succeeded, by phase; total is from the call to the result.',
  },
  runs: { name: 'onlite_runs_total', type: 'counter', help: 'Runs that succeeded.' },
  inline: {
    name: 'onlite_runs_inline_total',
    type: 'counter',
    help: 'Runs asked for asynchronously that the calling thread made at once.',
  },
  errors: {
    name: 'onlite_run_errors_total',
    type: 'counter',
    help: 'Runs that failed, by error code; cancelled and timed out ones are among them.',
  },
  cancelled: {
    name: 'onlite_runs_cancelled_total',
    type: 'counter',
    help: 'Runs that were cancelled.',
  },
  timedOut: { name: 'onlite_runs_timed_out_total', type: 'counter', help: 'Runs that timed out.' },
  rejected: {
    name: 'onlite_runs_rejected_total',
    type: 'counter',
    help: 'Runs that were refused because the queue was full.',
  },
  sessions: { name: 'onlite_sessions', type: 'gauge', help: 'Sessions that are loaded.' },
  queue: { name: 'onlite_queue_depth', type: 'gauge', help: 'Runs that wait for a thread.' },
  inFlight: {
    name: 'onlite_runs_in_flight',
    type: 'gauge',
    help: 'Runs on a thread of their own now; a batch is one.',
  },
  batches: {
    name: 'onlite_batch_size',
    type: 'histogram',
    help: 'Rows of the batches that were started, without padding.',
  },
  nativeMemory: {
    name: 'onlite_native_memory_bytes',
    type: 'gauge',
    help: "onlite's own native memory; what the runtimes allocate is not known.",
  },
  pools: {
    name: 'onlite_pool_bytes',
    type: 'gauge',
    help: "Memory of the tensor pools: onlite's own (default) and all others.",
  },
  resident: {
    name: 'onlite_resident_memory_bytes',
    type: 'gauge',
    help: "The process's resident memory.",
  },
  cpu: {
    name: 'onlite_cpu_seconds_total',
    type: 'counter',
    help: 'CPU time of the process, all threads together.',
  },
  eventLoop: {
    name: 'onlite_event_loop_delay_seconds',
    type: 'histogram',
    help: 'How late a timer of the event loop fired.',
  },
  gpuMemory: { name: 'onlite_gpu_memory_bytes', type: 'gauge', help: 'Memory of the GPU.' },
  gpuUse: {
    name: 'onlite_gpu_utilization_ratio',
    type: 'gauge',
    help: "Share of the driver's last sampling period in which the GPU was busy.",
  },
  gpuMemoryUse: {
    name: 'onlite_gpu_memory_utilization_ratio',
    type: 'gauge',
    help: "Share of the driver's last sampling period in which the GPU's memory was busy.",
  },
} as const satisfies Record<string, Family>;

/** Every family that there can be. */
export const allFamilies: readonly Family[] = Object.values(families);

/** Everything as it is now, but the GPUs as they were last sampled. Those without samples too. */
export function collect(options: CheckedMetricsOptions): MetricFamily[] {
  return [
    ...sessionFamilies(sessionGroups(), options),
    poolFamily(),
    ...(options.process ? processFamilies() : []),
    ...(options.eventLoopDelay === undefined ? [] : [eventLoopFamily(options)]),
    ...(options.gpu ? gpuFamilies() : []),
  ];
}

function sessionFamilies(
  groups: readonly SessionGroup[],
  { buckets, batchBuckets }: CheckedMetricsOptions,
): MetricFamily[] {
  const each = (family: Family, samplesOf: (group: SessionGroup) => MetricFamily['samples']) => ({
    ...family,
    samples: groups.flatMap(samplesOf),
  });
  const one = (family: Family, valueOf: (group: SessionGroup) => number): MetricFamily =>
    each(family, (group) => [{ labels: labelsOf(group), value: valueOf(group) }]);
  const sumOf =
    (value: (source: SessionGroup['sources'][number]) => number) => (group: SessionGroup) =>
      group.sources.reduce((sum, source) => sum + value(source), 0);
  const failures = (group: SessionGroup, code: 'ERR_CANCELLED' | 'ERR_TIMEOUT'): number =>
    group.totals.failures.get(code)?.count ?? 0;
  return [
    each(families.duration, (group) =>
      phases.flatMap((phase) => {
        const values = group.totals.phases[phase].toClassic(buckets);
        return histogramSamples({ ...labelsOf(group), phase }, buckets, values);
      }),
    ),
    one(families.runs, ({ totals }) => totals.phases.total.count),
    one(families.inline, ({ totals }) => totals.inlineRuns),
    each(families.errors, (group) =>
      [...group.totals.failures].map(([code, { count }]) => ({
        labels: { ...labelsOf(group), code },
        value: count,
      })),
    ),
    one(families.cancelled, (group) => failures(group, 'ERR_CANCELLED')),
    one(families.timedOut, (group) => failures(group, 'ERR_TIMEOUT')),
    one(families.rejected, ({ totals }) => totals.rejected),
    one(families.sessions, ({ sources }) => sources.length),
    one(
      families.queue,
      sumOf(({ native }) => native.queueDepth()),
    ),
    one(
      families.inFlight,
      sumOf(({ native }) => native.runsInFlight()),
    ),
    each(families.batches, (group) =>
      group.totals.batches.size === 0
        ? []
        : histogramSamples(
            labelsOf(group),
            batchBuckets,
            batchHistogram(group.totals.batches, batchBuckets),
          ),
    ),
    each(families.nativeMemory, (group) =>
      ['model', 'histograms'].map((kind, index) => ({
        labels: { ...labelsOf(group), kind },
        value: sumOf(({ native }) => native.memory()[index] ?? 0)(group),
      })),
    ),
  ];
}

function labelsOf({ model, engine }: SessionGroup): { model: string; engine: string } {
  return { model, engine };
}

function batchHistogram(
  batches: ReadonlyMap<number, number>,
  edges: readonly number[],
): HistogramValues {
  const counts = edges.map(() => 0);
  let total = 0;
  let sum = 0;
  for (const [rows, count] of batches) {
    // Not cumulative yet.
    const bucket = firstAtLeast(edges, rows);
    if (bucket < counts.length) counts[bucket] = (counts[bucket] ?? 0) + count;
    total += count;
    sum += rows * count;
  }
  let below = 0;
  return { counts: counts.map((count) => (below += count)), count: total, sum };
}

function poolFamily(): MetricFamily {
  const own = ownPools();
  const bytes = { default: { in_use: 0, free: 0 }, other: { in_use: 0, free: 0 } };
  for (const pool of livePools()) {
    const sums = bytes[own.has(pool) ? 'default' : 'other'];
    const { bytesInUse, bytesFree } = pool.stats;
    sums.in_use += bytesInUse;
    sums.free += bytesFree;
  }
  const samples = Object.entries(bytes).flatMap(([pool, states]) =>
    Object.entries(states).map(([state, value]) => ({ labels: { pool, state }, value })),
  );
  return { ...families.pools, samples };
}

function processFamilies(): MetricFamily[] {
  const { user, system } = process.cpuUsage();
  return [
    { ...families.resident, samples: [{ labels: {}, value: process.memoryUsage.rss() }] },
    {
      ...families.cpu,
      samples: [
        { labels: { mode: 'user' }, value: user / 1e6 },
        { labels: { mode: 'system' }, value: system / 1e6 },
      ],
    },
  ];
}

function eventLoopFamily({ buckets, eventLoopDelay }: CheckedMetricsOptions): MetricFamily {
  const counts = new BucketCounts();
  for (const { lowest, highest, count } of eventLoopDelay?.histogram.buckets() ?? []) {
    counts.add(Float64Array.of(lowest, highest, count));
  }
  return {
    ...families.eventLoop,
    samples: histogramSamples({}, buckets, counts.toClassic(buckets)),
  };
}

function gpuFamilies(): MetricFamily[] {
  const gpus = latestGpus().map((gpu) => ({ ...gpu, labels: { gpu: gpu.uuid, name: gpu.name } }));
  const each = (family: Family, valueOf: (gpu: (typeof gpus)[number]) => number | undefined) => ({
    ...family,
    samples: gpus.flatMap((gpu) => {
      const value = valueOf(gpu);
      return value === undefined ? [] : [{ labels: gpu.labels, value }];
    }),
  });
  const memory = gpus.flatMap(({ labels, usedBytes, totalBytes }) =>
    usedBytes === undefined || totalBytes === undefined
      ? []
      : [
          { labels: { ...labels, state: 'used' }, value: usedBytes },
          { labels: { ...labels, state: 'free' }, value: totalBytes - usedBytes },
        ],
  );
  return [
    { ...families.gpuMemory, samples: memory },
    each(families.gpuUse, ({ utilization }) => utilization),
    each(families.gpuMemoryUse, ({ memoryUtilization }) => memoryUtilization),
  ];
}
