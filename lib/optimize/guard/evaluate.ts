import { interleave } from '../../bench/interleave';
import { batchFor, sampleSync } from '../../bench/sample';
import type { Summary } from '../../bench/statistics';
import { throwIfAborted } from '../../engine/run/abort';
import { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import { compareModels, type ModelComparison } from '../compare/compare-models';
import { feedsFor } from '../compare/feeds';
import { matchValues } from '../compare/match';
import type { Task } from '../compare/quality';
import { checkedSamples, type Sample, type Samples } from '../compare/sample';

/** How good a model is, as far as a comparison with the float model says. */
export interface Fidelity {
  /** The worst output's, in dB. */
  readonly sqnr: number;
  /** Share of rows of the first scores whose greatest class is the float model's. */
  readonly agreement?: number;
  /** By the labels, of the float model and of this one. */
  readonly accuracy?: readonly [reference: number, candidate: number];
}

export interface EvaluateOptions {
  readonly session?: SessionOptions;
  readonly output?: string;
  readonly task?: Task;
  /** Outputs that are not the same from run to run, and say nothing. */
  readonly random?: readonly string[];
  readonly signal?: AbortSignal;
}

function fidelityOf({ candidates, quality }: ModelComparison, random: readonly string[]): Fidelity {
  const all = candidates[0]?.outputs ?? [];
  const outputs = all.filter(({ name }) => !random.includes(name));
  const sqnr = Math.min(...outputs.map(({ difference }) => difference.sqnr));
  const agreement = outputs.find((output) => output.agreement)?.agreement?.top1;
  const [reference, candidate] = (quality ?? []).map((found) =>
    found.kind === 'classification' ? found.accuracy : undefined,
  );
  return {
    sqnr,
    ...(agreement === undefined ? {} : { agreement }),
    ...(reference === undefined || candidate === undefined
      ? {}
      : { accuracy: [reference, candidate] }),
  };
}

/** Runs what needs sessions of two models, and releases them. */
async function withSessions<Result>(
  models: readonly [reference: string, candidate: string],
  options: SessionOptions | undefined,
  use: (sessions: readonly [InferenceSession, InferenceSession]) => Promise<Result>,
): Promise<Result> {
  const reference = await InferenceSession.create(models[0], options);
  try {
    const candidate = await InferenceSession.create(models[1], options);
    try {
      return await use([reference, candidate]);
    } finally {
      await candidate.release();
    }
  } finally {
    await reference.release();
  }
}

/** Compares a candidate with the float model on samples. */
export function evaluate(
  models: readonly [reference: string, candidate: string],
  samples: Samples,
  { session, output, task, random = [], signal }: EvaluateOptions = {},
): Promise<Fidelity> {
  const options = {
    ...(output === undefined ? {} : { output }),
    ...(task === undefined ? {} : { task }),
    ...(signal === undefined ? {} : { signal }),
  };
  return withSessions(models, session, async (sessions) =>
    fidelityOf(await compareModels(sessions, samples, options), random),
  );
}

/** The reference's time divided by the candidate's, with its 95 % interval. */
export interface Speedup {
  readonly ratio: number;
  readonly interval: readonly [low: number, high: number];
  /** Nanoseconds of a run, the medians of both. */
  readonly times: readonly [reference: number, candidate: number];
}

const REPETITIONS = 8;
const SLICE_MS = 40;

/** What the first of the samples is fed. */
export async function firstFeeds(samples: Samples, signal?: AbortSignal): Promise<Sample['feeds']> {
  const iterator = checkedSamples(samples, signal);
  const first = await iterator.next();
  await iterator.return(undefined);
  return first.done === true ? {} : first.value.feeds;
}

/** Runs both models on one sample in turn, and says how much quicker the candidate is. */
export function measureSpeedup(
  models: readonly [reference: string, candidate: string],
  samples: Samples,
  session?: SessionOptions,
  signal?: AbortSignal,
): Promise<Speedup> {
  return withSessions(models, { intraOpNumThreads: 1, ...session }, async (sessions) => {
    const sample = await firstFeeds(samples);
    const inputs = sessions[0].inputMetadata;
    const slices = (each: InferenceSession): (() => Summary) => {
      // A quantised model may take other types.
      const matching = matchValues(inputs, each.inputMetadata, 'inputs');
      const feeds = feedsFor(matching, inputs, new Map(), sample);
      const run = (): unknown => each.runSync(feeds);
      const { p50 } = sampleSync(run, { ms: SLICE_MS });
      return () => {
        throwIfAborted(signal);
        return sampleSync(run, { ms: SLICE_MS, batch: batchFor(p50) });
      };
    };
    const [baseline, subject] = [slices(sessions[0]), slices(sessions[1])];
    const { ratio, ...found } = await interleave({ subject, baseline, repetitions: REPETITIONS });
    const [low, high] = ratio.interval;
    return {
      ratio: 1 / ratio.median,
      interval: [1 / high, 1 / low] as const,
      times: [found.baseline.median, found.subject.median] as const,
    };
  });
}
