import {
  floatAttribute,
  intAttribute,
  isStandard,
  type GraphEditor,
  type NodeProto,
  type TensorProto,
} from '../../formats/onnx';
import type { PassContext } from './context';
import { realValuesOf, roundedTensor } from './weights';

/** A node that multiplies by constant weights and may add a constant bias. */
export interface LinearLayer {
  /** Channels of its output. */
  readonly channels: number;
  readonly channelAxis: number;
  /** Of its output. */
  readonly rank: number;
  /**
   * Scales and shifts the channels of its output by its weights and bias, computed in 64 bits and
   * rounded once.
   *
   * @returns false, and nothing is changed, where they cannot hold the values
   */
  fold(scale: Float64Array, shift: Float64Array): boolean;
}

interface Parts {
  readonly weights: TensorProto;
  /** The output's channel that a weight belongs to, by its index. */
  readonly channelOf: (index: number) => number;
  readonly channels: number;
  readonly channelAxis: number;
  readonly rank: number;
  /** Where the node takes a bias; undefined if it takes none. */
  readonly biasInput: number | undefined;
}

/** Channels along an axis of the weights. */
function alongAxis(dims: readonly number[], axis: number): Pick<Parts, 'channelOf' | 'channels'> {
  const channels = dims[axis] ?? 0;
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  return { channels, channelOf: (index) => Math.floor(index / inner) % channels };
}

/** The weights of a transposed convolution are [inputs, outputs of a group, …], group after group. */
function transposedChannels(
  dims: readonly number[],
  groups: number,
): Pick<Parts, 'channelOf' | 'channels'> {
  const [inputs = 0, outputs = 0, ...kernel] = dims;
  const inner = kernel.reduce((product, dim) => product * dim, 1);
  const inputsOfGroup = inputs / groups;
  return {
    channels: outputs * groups,
    channelOf: (index) => {
      const group = Math.floor(index / (inner * outputs * inputsOfGroup));
      return group * outputs + (Math.floor(index / inner) % outputs);
    },
  };
}

function partsOf(node: NodeProto, weights: TensorProto): Parts | undefined {
  const { dims } = weights;
  const rank = dims.length;
  switch (node.opType) {
    case 'Conv':
      return { weights, ...alongAxis(dims, 0), channelAxis: 1, rank, biasInput: 2 };
    case 'ConvTranspose': {
      const channels = transposedChannels(dims, intAttribute(node, 'group', 1));
      return { weights, ...channels, channelAxis: 1, rank, biasInput: 2 };
    }
    case 'Gemm': {
      const axis = intAttribute(node, 'transB', 0) === 0 ? 1 : 0;
      const hasPlainBias = floatAttribute(node, 'beta', 1) === 1;
      const parts = { ...alongAxis(dims, axis), channelAxis: 1, rank };
      return hasPlainBias ? { weights, ...parts, biasInput: 2 } : undefined;
    }
    default:
      return undefined;
  }
}

/** A MatMul by a matrix, whose other side may have any rank. */
function matMulParts(
  node: NodeProto,
  weights: TensorProto,
  { types }: PassContext,
): Parts | undefined {
  const rank = types.rank(node.input[0]);
  if (weights.dims.length !== 2 || rank === undefined || rank < 2) return undefined;
  const parts = { ...alongAxis(weights.dims, 1), channelAxis: rank - 1, rank };
  return { weights, ...parts, biasInput: undefined };
}

/** Whether a constant is used once and may change: it is no output of the graph either. */
const isOwn = (name: string, editor: GraphEditor): boolean =>
  editor.users(name).length === 1 && !editor.isOutput(name);

/** The bias of each channel: of none zeros, undefined for one that is no constant of this form. */
function biasOf(
  node: NodeProto,
  { biasInput, channels }: Parts,
  editor: GraphEditor,
): Float64Array | undefined {
  const name = biasInput === undefined ? '' : (node.input[biasInput] ?? '');
  if (name === '') return new Float64Array(channels);
  const tensor = editor.constant(name);
  // A bias that others use would have to be there twice.
  if (tensor?.dims.length !== 1 || !isOwn(name, editor)) return undefined;
  const values = realValuesOf(tensor);
  return values?.length === channels ? values : undefined;
}

/** Undefined for any other node, and for one whose weights are not its own. */
export function linearLayer(
  node: NodeProto,
  editor: GraphEditor,
  context: PassContext,
): LinearLayer | undefined {
  if (!isStandard(node, 'Conv', 'ConvTranspose', 'Gemm', 'MatMul')) return undefined;
  const [, name = ''] = node.input;
  const weights = editor.constant(name);
  if (!weights || !isOwn(name, editor) || node.input[0] === name) return undefined;
  const parts = isStandard(node, 'MatMul')
    ? matMulParts(node, weights, context)
    : partsOf(node, weights);
  if (!parts) return undefined;
  const { channels, channelAxis, rank } = parts;
  const fold = (scale: Float64Array, shift: Float64Array): boolean =>
    foldInto(node, parts, editor, scale, shift);
  return { channels, channelAxis, rank, fold };
}

function foldInto(
  node: NodeProto,
  parts: Parts,
  editor: GraphEditor,
  scale: Float64Array,
  shift: Float64Array,
): boolean {
  const { weights, channelOf, channels, biasInput } = parts;
  const { dataType, dims } = weights;
  const [, name = ''] = node.input;
  const isShifted = shift.some((value) => value !== 0);
  const isScaled = scale.some((value) => value !== 1);
  const bias = biasOf(node, parts, editor);
  if (!bias || (isShifted && biasInput === undefined)) return false;
  const values = isScaled ? realValuesOf(weights) : undefined;
  if (isScaled && !values) return false;
  const scaled = values?.map((value, index) => value * (scale[channelOf(index)] ?? NaN));
  const newWeights = scaled ? roundedTensor(name, dataType, dims, scaled) : weights;
  const shifted = bias.map((value, at) => value * (scale[at] ?? NaN) + (shift[at] ?? NaN));
  const newBias = roundedTensor(`${name}_bias`, dataType, [channels], shifted);
  if (!newWeights || !newBias) return false;
  if (scaled) editor.setInitializer(name, newWeights);
  const biasName = biasInput === undefined ? undefined : node.input[biasInput];
  if (biasName) editor.setInitializer(biasName, newBias);
  else if (biasInput !== undefined && shifted.some((value) => value !== 0)) {
    editor.setInput(node, biasInput, editor.addInitializer(newBias));
  }
  return true;
}
