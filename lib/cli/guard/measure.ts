import type { TensorLike } from '../../engine/run/feeds';
import { firstFeeds } from '../../optimize/guard/evaluate';
import type { Samples } from '../../optimize/compare/sample';
import type { Setting } from '../bench/setting';
import { measureSpeed, type Speed } from '../compare/speed';
import type { GuardSettings } from './options';

/**
 * Measures latency, load time and memory of two models on the first of the samples, each in processes
 * of its own.
 */
export async function measureBoth(
  models: readonly [before: string, after: string],
  labels: readonly [before: string, after: string],
  samples: Samples,
  { threads, speed }: Pick<GuardSettings, 'threads' | 'speed'>,
): Promise<Speed | undefined> {
  if (!speed) return undefined;
  // The model's own time, without the hand-over to a thread.
  const settings = models.map((model): Setting => ({
    model,
    concurrency: 1,
    api: 'sync',
    threads,
  }));
  const feeds = (await firstFeeds(samples)) as Record<string, TensorLike>;
  return measureSpeed(settings, labels, [feeds, feeds], speed);
}
