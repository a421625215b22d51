import {
  elementCount,
  floatAttribute,
  intAttribute,
  isStandard,
  type GraphEditor,
  type NodeProto,
  type TensorProto,
} from '../../../formats/onnx';
import type { Pass } from '../context';
import { affineLayer, type AffineLayer } from '../affine-layer';
import { realValuesOf } from '../weights';

/** y = scale · x + shift, with a value of each for every channel. */
interface Affine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

const constantAffine = (channels: number, scale: number, shift: number): Affine => ({
  scale: new Float64Array(channels).fill(scale),
  shift: new Float64Array(channels).fill(shift),
});

/** A BatchNormalization with what it has learnt: y = (x − mean) / √(variance + ε) · γ + β. */
function batchNorm(
  node: NodeProto,
  editor: GraphEditor,
  { channels, channelAxis }: AffineLayer,
): Affine | undefined {
  if (channelAxis !== 1 || intAttribute(node, 'training_mode', 0) !== 0) return undefined;
  const [, ...others] = node.output;
  if (others.some((name) => name !== '')) return undefined;
  const values = node.input.slice(1).map((name) => realValuesOf(editor.constant(name)));
  const [gamma, beta, mean, variance] = values;
  if (!gamma || !beta || !mean || !variance) return undefined;
  if ([gamma, beta, mean, variance].some(({ length }) => length !== channels)) return undefined;
  const epsilon = floatAttribute(node, 'epsilon', Math.fround(1e-5));
  const scale = gamma.map((value, at) => value / Math.sqrt((variance[at] ?? 0) + epsilon));
  const shift = beta.map((value, at) => value - (mean[at] ?? 0) * (scale[at] ?? 0));
  return { scale, shift };
}

/** A constant's value for each channel, if it has but one for each and leaves the shape as it is. */
function perChannel(
  tensor: TensorProto,
  { channels, channelAxis, rank }: AffineLayer,
): Float64Array | undefined {
  const { dims } = tensor;
  const count = elementCount(tensor);
  if (dims.length > rank || (count !== 1 && count !== channels)) return undefined;
  const axis = channelAxis - (rank - dims.length);
  if (count !== 1 && dims[axis] !== channels) return undefined;
  const values = realValuesOf(tensor);
  const [only = 0] = values ?? [];
  return count === 1 && values ? new Float64Array(channels).fill(only) : values;
}

/** Addition to a layer's result, or multiplication by a constant. */
function arithmetic(node: NodeProto, editor: GraphEditor, layer: AffineLayer): Affine | undefined {
  const at = editor.constant(node.input[1]) ? 1 : 0;
  const tensor = editor.constant(node.input[at]);
  const values = tensor && perChannel(tensor, layer);
  if (!values) return undefined;
  const { scale, shift } = constantAffine(layer.channels, 1, 0);
  switch (node.opType) {
    case 'Mul':
      return { scale: values, shift };
    case 'Div':
      return at === 1 ? { scale: values.map((value) => 1 / value), shift } : undefined;
    case 'Add':
      return { scale, shift: values };
    default:
      return at === 1 ? { scale, shift: values.map((value) => -value) } : undefined;
  }
}

function affineOf(
  node: NodeProto | undefined,
  editor: GraphEditor,
  layer: AffineLayer,
): Affine | undefined {
  if (isStandard(node, 'BatchNormalization')) return batchNorm(node, editor, layer);
  if (isStandard(node, 'Mul', 'Div', 'Add', 'Sub')) return arithmetic(node, editor, layer);
  return undefined;
}

/** Has the weights of a layer do what a scale and a shift of its channels after it did. */
export const affineFolds: Pass = (editor, context) => {
  let count = 0;
  for (const node of editor.nodes) {
    const next = editor.onlyUser(node.output[0]);
    if (!next) continue;
    const layer = affineLayer(node, editor, context);
    const affine = layer && affineOf(next, editor, layer);
    if (!affine || !layer.fold(affine.scale, affine.shift)) continue;
    const [result = ''] = next.output;
    editor.removeNode(next);
    editor.setOutput(node, 0, result);
    count++;
  }
  return count;
};
