import type { Channels } from './channel-graph';
import type { CouplingWalk } from './coupling-walk';

export const MIXED = 'it mixes channels';
export const UNKNOWN = 'the sizes of what it takes are not known';
export const UNKNOWN_OPERATOR = 'what it does with channels is not known';
export const COMPUTED = 'its weights are computed';

const SAME_FOR_ALL = 'it is the same for all channels';

/** Ties a bias of one element a channel; one that is the same for all channels stays as it is. */
export function coupleBias(
  walk: CouplingWalk,
  name: string,
  outputs: Int32Array,
): string | undefined {
  if (name === '') return undefined;
  const dims = walk.isConstant(name) ? walk.dims(name) : undefined;
  if (!dims) return 'its bias is computed';
  const size = dims.at(-1) ?? 1;
  if (size !== outputs.length && size !== 1) return 'its bias has another size';
  const [own] = walk.elements(name, dims.length - 1);
  if (own && size === outputs.length) walk.graph.couple(own, outputs);
  else walk.keep(name, SAME_FOR_ALL);
  return undefined;
}

/** Whole groups of a convolution go together: what they take and what they make. */
export function coupleGroups(
  walk: CouplingWalk,
  {
    inputs,
    outputs,
    groups,
  }: { readonly inputs: Int32Array; readonly outputs: Int32Array; readonly groups: number },
): void {
  const [taken, made] = [inputs.length / groups, outputs.length / groups];
  for (let group = 0; group < groups; group++) {
    walk.graph.coupleAll([
      ...inputs.subarray(group * taken, (group + 1) * taken),
      ...outputs.subarray(group * made, (group + 1) * made),
    ]);
  }
}

/**
 * Ties operands that are computed with each other element by element, where sizes of 1, and
 * dimensions left out at the front, stand for any size.
 */
export function coupleBroadcast(
  walk: CouplingWalk,
  inputs: readonly string[],
  output: string,
): string | undefined {
  const operands = inputs.flatMap((name) => {
    const channels = walk.graph.get(name);
    return channels ? [{ name, channels }] : [];
  });
  const [first, ...others] = operands;
  if (!first) return undefined;
  const widest = others.reduce(
    (most, each) => (each.channels.ids.length > most.channels.ids.length ? each : most),
    first,
  );
  const rank = walk.dims(widest.name)?.length;
  const ranks = inputs.map((name) => walk.dims(name)?.length);
  if (rank === undefined || !ranks.every((each) => each !== undefined)) {
    return 'the rank of what it takes is not known';
  }
  const fromEnd = rank - widest.channels.axis;
  const { ids } = widest.channels;
  for (const name of inputs) {
    const reason = coupleOperand(walk, name, { ids, fromEnd });
    if (reason !== undefined) return reason;
  }
  walk.graph.set(output, { axis: Math.max(...ranks) - fromEnd, ids });
  return undefined;
}

function coupleOperand(
  walk: CouplingWalk,
  name: string,
  { ids, fromEnd }: { readonly ids: Int32Array; readonly fromEnd: number },
): string | undefined {
  const dims = walk.dims(name) ?? [];
  const axis = dims.length - fromEnd;
  // A size of 1, or none, stands for each channel.
  if (axis < 0 || (dims[axis] === 1 && ids.length > 1)) {
    walk.keep(name, SAME_FOR_ALL);
    return undefined;
  }
  const own = walk.isConstant(name) ? walk.elements(name, axis)[0] : walk.channels(name, axis)?.ids;
  if (own?.length !== ids.length) return 'the sizes of what it takes differ';
  walk.graph.couple(own, ids);
  return undefined;
}

/** Puts channels one after the other or, where values are joined along another axis, ties them. */
export function coupleConcat(
  walk: CouplingWalk,
  { inputs, output, axis: joined }: { inputs: readonly string[]; output: string; axis: number },
): string | undefined {
  const known = inputs.map((name) => walk.graph.get(name));
  const first = known.find((channels) => channels !== undefined);
  if (!first) return undefined;
  const isOfChannels = known.some((channels) => channels?.axis === joined);
  const axis = isOfChannels ? joined : first.axis;
  const parts = inputs.map((name) => walk.channels(name, axis)?.ids);
  if (!parts.every((ids) => ids !== undefined)) return UNKNOWN;
  if (isOfChannels) {
    walk.graph.set(output, { axis, ids: Int32Array.from(parts.flatMap((ids) => [...ids])) });
    return undefined;
  }
  if (parts.some((ids) => ids.length !== first.ids.length)) return 'its sizes differ';
  for (const ids of parts) walk.graph.couple(ids, first.ids);
  walk.graph.set(output, first);
  return undefined;
}

/** Where channels are after a reduction over these dimensions. */
export function reduced(
  channels: Channels,
  axes: readonly number[],
  keepsDims: boolean,
): Channels | string {
  if (axes.includes(channels.axis)) return MIXED;
  const gone = keepsDims ? 0 : axes.filter((axis) => axis < channels.axis).length;
  return { ...channels, axis: channels.axis - gone };
}

/** Where channels are when dimensions of size 1 are put in, at these places of the result. */
export function expanded(channels: Channels, axes: readonly number[], rank: number): Channels {
  const old = Array.from({ length: rank + axes.length }, (_, axis) => axis).filter(
    (axis) => !axes.includes(axis),
  );
  return { ...channels, axis: old[channels.axis] ?? 0 };
}

/** A channel for each element, of a value whose dimensions `from` to `to` become one. */
export function merged(
  { axis, ids }: Channels,
  sizes: readonly unknown[],
  { from, to }: { readonly from: number; readonly to: number },
): Channels | string {
  const [before, after] = [sizes.slice(from, axis), sizes.slice(axis + 1, to + 1)];
  const isNumber = (size: unknown): size is number => typeof size === 'number';
  if (!before.every(isNumber) || !after.every(isNumber)) return UNKNOWN;
  const product = (all: number, size: number): number => all * size;
  const [outer, inner] = [before.reduce(product, 1), after.reduce(product, 1)];
  const all = new Int32Array(outer * ids.length * inner).map(
    (_, at) => ids[Math.floor(at / inner) % ids.length] ?? 0,
  );
  return { axis: from, ids: all };
}
