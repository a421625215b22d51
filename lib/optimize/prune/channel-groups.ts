import { channelLayout } from '../quantize/parameters';
import type { ConstantAxis } from './channel-graph';
import type { ConstantFloats, CouplingWalk } from './coupling-walk';
import type { Norm, PruneScope } from './zero-weights';

/** Channels that can only be removed together, with the constants' elements that go with them. */
export interface CoupledChannels {
  /** The number that they have in common. */
  readonly id: number;
  readonly elements: readonly { readonly constant: ConstantAxis; readonly index: number }[];
}

/** Sets of coupled channels that have elements in the same constants. */
export interface ChannelGroup {
  /** The constants' dimensions that get smaller. */
  readonly axes: readonly ConstantAxis[];
  readonly members: readonly CoupledChannels[];
  /** Why all of them stay. */
  readonly pinned?: string;
}

const keyOf = ({ name, axis }: ConstantAxis): string => `${axis} ${name}`;

/** What a walk found, in the order in which the channels come about in the graph. */
export function channelGroups({ graph }: CouplingWalk): ChannelGroup[] {
  const members = new Map<number, { constant: ConstantAxis; index: number }[]>();
  for (const { constant, ids } of graph.constantAxes) {
    for (const [index, id] of ids.entries()) {
      const root = graph.find(id);
      const elements = members.get(root) ?? [];
      elements.push({ constant, index });
      members.set(root, elements);
    }
  }
  const pins = graph.pinned();
  const groups = new Map<string, ChannelGroup & { members: CoupledChannels[] }>();
  for (const [id, elements] of members) {
    const axes = new Map(elements.map(({ constant }) => [keyOf(constant), constant]));
    const reason = pins.get(id);
    const key = [...axes.keys(), ...(reason === undefined ? [] : ['', reason])].join('\n');
    const group = groups.get(key) ?? {
      axes: [...axes.values()],
      members: [],
      ...(reason === undefined ? {} : { pinned: reason }),
    };
    group.members.push({ id, elements });
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** The norm of each slice of a constant along an axis. */
function sliceNorms({ dims, values }: ConstantFloats, axis: number, norm: Norm): Float64Array {
  const { outer, channels, inner } = channelLayout(dims, axis);
  const norms = new Float64Array(channels);
  let index = 0;
  for (let block = 0; block < outer; block++) {
    for (let channel = 0; channel < channels; channel++) {
      let sum = norms[channel] ?? 0;
      for (const end = index + inner; index < end; index++) {
        const value = values[index] ?? 0;
        sum += norm === 'l1' ? Math.abs(value) : value * value;
      }
      norms[channel] = sum;
    }
  }
  return norm === 'l1' ? norms : norms.map(Math.sqrt);
}

/**
 * What removing each member of a group would take away: the norms of its slices of the weights,
 * together, as a multiple of the group's mean.
 */
function importances(
  { axes, members }: ChannelGroup,
  walk: CouplingWalk,
  norm: Norm,
): Float64Array {
  const norms = new Map<string, Float64Array>();
  for (const constant of axes) {
    // What has fewer dimensions, a bias or a factor, says little of what the channel carries.
    if ((walk.dims(constant.name)?.length ?? 0) < 2) continue;
    const floats = walk.floats(constant.name);
    if (!floats || floats.values.length === 0) continue;
    norms.set(keyOf(constant), sliceNorms(floats, constant.axis, norm));
  }
  const sums = Float64Array.from(members, ({ elements }) =>
    elements.reduce(
      (sum, { constant, index }) => sum + (norms.get(keyOf(constant))?.[index] ?? 0),
      0,
    ),
  );
  const mean = sums.reduce((sum, value) => sum + value, 0) / sums.length;
  return mean > 0 ? sums.map((sum) => sum / mean) : sums;
}

export interface ChannelOptions {
  readonly norm: Norm;
  /** Share of the channels that are removed, of those that may be. */
  readonly sparsity: number;
  /** Instead of a share: members of less importance go; 1 is the mean of their group. */
  readonly threshold?: number;
  readonly scope: PruneScope;
  /** What is left of a group is a multiple of this, as kernels like it, where it was one before. */
  readonly multiple: number;
}

/** How many members of each group stay when the least important of all go. */
function countsKept(ranked: readonly Float64Array[], options: ChannelOptions): number[] {
  const { sparsity, threshold, scope } = options;
  if (threshold !== undefined) {
    return ranked.map((values) => values.filter((value) => value >= threshold).length);
  }
  if (scope !== 'global') {
    return ranked.map(({ length }) => length - Math.round(sparsity * length));
  }
  const all = ranked.flatMap((values, group) => Array.from(values, (value) => ({ value, group })));
  all.sort((a, b) => a.value - b.value);
  const kept = ranked.map(({ length }) => length);
  for (const { group } of all.slice(0, Math.round(sparsity * all.length))) {
    kept[group] = (kept[group] ?? 0) - 1;
  }
  return kept;
}

/** Channels of a constant's dimension that one member of a group takes. */
function widthOf({ axes, members }: ChannelGroup): number {
  const elements = members[0]?.elements.length ?? 1;
  return Math.max(1, Math.floor(elements / axes.length));
}

/** The nearest number to `kept` that leaves a multiple of channels, where there was one. */
function rounded(kept: number, group: ChannelGroup, multiple: number): number {
  const all = group.members.length;
  const step = Math.ceil(multiple / widthOf(group));
  const least = all % step === 0 ? step : 1;
  return Math.min(all, Math.max(least, Math.round(kept / least) * least));
}

/** Puts channels back without which a value, such as a part of a Split, would have none. */
function withoutEmptying(
  removed: readonly CoupledChannels[],
  { graph }: CouplingWalk,
): CoupledChannels[] {
  const gone = new Set(removed.map(({ id }) => id));
  for (const { ids } of graph.values.values()) {
    const roots = Array.from(ids, (id) => graph.find(id));
    if (roots.every((id) => gone.has(id))) gone.delete(roots[0] ?? 0);
  }
  return removed.filter(({ id }) => gone.has(id));
}

/** The members of groups that go; each group and each value keeps one at least. */
export function leastImportant(
  groups: readonly ChannelGroup[],
  walk: CouplingWalk,
  options: ChannelOptions,
): CoupledChannels[] {
  const free = groups.filter(({ pinned }) => pinned === undefined);
  const ranked = free.map((group) => importances(group, walk, options.norm));
  const kept = countsKept(ranked, options);
  const removed = free.flatMap((group, at) => {
    const values = ranked[at] ?? new Float64Array();
    const order = [...group.members.keys()].sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
    const count = group.members.length - rounded(kept[at] ?? 0, group, options.multiple);
    return order.slice(0, count).flatMap((index) => group.members[index] ?? []);
  });
  return withoutEmptying(removed, walk);
}
