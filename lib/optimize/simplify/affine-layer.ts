import {
  floatAttribute,
  isStandard,
  type GraphEditor,
  type NodeProto,
  type TensorProto,
} from '../../formats/onnx';
import { forEachKernel, weightLayout, type WeightLayout } from '../linear/weight-layout';
import type { PassContext } from './context';
import { realValuesOf, roundedTensor } from './weights';

/** A node that multiplies by constant weights and may add a constant bias, both its own. */
export interface AffineLayer {
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
  readonly layout: WeightLayout;
  /** Where the node takes a bias; undefined if it takes none. */
  readonly biasInput: number | undefined;
}

/** Whether a constant is used once and may change: it is no output of the graph, nor another graph's. */
const isOwn = (name: string, editor: GraphEditor): boolean =>
  editor.users(name).length === 1 && !editor.isOutput(name) && !editor.isCaptured(name);

/** The bias of each channel: of none zeros, undefined for one that is no constant of this form. */
function biasOf(
  node: NodeProto,
  { biasInput, layout }: Parts,
  editor: GraphEditor,
): Float64Array | undefined {
  const name = biasInput === undefined ? '' : (node.input[biasInput] ?? '');
  if (name === '') return new Float64Array(layout.outputs);
  const tensor = editor.constant(name);
  // A bias that others use would have to be there twice.
  if (tensor?.dims.length !== 1 || !isOwn(name, editor)) return undefined;
  const values = realValuesOf(tensor);
  return values?.length === layout.outputs ? values : undefined;
}

/** The rank of what a node makes; that of a product by a matrix depends on its other side. */
function outputRank(
  node: NodeProto,
  { dims }: TensorProto,
  { types }: PassContext,
): number | undefined {
  return isStandard(node, 'MatMul') ? types.rank(node.input[0]) : dims.length;
}

/** Undefined for any other node, and for one whose weights are not its own. */
export function affineLayer(
  node: NodeProto,
  editor: GraphEditor,
  context: PassContext,
): AffineLayer | undefined {
  const [, name = ''] = node.input;
  const weights = editor.constant(name);
  const layout = weights && weightLayout(node, weights.dims);
  if (!layout || !isOwn(name, editor) || node.input[0] === name) return undefined;
  if (floatAttribute(node, 'beta', 1) !== 1) return undefined;
  const rank = outputRank(node, weights, context);
  if (rank === undefined || rank < 2) return undefined;
  const isProduct = isStandard(node, 'MatMul');
  const parts = { weights, layout, biasInput: isProduct ? undefined : 2 };
  return {
    channels: layout.outputs,
    channelAxis: isProduct ? rank - 1 : 1,
    rank,
    fold: (scale, shift) => foldInto(node, parts, editor, scale, shift),
  };
}

/** The values times the factor of the channel that each belongs to. */
function scaledValues(
  values: Float64Array,
  layout: WeightLayout,
  scale: Float64Array,
): Float64Array {
  const { kernel: size } = layout;
  const scaled = new Float64Array(values.length);
  forEachKernel(layout, (kernel, _input, output) => {
    for (let index = kernel * size; index < (kernel + 1) * size; index++) {
      scaled[index] = (values[index] ?? NaN) * (scale[output] ?? NaN);
    }
  });
  return scaled;
}

function foldInto(
  node: NodeProto,
  parts: Parts,
  editor: GraphEditor,
  scale: Float64Array,
  shift: Float64Array,
): boolean {
  const { weights, layout, biasInput } = parts;
  const { dataType, dims } = weights;
  const [, name = ''] = node.input;
  const isShifted = shift.some((value) => value !== 0);
  const isScaled = scale.some((value) => value !== 1);
  const bias = biasOf(node, parts, editor);
  if (!bias || (isShifted && biasInput === undefined)) return false;
  const values = isScaled ? realValuesOf(weights) : undefined;
  if (isScaled && !values) return false;
  const scaled = values && scaledValues(values, layout, scale);
  const newWeights = scaled ? roundedTensor(name, dataType, dims, scaled) : weights;
  const shifted = bias.map((value, at) => value * (scale[at] ?? NaN) + (shift[at] ?? NaN));
  const newBias = roundedTensor(`${name}_bias`, dataType, [layout.outputs], shifted);
  if (!newWeights || !newBias) return false;
  if (scaled) editor.setInitializer(name, newWeights);
  const biasName = biasInput === undefined ? undefined : node.input[biasInput];
  if (biasName) editor.setInitializer(biasName, newBias);
  else if (biasInput !== undefined && shifted.some((value) => value !== 0)) {
    editor.setInput(node, biasInput, editor.addInitializer(newBias));
  }
  return true;
}
