import type { OperatorT } from '../../../formats/tflite';
import { countKept, type Channels } from '../channel-graph';
import { coupleConcat, expanded, MIXED, reduced, UNKNOWN } from '../couplings';
import { sameChannels } from './elementwise-couplings';
import { reshape, shapeOfValue } from './reshape-couplings';
import type { Coupling, TfliteWalk } from './tflite-walk';

const fromStart = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** What an operator's channels are moved to; nothing for a value without channels. */
function moved(
  move: (
    channels: Channels,
    rank: number,
    operator: OperatorT,
    walk: TfliteWalk,
  ) => Channels | string,
): Coupling {
  return (operator, walk) => {
    const x = walk.name(operator.inputs[0]);
    const channels = walk.graph.get(x);
    if (!channels) return undefined;
    const rank = walk.dims(x)?.length;
    if (rank === undefined) return UNKNOWN;
    const result = move(channels, rank, operator, walk);
    if (typeof result === 'string') return result;
    walk.graph.set(walk.name(operator.outputs[0]), result);
    return undefined;
  };
}

/** What is computed of the images of each channel. */
const spatial: Coupling = (operator, walk) => {
  const x = walk.name(operator.inputs[0]);
  const channels = walk.graph.get(x);
  const rank = walk.dims(x)?.length;
  return channels && channels.axis + 1 !== rank ? MIXED : sameChannels(operator, walk);
};

/** What is computed of all elements along the last dimension. */
const lastDimension = moved((channels, rank) => (channels.axis === rank - 1 ? MIXED : channels));

const reduction = moved((channels, rank, operator, walk) => {
  const axes = walk.integers(operator.inputs[1])?.map((axis) => fromStart(axis, rank));
  if (!axes) return 'its axes are not known';
  return reduced(channels, axes, walk.editor.option(operator, 'keepDims') !== 0);
});

const squeeze = moved((channels, rank, operator) => {
  const given = operator.builtinOptions?.['squeezeDims'] as readonly number[] | undefined;
  if (!given?.length) return 'its axes are not known';
  const axes = given.map((axis) => fromStart(axis, rank));
  return axes.includes(channels.axis)
    ? 'it takes the channels away'
    : reduced(channels, axes, false);
});

const expandDims = moved((channels, rank, operator, walk) => {
  const [axis, ...more] = walk.integers(operator.inputs[1]) ?? [];
  if (axis === undefined || more.length > 0) return 'its axis is not known';
  return expanded(channels, [fromStart(axis, rank + 1)], rank);
});

const transpose = moved((channels, _, operator, walk) => {
  const permutation = walk.integers(operator.inputs[1]);
  if (!permutation) return 'its permutation is not known';
  return { ...channels, axis: permutation.indexOf(channels.axis) };
});

const pad = moved((channels, _, operator, walk) => {
  const pads = walk.integers(operator.inputs[1]);
  if (!pads) return 'what it pads is not known';
  const { axis } = channels;
  return pads[2 * axis] === 0 && pads[2 * axis + 1] === 0 ? channels : 'it pads channels';
});

/** What has blocks of the dimensions behind the first become samples, or samples such blocks. */
const blocks = moved((channels, _, operator, walk) => {
  const count = walk.integers(operator.inputs[1])?.length;
  return count !== undefined && channels.axis > count ? channels : MIXED;
});

const slice = moved((channels, _, operator, walk) => {
  const { axis, ids } = channels;
  const [begin, sizes] = [walk.integers(operator.inputs[1]), walk.integers(operator.inputs[2])];
  const size = sizes?.[axis];
  if (begin?.[axis] !== 0 || (size !== -1 && size !== ids.length)) return 'it cuts channels off';
  if (size === -1) return channels;
  walk.adjustments.push((isKept) => walk.setInteger(operator, 2, axis, countKept(ids, isKept)));
  return channels;
});

const stridedSlice = moved((channels, _, operator, walk) => {
  const option = (name: string): number => walk.editor.option(operator, name);
  const [begin, end, strides] = operator.inputs.slice(1).map((index) => walk.integers(index));
  if (!begin || !end || !strides || option('ellipsisMask') !== 0 || option('newAxisMask') !== 0) {
    return 'what it cuts off is not known';
  }
  const { axis, ids } = channels;
  const isSet = (mask: string, at: number): boolean => (option(mask) & (1 << at)) !== 0;
  const isWhole =
    axis >= begin.length ||
    ((isSet('beginMask', axis) || begin[axis] === 0) &&
      (isSet('endMask', axis) || Number(end[axis]) >= ids.length) &&
      strides[axis] === 1 &&
      !isSet('shrinkAxisMask', axis));
  if (!isWhole) return 'it cuts channels off';
  const shrunk = [...begin.keys()].filter((at) => isSet('shrinkAxisMask', at));
  return reduced(channels, shrunk, false);
});

const concat: Coupling = (operator, walk) => {
  const inputs = walk.names(operator.inputs);
  const known = inputs.find((name) => walk.graph.get(name));
  if (known === undefined) return undefined;
  const rank = walk.dims(known)?.length;
  if (rank === undefined) return UNKNOWN;
  const axis = fromStart(walk.editor.option(operator, 'axis'), rank);
  return coupleConcat(walk, { inputs, output: walk.name(operator.outputs[0]), axis });
};

/** Gives each output its part of the channels, or all where another dimension is parted. */
function partChannels(
  operator: OperatorT,
  walk: TfliteWalk,
  { x, axis, sizesOf }: { x: string; axis: number | undefined; sizesOf: (all: number) => number[] },
): string | Int32Array[] | undefined {
  const channels = walk.graph.get(x);
  if (!channels) return undefined;
  const rank = walk.dims(x)?.length;
  if (axis === undefined || rank === undefined) return UNKNOWN;
  const outputs = walk.names(operator.outputs);
  if (fromStart(axis, rank) !== channels.axis) {
    for (const name of outputs) walk.graph.set(name, channels);
    return undefined;
  }
  let offset = 0;
  const parts = sizesOf(channels.ids.length).map((size) =>
    channels.ids.subarray(offset, (offset += size)),
  );
  if (offset !== channels.ids.length) return 'the sizes of its parts are not known';
  for (const [index, name] of outputs.entries()) {
    walk.graph.set(name, { axis: channels.axis, ids: parts[index] ?? new Int32Array() });
  }
  return parts;
}

/** The parts are as large as each other, and have to stay so. */
const split: Coupling = (operator, walk) => {
  const count = operator.outputs.length;
  const parts = partChannels(operator, walk, {
    x: walk.name(operator.inputs[1]),
    axis: walk.integers(operator.inputs[0])?.[0],
    sizesOf: (all) => operator.outputs.map(() => all / count),
  });
  if (typeof parts === 'string') return parts;
  for (const part of parts ?? []) walk.graph.couple(part, parts?.[0] ?? part);
  return undefined;
};

const splitBySizes: Coupling = (operator, walk) => {
  const [x, sizes, axis] = operator.inputs;
  const parts = partChannels(operator, walk, {
    x: walk.name(x),
    axis: walk.integers(axis)?.[0],
    sizesOf: (all) => {
      const found = walk.integers(sizes) ?? [];
      const rest = all - found.reduce((sum, size) => sum + Math.max(0, size), 0);
      return found.map((size) => (size < 0 ? rest : size));
    },
  });
  if (typeof parts === 'string') return parts;
  if (!parts) return undefined;
  walk.adjustments.push((isKept) => {
    const left = parts.map((part) => countKept(part, isKept));
    walk.setIntegers(operator, 1, left);
  });
  return undefined;
};

/** Operators that move channels, or leave them where they are and change what is beside them. */
export const shapeCouplings: Readonly<Record<string, Coupling>> = {
  AVERAGE_POOL_2D: spatial,
  BATCH_TO_SPACE_ND: blocks,
  CONCATENATION: concat,
  EXPAND_DIMS: expandDims,
  L2_NORMALIZATION: lastDimension,
  L2_POOL_2D: spatial,
  LOG_SOFTMAX: lastDimension,
  MAX_POOL_2D: spatial,
  MEAN: reduction,
  MIRROR_PAD: pad,
  PAD: pad,
  PADV2: pad,
  REDUCE_MAX: reduction,
  REDUCE_MIN: reduction,
  RESHAPE: reshape,
  RESIZE_BILINEAR: spatial,
  RESIZE_NEAREST_NEIGHBOR: spatial,
  SHAPE: shapeOfValue,
  SLICE: slice,
  SOFTMAX: lastDimension,
  SPACE_TO_BATCH_ND: blocks,
  SPLIT: split,
  SPLIT_V: splitBySizes,
  SQUEEZE: squeeze,
  STRIDED_SLICE: stridedSlice,
  SUM: reduction,
  TRANSPOSE: transpose,
};
