import type { SessionOptions } from '../../engine/session/session-options';
import { Calibrator } from '../calibrate/calibrator';
import type { Moments } from '../calibrate/channel-moments';
import { someOf, spreadOver, type Sample, type Samples } from '../compare/sample';
import type { Yardstick } from '../guard/yardstick';
import { biasedValues, matchMomentsInOrder, type OrderedMatchingOptions } from './bias-correction';
import type { MatchedMoments, MomentsByValue } from './moments';
import { inspectModel, type OpenModel, type Workspace } from './workspace';

/** Two models of the same values, the second to have the moments of the first. */
export interface MatchedModels {
  readonly reference: string;
  /** The model that is changed: its weights and biases are. */
  readonly changed: string;
  /** The channels of the reference that the changed model has, of values that have lost some. */
  readonly kept?: ReadonlyMap<string, readonly number[]>;
}

export interface Matching extends MatchedModels {
  /** Writes what is measured of the changed model, such as its quantised form; by default itself. */
  readonly coarsen?: (changed: OpenModel) => Promise<string>;
}

export interface MatchingRun {
  readonly session?: SessionOptions;
  readonly signal?: AbortSignal;
}

/** The moments of some values of a model, by their channels' axes. */
export async function momentsOf(
  model: string | Uint8Array,
  axes: ReadonlyMap<string, number>,
  samples: Samples,
  { session, signal }: MatchingRun,
): Promise<ReadonlyMap<string, Moments>> {
  const options = { histograms: false, moments: axes, ...(session ? { session } : {}) };
  const calibrator = await Calibrator.create(model, [...axes.keys()], options);
  try {
    await calibrator.collect(samples, signal ? { signal } : {});
    return calibrator.moments;
  } finally {
    await calibrator.release();
  }
}

/** Finds the moments of some values of a model, by their channels' axes. */
export type Measure = (
  model: string | Uint8Array,
  axes: ReadonlyMap<string, number>,
) => Promise<MomentsByValue>;

/** So many samples say what the means of channels are; */
const MANY = 48;
/** these are enough for channels that have as many elements in each of them. */
const FEW = 24;
const ENOUGH = 1024;

/**
 * Means by a part of the samples that is large enough: the same part for a value of any model that
 * has it in the same size.
 */
function bySomeOf(samples: readonly Sample[], { session, signal }: MatchingRun): Measure {
  const many = spreadOver(samples, MANY);
  const few = spreadOver(many, FEW);
  const others = many.filter((sample) => !few.includes(sample));
  return async (model, axes) => {
    const created = { histograms: false, moments: axes, ...(session ? { session } : {}) };
    const calibrator = await Calibrator.create(model, [...axes.keys()], created);
    const collect = (part: Samples): Promise<void> =>
      calibrator.collect(part, signal ? { signal } : {});
    try {
      await collect(few);
      const found = new Map(calibrator.moments);
      const enough = [...found].filter(([, { count }]) => count >= ENOUGH);
      if (enough.length === found.size || others.length === 0) return found;
      await collect(others);
      return new Map([...calibrator.moments, ...enough]);
    } finally {
      await calibrator.release();
    }
  };
}

/** What the means of channels are by some of a yardstick's samples. */
export async function measureMeans(yardstick: Yardstick, options: MatchingRun): Promise<Measure> {
  const samples = await yardstick.samples();
  if (Array.isArray(samples)) return bySomeOf(samples as readonly Sample[], options);
  return async (model, axes) =>
    momentsOf(model, axes, someOf(await yardstick.samples(), MANY), options);
}

const ofChannels = (
  { mean, variance }: MatchedMoments,
  channels: readonly number[],
): MatchedMoments => ({
  mean: Float64Array.from(channels, (channel) => mean[channel] ?? 0),
  variance: Float64Array.from(channels, (channel) => variance[channel] ?? 0),
});

/** The moments of the channels that are kept of each value. */
export const ofKept = (
  found: MomentsByValue,
  kept: MatchedModels['kept'] = new Map<string, readonly number[]>(),
): MomentsByValue =>
  new Map(
    [...found].map(([value, moments]) => {
      const channels = kept.get(value);
      return [value, channels ? ofChannels(moments, channels) : moments];
    }),
  );

/**
 * Writes a model whose layers make on average what the reference's make, where they are measured.
 *
 * @returns the file; undefined where the model has no bias to correct
 */
export async function writeMatched(
  { reference, changed, coarsen, kept }: Matching,
  workspace: Workspace,
  measure: Measure,
  options: Omit<OrderedMatchingOptions, 'folder'> = {},
): Promise<string | undefined> {
  const axes = inspectModel(changed, biasedValues);
  if (axes.size === 0) return undefined;
  const wanted = ofKept(await measure(reference, axes), kept);
  const coarse =
    coarsen ??
    (async (model: OpenModel) =>
      (await workspace.rewrite(model, 'partly-matched', () => undefined)).file);
  const { file } = await workspace.rewrite(changed, 'matched', (editor, folder) =>
    matchMomentsInOrder(
      editor,
      wanted,
      async (own) => {
        const measured = await coarse({ model: editor.model, folder });
        const moments = await measure(measured, own);
        await workspace.discard(measured);
        return moments;
      },
      { ...options, folder },
    ),
  );
  return file;
}
