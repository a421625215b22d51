import {
  channelGroups,
  leastImportant,
  type ChannelGroup,
  type ChannelOptions,
} from './channel-groups';
import type { CouplingWalk } from './coupling-walk';
import type { LayerWeights } from './layer-weights';
import { removeChannels } from './remove-channels';

/** Channels of layers that can only be removed together. */
export interface PrunedChannels {
  /** The layers that make or take them, by name. */
  readonly layers: readonly string[];
  readonly before: number;
  readonly after: number;
  /** Why all of them stay, where they do. */
  readonly reason?: string;
}

/** What became of a graph's channels. */
export interface RemovedChannels {
  readonly channels: readonly PrunedChannels[];
  /** The channels that each value keeps, by their places before, of values that lose some. */
  readonly kept: ReadonlyMap<string, readonly number[]>;
  /** Multiplications of a sample, before and after; where the sizes of all layers are known. */
  readonly products?: readonly [before: number, after: number];
}

/**
 * Removes the channels of least importance from a graph, with all that is coupled to them.
 *
 * @param exclude - operators by name (or first output) whose weights stay
 */
export function pruneChannels(
  walk: CouplingWalk,
  options: ChannelOptions,
  exclude: ReadonlySet<string>,
): RemovedChannels {
  walk.exclude(exclude);
  const groups = channelGroups(walk);
  const removed = leastImportant(groups, walk, options);
  const weights = walk.weights();
  const before = walk.countProducts();
  const kept = removeChannels(walk, removed);
  const after = walk.countProducts();
  const gone = new Set(removed);
  return {
    channels: groups
      .filter((group) => isMade(group, weights))
      .map((group) => {
        const count = group.members.filter((member) => gone.has(member)).length;
        return describe(group, layersOf(group, weights), count);
      }),
    kept,
    ...(before === undefined || after === undefined ? {} : { products: [before, after] as const }),
  };
}

/** Whether a group is of channels that a layer makes: not of inputs, nor of a kernel's taps. */
const isMade = ({ axes }: ChannelGroup, weights: readonly LayerWeights[]): boolean =>
  axes.some(({ name, axis }) =>
    weights.some((layer) => layer.name === name && layer.outputAxis === axis),
  );

const layersOf = ({ axes }: ChannelGroup, weights: readonly LayerWeights[]): string[] => {
  const names = new Set(axes.map(({ name }) => name));
  const own = weights.filter(({ name }) => names.has(name));
  return own.flatMap(({ layers }) => layers.map(({ node }) => node));
};

function describe(
  { members, pinned }: ChannelGroup,
  layers: readonly string[],
  removed: number,
): PrunedChannels {
  const before = members.length;
  const reason = pinned === undefined ? {} : { reason: pinned };
  return { layers, before, after: before - removed, ...reason };
}
