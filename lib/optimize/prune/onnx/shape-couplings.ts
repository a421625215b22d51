import {
  findAttribute,
  intAttribute,
  integerValues,
  intsAttribute,
  makeInt64s,
  OnnxDataType,
  setAttribute,
  stringAttribute,
  tensorValues,
  type NodeProto,
} from '../../../formats/onnx';
import { countKept, type Channels } from '../channel-graph';
import { coupleConcat, expanded, merged, MIXED, reduced, UNKNOWN } from '../couplings';
import { sameChannels } from './elementwise-couplings';
import type { Coupling, OnnxWalk } from './onnx-walk';

const fromStart = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** What a node's channels are moved to; nothing for a value without channels. */
function moved(
  move: (channels: Channels, rank: number, node: NodeProto, walk: OnnxWalk) => Channels | string,
): Coupling {
  return (node, walk) => {
    const [x = ''] = node.input;
    const channels = walk.graph.get(x);
    if (!channels) return undefined;
    const rank = walk.types.rank(x);
    if (rank === undefined) return UNKNOWN;
    const result = move(channels, rank, node, walk);
    if (typeof result === 'string') return result;
    walk.graph.set(node.output[0] ?? '', result);
    return undefined;
  };
}

/** Integers that are an attribute in old versions of an operator and a constant input in new ones. */
function integers(
  node: NodeProto,
  walk: OnnxWalk,
  attribute: string,
  input: number,
): readonly number[] | undefined {
  const tensor = walk.editor.constant(node.input[input]);
  return intsAttribute(node, attribute) ?? (tensor && integerValues(tensor));
}

const spatial: Coupling = (node, walk) => {
  const channels = walk.graph.get(node.input[0] ?? '');
  return channels && channels.axis !== 1 ? MIXED : sameChannels(node, walk);
};

const softmax = moved((channels, rank, node, walk) => {
  const isOld = walk.editor.opset() < 13;
  const axis = fromStart(intAttribute(node, 'axis', isOld ? 1 : -1), rank);
  const isMixed = isOld ? channels.axis >= axis : channels.axis === axis;
  return isMixed ? MIXED : channels;
});

const reduction = moved((channels, rank, node, walk) => {
  const axes = integers(node, walk, 'axes', 1)?.map((axis) => fromStart(axis, rank));
  if (!axes || axes.length === 0) return MIXED;
  return reduced(channels, axes, intAttribute(node, 'keepdims', 1) !== 0);
});

const squeeze = moved((channels, rank, node, walk) => {
  const axes = integers(node, walk, 'axes', 1)?.map((axis) => fromStart(axis, rank));
  if (!axes) return 'its axes are not known';
  return axes.includes(channels.axis)
    ? 'it takes the channels away'
    : reduced(channels, axes, false);
});

const unsqueeze = moved((channels, rank, node, walk) => {
  const given = integers(node, walk, 'axes', 1);
  if (!given) return 'its axes are not known';
  const total = rank + given.length;
  const axes = given.map((axis) => fromStart(axis, total));
  return expanded(channels, axes, rank);
});

const transpose = moved((channels, rank, node) => {
  const reversed = Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  const permutation = intsAttribute(node, 'perm') ?? reversed;
  return { ...channels, axis: permutation.indexOf(channels.axis) };
});

const pad = moved((channels, rank, node, walk) => {
  const pads = integers(node, walk, 'pads', 1);
  if (!pads || (node.input[3] ?? '') !== '') return 'what it pads is not known';
  const { axis } = channels;
  return pads[axis] === 0 && pads[axis + rank] === 0 ? channels : 'it pads channels';
});

const resize = moved((channels, rank, node, walk) => {
  const mode = stringAttribute(node, 'coordinate_transformation_mode', '');
  const scales = walk.editor.constant(node.input[2]);
  if (scales?.dataType !== OnnxDataType.FLOAT || (node.input[3] ?? '') !== '') {
    return 'its scales are not known';
  }
  const values = tensorValues(scales, OnnxDataType.FLOAT);
  const isWhole =
    values.length === rank && values[channels.axis] === 1 && !findAttribute(node, 'axes');
  return isWhole && mode !== 'tf_crop_and_resize' ? channels : MIXED;
});

/** The channels of a value whose dimensions from the channels' on become one. */
function flattened(channels: Channels, name: string, walk: OnnxWalk): Channels | string {
  const dims = walk.types.dims(name);
  return dims ? merged(channels, dims, { from: channels.axis, to: dims.length - 1 }) : UNKNOWN;
}

const flatten = moved((channels, rank, node, walk) => {
  const axis = fromStart(intAttribute(node, 'axis', 1), rank);
  if (axis !== 1 || channels.axis !== 1) return MIXED;
  return flattened(channels, node.input[0] ?? '', walk);
});

/** Has a Reshape make what is left of a dimension whose size its shape says. */
function adjustShape(node: NodeProto, walk: OnnxWalk, { axis, ids }: Channels): void {
  walk.adjustments.push((isKept) => {
    const tensor = walk.editor.constant(node.input[1]);
    const shape = tensor && integerValues(tensor);
    // A size of -1 is what is left; 0 is that of the same dimension before.
    if (!shape || shape[axis] === -1) return;
    shape[axis] = countKept(ids, isKept);
    const name = walk.editor.addInitializer(makeInt64s(node.input[1] ?? 'shape', shape));
    walk.editor.setInput(node, 1, name);
  });
}

/** Where a Reshape's channels are, if it leaves them beside each other. */
function reshaped(
  node: NodeProto,
  walk: OnnxWalk,
  channels: Channels,
  rank: number,
): Channels | string {
  const [x = '', shapeName] = node.input;
  const tensor = walk.editor.constant(shapeName);
  const shape = tensor && integerValues(tensor);
  const to = walk.types.dims(node.output[0]);
  if (!shape || !to || intAttribute(node, 'allowzero', 0) !== 0) return 'its shape is not known';
  const size = channels.ids.length;
  const isLast = channels.axis === rank - 1;
  if (isLast && to.at(-1) === size) return { ...channels, axis: to.length - 1 };
  if (channels.axis !== 1) return MIXED;
  const all = flattened(channels, x, walk);
  if (typeof all !== 'string' && to.length === 2 && to[1] === all.ids.length) return all;
  const from = walk.types.dims(x) ?? [];
  const isSameBefore = shape[0] === 0 || isSame(from[0], to[0]);
  return isSameBefore && to[1] === size ? channels : MIXED;
}

/** Whether a Reshape says of a dimension that it has the size of the same one before. */
function copiesDim({ input }: NodeProto, { editor }: OnnxWalk, axis: number): boolean {
  const shape = editor.constant(input[1]);
  return shape ? integerValues(shape)?.[axis] === 0 : false;
}

const isSame = (a: number | string | undefined, b: number | string | undefined): boolean =>
  a !== undefined && a === b;

const reshape = moved((channels, rank, node, walk) => {
  const result = reshaped(node, walk, channels, rank);
  if (typeof result === 'string') return result;
  if (copiesDim(node, walk, channels.axis) && result.axis !== channels.axis) return MIXED;
  adjustShape(node, walk, result);
  return result;
});

const concat: Coupling = (node, walk) => {
  const known = node.input.find((name) => walk.graph.get(name));
  if (known === undefined) return undefined;
  const rank = walk.types.rank(known);
  if (rank === undefined) return UNKNOWN;
  const axis = fromStart(intAttribute(node, 'axis', 1), rank);
  return coupleConcat(walk, { inputs: node.input, output: node.output[0] ?? '', axis });
};

/** The sizes of a Split's parts; undefined where they are not known. */
function partSizes(node: NodeProto, walk: OnnxWalk, total: number): readonly number[] | undefined {
  if ((node.input[1] ?? '') !== '' || findAttribute(node, 'split')) {
    return integers(node, walk, 'split', 1);
  }
  const parts = node.output.length;
  const size = Math.ceil(total / parts);
  return node.output.map((_, index) => Math.min(size, total - index * size));
}

const split: Coupling = (node, walk) => {
  const [x = ''] = node.input;
  const channels = walk.graph.get(x);
  if (!channels) return undefined;
  const rank = walk.types.rank(x);
  if (rank === undefined) return UNKNOWN;
  const { axis, ids } = channels;
  if (fromStart(intAttribute(node, 'axis', 0), rank) !== axis) {
    for (const name of node.output) walk.graph.set(name, channels);
    return undefined;
  }
  const sizes = partSizes(node, walk, ids.length);
  if (!sizes) return 'the sizes of its parts are not known';
  let offset = 0;
  const parts = sizes.map((size) => ids.subarray(offset, (offset += size)));
  for (const [index, name] of node.output.entries()) {
    walk.graph.set(name, { axis, ids: parts[index] ?? new Int32Array() });
  }
  walk.adjustments.push((isKept) =>
    setPartSizes(
      node,
      walk,
      parts.map((part) => countKept(part, isKept)),
    ),
  );
  return undefined;
};

function setPartSizes(node: NodeProto, { editor }: OnnxWalk, sizes: readonly number[]): void {
  if (editor.opset() < 13) {
    setAttribute(node, 'split', sizes.map(BigInt));
    return;
  }
  node.attribute = node.attribute.filter(({ name }) => name !== 'num_outputs');
  const name = editor.addInitializer(makeInt64s(`${node.output[0] ?? ''}_split`, sizes));
  editor.setInput(node, 1, name);
}

/** Operators that move channels, or leave them where they are and change what is beside them. */
export const shapeCouplings: Readonly<Record<string, Coupling>> = {
  AveragePool: spatial,
  Concat: concat,
  Flatten: flatten,
  GlobalAveragePool: spatial,
  GlobalMaxPool: spatial,
  LogSoftmax: softmax,
  LpPool: spatial,
  MaxPool: spatial,
  Pad: pad,
  ReduceL2: reduction,
  ReduceMax: reduction,
  ReduceMean: reduction,
  ReduceMin: reduction,
  ReduceSum: reduction,
  Reshape: reshape,
  Resize: resize,
  Softmax: softmax,
  Split: split,
  Squeeze: squeeze,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
};
