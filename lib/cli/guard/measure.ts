import type { TensorLike } from '../../engine/run/feeds';
import { InferenceSession } from '../../engine/session/session';
import { feedsFor } from '../../optimize/compare/feeds';
import { matchValues } from '../../optimize/compare/match';
import type { Samples } from '../../optimize/compare/sample';
import { firstFeeds } from '../../optimize/guard/speedup';
import type { Setting } from '../bench/setting';
import { measureSpeed, type Speed } from '../compare/speed';
import type { GuardSettings } from './options';

/** The inputs of a model of either format. */
export async function inputsOf(model: string): Promise<InferenceSession['inputMetadata']> {
  const session = await InferenceSession.create(model, {
    logSeverityLevel: 4,
    // It is not run: its weights need no room.
    graphOptimizationLevel: 'disabled',
    extra: { 'session.disable_prepacking': '1' },
  });
  const inputs = session.inputMetadata;
  await session.release();
  return inputs;
}

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
  const sample = await firstFeeds(samples);
  const [inputs, others] = [await inputsOf(models[0]), await inputsOf(models[1])];
  // A quantised model may take other types.
  const feedsOf = (own: typeof inputs): Record<string, TensorLike> =>
    feedsFor(matchValues(inputs, own, 'inputs'), inputs, new Map(), sample);
  return measureSpeed(settings, labels, [feedsOf(inputs), feedsOf(others)], speed);
}
