import type { ValueMetadata } from '../../engine/session/metadata';
import type { Sample } from '../../optimize/compare/sample';
import { OnliteError } from '../../errors';
import { readLabels } from '../feeds/labels';
import { randomSamples, readSamples } from '../feeds/sample-set';
import type { ImageOptions } from '../feeds/images';
import type { SampleSet } from '../feeds/samples';

/** Where samples come from, by option. */
export interface SampleOptions {
  readonly data?: string;
  readonly images: ImageOptions;
  readonly test?: string;
  readonly labels?: string;
  readonly samples?: number;
}

/** Samples that can be gone through again. */
export interface Rerun {
  readonly count: number;
  readonly samples: () => AsyncIterable<Sample>;
}

/** Samples that calibrate a model, and others that judge it. */
export interface Split {
  readonly calibration: Rerun;
  readonly heldOut: Rerun;
  /** Whether none of those that judge has calibrated. */
  readonly areApart: boolean;
}

type LabelsOf = ((index: number) => Sample['labels']) | undefined;

/** With fewer samples than this none is kept from calibration. */
const LEAST_TO_SPLIT = 8;
/** One of so many is held out. */
const HELD_OUT = 4;
const RANDOM_SAMPLES = 10;

function rerun(set: SampleSet, indices: readonly number[], labels: LabelsOf): Rerun {
  async function* samples(): AsyncGenerator<Sample> {
    for (const index of indices) {
      const own = labels?.(index);
      yield { feeds: await set.sample(index), ...(own ? { labels: own } : {}) };
    }
  }
  return { count: indices.length, samples };
}

const firstOf = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Samples of noise, for methods that look at no activation. */
async function noise(inputs: readonly ValueMetadata[]): Promise<SampleSet> {
  const set = randomSamples(inputs, { count: RANDOM_SAMPLES, seed: 0, shapes: [] });
  await set.sample(0).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OnliteError(
      'ERR_INVALID_ARGUMENT',
      `--data: samples are needed, random ones do not fit the model (${reason})`,
      { cause },
    );
  });
  return set;
}

/**
 * The samples of `--data`, of which every fourth judges the result, or all of `--test` do.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT where they cannot be read.
 */
export async function readSplit(
  { data, images, test, labels, samples }: SampleOptions,
  inputs: readonly ValueMetadata[],
): Promise<Split> {
  const set =
    data === undefined
      ? await noise(inputs)
      : await readSamples(data, inputs, {
          images,
          ...(samples === undefined ? {} : { limit: samples }),
        });
  const all = firstOf(Math.min(set.count, samples ?? Infinity));
  if (test !== undefined) {
    const others = await readSamples(test, inputs, { images });
    const truth = await readLabels(labels, others.labels, others.count);
    return {
      calibration: rerun(set, all, undefined),
      heldOut: rerun(others, firstOf(others.count), truth),
      areApart: true,
    };
  }
  const truth = await readLabels(labels, set.labels, set.count);
  if (all.length < LEAST_TO_SPLIT) {
    const both = { calibration: rerun(set, all, undefined), heldOut: rerun(set, all, truth) };
    return { ...both, areApart: false };
  }
  const isHeldOut = (index: number): boolean => index % HELD_OUT === HELD_OUT - 1;
  return {
    calibration: rerun(
      set,
      all.filter((index) => !isHeldOut(index)),
      undefined,
    ),
    heldOut: rerun(set, all.filter(isHeldOut), truth),
    areApart: true,
  };
}

/** What a command's document says of the samples. */
export interface SamplesUsed {
  readonly calibration: number;
  readonly heldOut: number;
  /** Where they came from: a path, or `random`. */
  readonly source: string;
  /** Whether none of those that judge has calibrated. */
  readonly areApart: boolean;
}

export const samplesUsed = (
  { calibration, heldOut, areApart }: Split,
  { data, test }: SampleOptions,
): SamplesUsed => ({
  calibration: calibration.count,
  heldOut: heldOut.count,
  source: data ?? test ?? 'random',
  areApart,
});
