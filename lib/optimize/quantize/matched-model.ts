import type { SessionOptions } from '../../engine/session/session-options';
import { Calibrator } from '../calibrate/calibrator';
import type { Moments } from '../calibrate/channel-moments';
import type { Samples } from '../compare/sample';
import { biasedValues, matchMomentsInOrder, type OrderedMatchingOptions } from './bias-correction';
import type { MatchedMoments, MomentsByValue } from './moments';
import { inspectModel, type OpenModel, type Workspace } from './workspace';

/**
 * Two models of the same values, the second to have the moments of the first.
 *
 * @typeParam Changed - how a model that is being changed is handed on to be measured
 */
export interface Matching<Changed = OpenModel> {
  readonly reference: string;
  /** The model that is changed: its weights and biases are. */
  readonly changed: string;
  /** Writes what is measured of the changed model, such as its quantised form; by default itself. */
  readonly coarsen?: (changed: Changed) => Promise<string>;
  /** The channels of the reference that the changed model has, of values that have lost some. */
  readonly kept?: ReadonlyMap<string, readonly number[]>;
}

export interface MatchingRun extends Omit<OrderedMatchingOptions, 'folder'> {
  readonly session?: SessionOptions;
  readonly signal?: AbortSignal;
}

/** The moments of some values of a model, by their channels' axes. */
export async function momentsOf(
  file: string,
  axes: ReadonlyMap<string, number>,
  samples: Samples,
  { session, signal }: MatchingRun,
): Promise<ReadonlyMap<string, Moments>> {
  const options = { histograms: false, moments: axes, ...(session ? { session } : {}) };
  const calibrator = await Calibrator.create(file, [...axes.keys()], options);
  try {
    await calibrator.collect(samples, signal ? { signal } : {});
    return calibrator.moments;
  } finally {
    await calibrator.release();
  }
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
  kept: Matching['kept'] = new Map<string, readonly number[]>(),
): MomentsByValue =>
  new Map(
    [...found].map(([value, moments]) => {
      const channels = kept.get(value);
      return [value, channels ? ofChannels(moments, channels) : moments];
    }),
  );

/**
 * Writes a model whose layers make, on average over the samples, what the reference's make.
 *
 * @returns the file; undefined where the model has no bias to correct
 */
export async function writeMatched(
  { reference, changed, coarsen, kept }: Matching,
  workspace: Workspace,
  samples: () => Samples,
  options: MatchingRun = {},
): Promise<string | undefined> {
  const axes = inspectModel(changed, biasedValues);
  if (axes.size === 0) return undefined;
  const wanted = ofKept(await momentsOf(reference, axes, samples(), options), kept);
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
        const moments = await momentsOf(measured, own, samples(), options);
        await workspace.discard(measured);
        return moments;
      },
      { ...options, folder },
    ),
  );
  return file;
}
