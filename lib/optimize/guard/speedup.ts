import { interleave } from '../../bench/interleave';
import { batchFor, sampleSync } from '../../bench/sample';
import type { Summary } from '../../bench/statistics';
import { throwIfAborted } from '../../abort';
import type { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import type { Ends } from '../compare/contender';
import { feedsFor } from '../compare/feeds';
import { matchValues } from '../compare/match';
import { checkedSamples, type Sample, type Samples } from '../compare/sample';
import { modelByteLength } from './byte-length';
import { withSession } from './with-session';

/** The reference's time divided by the candidate's, with its 95 % interval. */
export interface Speedup {
  readonly ratio: number;
  readonly interval: readonly [low: number, high: number];
  /** Nanoseconds of a run, the medians of both. */
  readonly times: readonly [reference: number, candidate: number];
}

/**
 * So many slices of each model, first short ones; where these do not say which side of the limit the
 * ratio is on, more and longer ones.
 */
const REPETITIONS = { first: 8, more: 12 } as const;
/** A slice has so many runs, within these milliseconds. */
const RUNS = 10;
const SLICE_MS = { first: 6, least: 8, most: 24 } as const;
/** Models of more bytes together are not in memory at the same time. */
const LARGE = 512 * 2 ** 20;

/** What the first of the samples is fed. */
export async function firstFeeds(samples: Samples, signal?: AbortSignal): Promise<Sample['feeds']> {
  const iterator = checkedSamples(samples, signal);
  const first = await iterator.next();
  await iterator.return(undefined);
  return first.done === true ? {} : first.value.feeds;
}

export interface SpeedupOptions {
  readonly session?: SessionOptions;
  readonly signal?: AbortSignal;
  /** The ratio to which it matters on which side of it a model is; 1 by default. */
  readonly limit?: number;
}

/** Times a slice of a model's runs, a short one or one that says more. */
type Slice = (isFirst: boolean) => Summary;

/** @returns when the model is warm */
function slicesOf(run: () => unknown, signal: AbortSignal | undefined): Slice {
  const { p50 } = sampleSync(run, { ms: SLICE_MS.first });
  const long = Math.min(Math.max((RUNS * p50) / 1e6, SLICE_MS.least), SLICE_MS.most);
  return (isFirst) => {
    throwIfAborted(signal);
    return sampleSync(run, { ms: isFirst ? SLICE_MS.first : long, batch: batchFor(p50) });
  };
}

/** A model that is open, as a program of the reference's inputs runs it. */
function slicesWith(
  session: InferenceSession,
  inputs: Ends['inputMetadata'],
  sample: Sample['feeds'],
  signal: AbortSignal | undefined,
): Slice {
  // A quantised model may take other types.
  const matching = matchValues(inputs, session.inputMetadata, 'inputs');
  const feeds = feedsFor(matching, inputs, new Map(), sample);
  return slicesOf(() => session.runSync(feeds), signal);
}

/** What so many slices gave, over and over. */
function replayed(slice: Slice): Slice {
  const slices = Array.from({ length: REPETITIONS.first }, () => slice(false));
  let next = 0;
  return () => slices[next++ % slices.length] ?? slice(false);
}

/**
 * Runs both models on one sample and says how much quicker the candidate is: in turn, or large ones
 * one after the other.
 */
export async function measureSpeedup(
  [reference, candidate]: readonly [reference: string, candidate: string],
  samples: Samples,
  { session, signal, limit = 1 }: SpeedupOptions = {},
): Promise<Speedup> {
  const sample = await firstFeeds(samples, signal);
  const options = { intraOpNumThreads: 1, ...session };
  const slices = async (
    [baseline, subject]: readonly [Slice, Slice],
    isFirst: boolean,
  ): Promise<Speedup> => {
    const { ratio, ...found } = await interleave({
      subject: () => subject(isFirst),
      baseline: () => baseline(isFirst),
      repetitions: isFirst ? REPETITIONS.first : REPETITIONS.more,
      ...(isFirst ? { attempts: 1 } : {}),
    });
    const [low, high] = ratio.interval;
    return {
      ratio: 1 / ratio.median,
      interval: [1 / high, 1 / low],
      times: [found.baseline.median, found.subject.median],
    };
  };
  const compare = async (...sides: [baseline: Slice, subject: Slice]): Promise<Speedup> => {
    const first = await slices(sides, true);
    const [low, high] = first.interval;
    return low > limit || high < limit ? first : slices(sides, false);
  };
  const bytes = (await modelByteLength(reference)) + (await modelByteLength(candidate));
  if (bytes <= LARGE) {
    return withSession(reference, options, (first) =>
      withSession(candidate, options, (second) => {
        const slice = (each: InferenceSession): Slice =>
          slicesWith(each, first.inputMetadata, sample, signal);
        return compare(slice(first), slice(second));
      }),
    );
  }
  const [baseline, inputs] = await withSession(reference, options, (first) => {
    const { inputMetadata } = first;
    return [replayed(slicesWith(first, inputMetadata, sample, signal)), inputMetadata] as const;
  });
  const subject = await withSession(candidate, options, (second) =>
    replayed(slicesWith(second, inputs, sample, signal)),
  );
  return slices([baseline, subject], true);
}
