import type { Moments } from '../calibrate/channel-moments';

/** What of the moments of a value's channels is matched. */
export type MatchedMoments = Pick<Moments, 'mean' | 'variance'>;

/** By value. */
export type MomentsByValue = ReadonlyMap<string, MatchedMoments>;

/** What makes a layer have other moments. */
export interface MomentMatch {
  readonly bias: Float32Array;
  /** By which each channel's weights are multiplied: 1 where only means are matched. */
  readonly factors: Float64Array;
  /** The greatest change of a mean, in deviations of the reference's channel. */
  readonly greatestShift: number;
}

/**
 * The bias with which a layer that makes what was `found` makes on average what is `wanted`:
 * b′ = b + μ − μ′, and with deviations, w′ = r · w and b′ = r · (b − μ′) + μ for r = σ ∕ σ′.
 */
export function momentMatch(
  bias: Float32Array,
  wanted: MatchedMoments,
  found: MatchedMoments,
  { deviations }: { readonly deviations: boolean },
): MomentMatch {
  const factors = new Float64Array(bias.length).fill(1);
  let greatestShift = 0;
  const corrected = bias.map((added, channel) => {
    const [mean, deviation] = momentsOf(wanted, channel);
    const [ownMean, ownDeviation] = momentsOf(found, channel);
    const ratio = deviations ? deviation / ownDeviation : 1;
    const factor = ratio > 0 && Number.isFinite(ratio) ? ratio : 1;
    factors[channel] = factor;
    if (deviation > 0)
      greatestShift = Math.max(greatestShift, Math.abs(mean - ownMean) / deviation);
    return factor * (added - ownMean) + mean;
  });
  return { bias: corrected, factors, greatestShift };
}

const momentsOf = ({ mean, variance }: MatchedMoments, channel: number): [number, number] => [
  mean[channel] ?? 0,
  Math.sqrt(variance[channel] ?? 0),
];

/** An operator, as far as the order of a graph goes. */
interface Step {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Layers' values in groups, by how many layers are before them on the longest way. */
export function groupsInOrder(
  steps: readonly Step[],
  layers: ReadonlySet<string>,
  groups: number,
): Set<string>[] {
  const depths = new Map<string, number>();
  let deepest = 0;
  for (const { inputs, outputs } of steps) {
    const before = Math.max(0, ...inputs.map((name) => depths.get(name) ?? 0));
    for (const name of outputs) {
      const depth = layers.has(name) ? before + 1 : before;
      depths.set(name, depth);
      deepest = Math.max(deepest, depth);
    }
  }
  const count = Math.max(1, Math.min(groups, deepest));
  const result = Array.from({ length: count }, () => new Set<string>());
  for (const value of layers) {
    const depth = depths.get(value) ?? 1;
    result[Math.floor(((depth - 1) * count) / deepest)]?.add(value);
  }
  return result;
}
