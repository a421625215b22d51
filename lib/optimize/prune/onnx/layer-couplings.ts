import { intAttribute, makeAttribute, type NodeProto } from '../../../formats/onnx';
import { weightLayout } from '../../linear/weight-layout';
import { countKept } from '../channel-graph';
import { COMPUTED, coupleBias, coupleGroups, UNKNOWN } from '../couplings';
import type { Coupling, OnnxWalk } from './onnx-walk';

/** Has a convolution say how many of its groups are left. */
function adjustGroups(node: NodeProto, walk: OnnxWalk, outputs: Int32Array): void {
  const made = outputs.length / intAttribute(node, 'group', 1);
  walk.adjustments.push((isKept) => {
    const left = countKept(outputs, isKept) / made;
    const others = node.attribute.filter(({ name }) => name !== 'group');
    node.attribute = [...others, makeAttribute('group', BigInt(left))];
  });
}

const convolution: Coupling = (node, walk) => {
  const [x = '', weights = '', bias = ''] = node.input;
  const dims = walk.editor.constant(weights)?.dims;
  if (!dims) return COMPUTED;
  const groups = intAttribute(node, 'group', 1);
  const inputs = walk.channels(x, 1)?.ids;
  if (inputs?.length !== Number(dims[1]) * groups) return UNKNOWN;
  let outputs: Int32Array | undefined;
  if (groups === 1) {
    const [made, taken] = walk.elements(weights, 0, 1);
    if (taken) walk.graph.couple(inputs, taken);
    outputs = made;
  } else {
    [outputs] = walk.elements(weights, 0);
    if (!outputs) return COMPUTED;
    coupleGroups(walk, { inputs, outputs, groups });
    adjustGroups(node, walk, outputs);
  }
  if (!outputs) return COMPUTED;
  walk.graph.set(node.output[0] ?? '', { axis: 1, ids: outputs });
  return coupleBias(walk, bias, outputs);
};

/** Weights are [inputs, outputs of a group, …], group after group. */
const transposedConvolution: Coupling = (node, walk) => {
  const [x = '', weights = '', bias = ''] = node.input;
  const dims = walk.editor.constant(weights)?.dims;
  if (!dims) return COMPUTED;
  if (intAttribute(node, 'group', 1) !== 1) return 'it is in groups';
  const inputs = walk.channels(x, 1)?.ids;
  if (!inputs || inputs.length !== dims[0]) return UNKNOWN;
  const [taken, outputs] = walk.elements(weights, 0, 1);
  if (!taken || !outputs) return COMPUTED;
  walk.graph.couple(inputs, taken);
  walk.graph.set(node.output[0] ?? '', { axis: 1, ids: outputs });
  return coupleBias(walk, bias, outputs);
};

function product(
  node: NodeProto,
  walk: OnnxWalk,
  { axis, bias }: { axis: number; bias: string },
): string | undefined {
  const [x = '', weights = ''] = node.input;
  const dims = walk.editor.constant(weights)?.dims;
  if (!dims || walk.editor.constant(x)) return COMPUTED;
  const layout = weightLayout(node, dims);
  if (!layout) return 'its weights are no matrix';
  const inputs = walk.channels(x, axis)?.ids;
  if (inputs?.length !== layout.inputs) return UNKNOWN;
  const inputAxis = layout.inputsFirst ? 0 : 1;
  const [taken, outputs] = walk.elements(weights, inputAxis, 1 - inputAxis);
  if (!taken || !outputs) return COMPUTED;
  walk.graph.couple(inputs, taken);
  walk.graph.set(node.output[0] ?? '', { axis, ids: outputs });
  return coupleBias(walk, bias, outputs);
}

const gemm: Coupling = (node, walk) => {
  if (intAttribute(node, 'transA', 0) !== 0) return 'it transposes what it takes';
  return product(node, walk, { axis: 1, bias: node.input[2] ?? '' });
};

const matMul: Coupling = (node, walk) => {
  const rank = walk.types.rank(node.input[0]);
  if (rank === undefined) return UNKNOWN;
  return product(node, walk, { axis: rank - 1, bias: '' });
};

/** Parameters of one element a channel. */
const normalization: Coupling = (node, walk) => {
  const [x = '', ...parameters] = node.input;
  if (node.output.slice(1).some((name) => name !== '')) return 'it is trained';
  const channels = walk.channels(x, 1);
  if (!channels) return UNKNOWN;
  for (const name of parameters) {
    const reason = coupleBias(walk, name, channels.ids);
    if (reason !== undefined) return reason;
  }
  walk.graph.set(node.output[0] ?? '', channels);
  return undefined;
};

/** Operators with constants of an element, or of a filter, for each channel. */
export const layerCouplings: Readonly<Record<string, Coupling>> = {
  BatchNormalization: normalization,
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  Gemm: gemm,
  InstanceNormalization: normalization,
  MatMul: matMul,
};
