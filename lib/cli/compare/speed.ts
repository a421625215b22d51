import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { TensorLike } from '../../engine/run/feeds';
import { writeNpy, type NpyArray } from '../../formats/npy';
import { aggregate } from '../bench/aggregate';
import { compareMetrics, type MetricComparison } from '../bench/metrics';
import { measureWithProgress } from '../bench/progress';
import type { Measured } from '../bench/result';
import type { Protocol, SettingOutcome } from '../bench/schedule';
import type { Setting } from '../bench/setting';
import { withTemporaryFolder } from '../temporary-folder';

/** Latency and memory of one model, in processes of its own. */
export interface ModelSpeed {
  readonly failed?: SettingOutcome['failed'];
  /** Nanoseconds from the call of a run to its result. */
  readonly p50?: number;
  readonly p99?: number;
  readonly load?: number;
  /** Bytes of resident memory. */
  readonly peakMemory?: number;
  /**
   * The reference's median latency divided by this model's, with its 95 % interval; not of the
   * reference.
   */
  readonly speedup?: Pick<MetricComparison, 'ratio' | 'interval' | 'verdict'>;
}

/** The models' figures, in their order. */
export interface Speed {
  readonly protocol: Omit<Protocol, 'profileRuns'>;
  readonly models: readonly ModelSpeed[];
}

/** Bench's ratio is of times. */
function speedup(times: MetricComparison): NonNullable<ModelSpeed['speedup']> {
  const [low, high] = times.interval;
  return {
    ratio: 1 / times.ratio,
    interval: [high === null ? 0 : 1 / high, low === 0 ? null : 1 / low],
    verdict: times.verdict,
  };
}

function percentileOf({ latency }: Measured, percent: number): number | undefined {
  return latency.percentiles.find(({ percentile }) => percentile === percent)?.value;
}

function modelSpeed(measured: Measured, reference: Measured | undefined): ModelSpeed {
  const [p50, p99] = [percentileOf(measured, 50), percentileOf(measured, 99)];
  const times = reference && compareMetrics(measured, reference, 0.01).p50;
  return {
    ...(p50 === undefined ? {} : { p50 }),
    ...(p99 === undefined ? {} : { p99 }),
    load: measured.load.median,
    peakMemory: measured.memory.peak,
    ...(times ? { speedup: speedup(times) } : {}),
  };
}

/** Files of tensors for other processes, as `--input` values. */
async function writeFeeds(
  folder: string,
  feeds: Readonly<Record<string, TensorLike>>,
): Promise<string[]> {
  const inputs: string[] = [];
  for (const [name, { type, dims, data }] of Object.entries(feeds)) {
    const file = join(folder, `${inputs.length}.npy`);
    await writeFile(file, writeNpy({ type, dims, data: data as NpyArray['data'] }));
    inputs.push(`${name}=${file}`);
  }
  return inputs;
}

/**
 * Measures the models in turn, each in several processes of its own, as `onlite bench` does.
 *
 * @param feeds - of each model; of a model that is there twice the first
 */
export async function measureSpeed(
  settings: readonly Setting[],
  labels: readonly string[],
  feeds: readonly Readonly<Record<string, TensorLike>>[],
  protocol: Protocol,
): Promise<Speed> {
  return withTemporaryFolder('onlite-compare-', async (folder) => {
    const inputs = new Map<string, readonly string[]>();
    for (const [index, { model }] of settings.entries()) {
      const own = await mkdtemp(join(folder, 'model-'));
      inputs.set(model, await writeFeeds(own, feeds[index] ?? {}));
    }
    const outcomes = await measureWithProgress(
      { ...protocol, settings, shapes: [], inputs: (model) => inputs.get(model) ?? [] },
      labels,
    );
    const measured = settings.map((setting, index) => {
      const { results = [], failed } = outcomes[index] ?? {};
      return failed ? undefined : aggregate(setting, results);
    });
    const [reference] = measured;
    const models = measured.map((figures, index): ModelSpeed => {
      const failed = outcomes[index]?.failed;
      if (!figures) return failed ? { failed } : {};
      return modelSpeed(figures, index === 0 ? undefined : reference);
    });
    const { processes, blocks, total, warmUpMs } = protocol;
    return { protocol: { processes, blocks, total, warmUpMs }, models };
  });
}
