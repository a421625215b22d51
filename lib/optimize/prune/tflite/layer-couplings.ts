import type { OperatorT } from '../../../formats/tflite';
import { countKept } from '../channel-graph';
import { COMPUTED, coupleBias, coupleGroups, merged, UNKNOWN } from '../couplings';
import type { Coupling, TfliteWalk } from './tflite-walk';

/** The last dimension of an image. */
const CHANNELS = 3;

/** Sets the channels that a layer makes, and ties its bias to them. */
function make(
  { inputs, outputs }: OperatorT,
  walk: TfliteWalk,
  { bias, axis, ids }: { bias: number; axis: number; ids: Int32Array | undefined },
): string | undefined {
  if (!ids) return COMPUTED;
  walk.graph.set(walk.name(outputs[0]), { axis, ids });
  return coupleBias(walk, walk.name(inputs[bias]), ids);
}

/** Weights are [outputs, height, width, inputs of a group]. */
const convolution: Coupling = (operator, walk) => {
  const [x = '', weights = ''] = walk.names(operator.inputs);
  const dims = walk.floats(weights)?.dims;
  if (!dims) return COMPUTED;
  const [made = 0, , , depth = 0] = dims;
  const inputs = walk.channels(x, CHANNELS)?.ids;
  const groups = (inputs?.length ?? 0) / depth;
  if (!inputs || !Number.isInteger(groups) || groups < 1 || made % groups !== 0) return UNKNOWN;
  if (groups === 1) {
    const [ids, taken] = walk.elements(weights, 0, CHANNELS);
    if (taken) walk.graph.couple(inputs, taken);
    return make(operator, walk, { bias: 2, axis: CHANNELS, ids });
  }
  // How many groups there are says the size of what the operator takes.
  const [ids] = walk.elements(weights, 0);
  if (ids) coupleGroups(walk, { inputs, outputs: ids, groups });
  return make(operator, walk, { bias: 2, axis: CHANNELS, ids });
};

/** Weights are [1, height, width, inputs · multiplier]. */
const depthwise: Coupling = (operator, walk) => {
  const [x = '', weights = ''] = walk.names(operator.inputs);
  const dims = walk.floats(weights)?.dims;
  if (!dims) return COMPUTED;
  const inputs = walk.channels(x, CHANNELS)?.ids;
  if (!inputs?.length || Number(dims[CHANNELS]) % inputs.length !== 0) return UNKNOWN;
  const [ids] = walk.elements(weights, CHANNELS);
  if (ids) coupleGroups(walk, { inputs, outputs: ids, groups: inputs.length });
  return make(operator, walk, { bias: 2, axis: CHANNELS, ids });
};

/** The first input says how large the output is. */
const transposedConvolution: Coupling = (operator, walk) => {
  const [, weights = '', x = ''] = walk.names(operator.inputs);
  const dims = walk.floats(weights)?.dims;
  if (!dims) return COMPUTED;
  if (!walk.integers(operator.inputs[0])) return 'the size of what it makes is computed';
  const inputs = walk.channels(x, CHANNELS)?.ids;
  if (!inputs || inputs.length !== dims[CHANNELS]) return UNKNOWN;
  const [ids, taken] = walk.elements(weights, 0, CHANNELS);
  if (!ids || !taken) return COMPUTED;
  walk.graph.couple(inputs, taken);
  walk.adjustments.push((isKept) => walk.setInteger(operator, 0, CHANNELS, countKept(ids, isKept)));
  return make(operator, walk, { bias: 3, axis: CHANNELS, ids });
};

/** The channels that a fully connected layer takes, which may be of several dimensions in one. */
function takenBy(walk: TfliteWalk, x: string, size: number): Int32Array | undefined {
  const dims = walk.dims(x);
  if (!dims) return undefined;
  if (dims.at(-1) === size) return walk.channels(x, dims.length - 1)?.ids;
  const own = walk.graph.get(x);
  const all = own && own.axis > 0 ? merged(own, dims, { from: 1, to: dims.length - 1 }) : UNKNOWN;
  return typeof all !== 'string' && all.ids.length === size ? all.ids : undefined;
}

/** Weights are [outputs, inputs]. */
const fullyConnected: Coupling = (operator, walk) => {
  const [x = '', weights = ''] = walk.names(operator.inputs);
  const dims = walk.floats(weights)?.dims;
  if (!dims || walk.isConstant(x)) return COMPUTED;
  if (walk.editor.option(operator, 'weightsFormat') !== 0) return 'its weights are shuffled';
  const inputs = takenBy(walk, x, dims[1] ?? 0);
  const rank = walk.dims(walk.name(operator.outputs[0]))?.length;
  if (!inputs || rank === undefined) return UNKNOWN;
  const [ids, taken] = walk.elements(weights, 0, 1);
  if (taken) walk.graph.couple(inputs, taken);
  return make(operator, walk, { bias: 2, axis: rank - 1, ids });
};

/** Operators with constants of an element, or of a filter, for each channel. */
export const layerCouplings: Readonly<Record<string, Coupling>> = {
  CONV_2D: convolution,
  DEPTHWISE_CONV_2D: depthwise,
  FULLY_CONNECTED: fullyConnected,
  TRANSPOSE_CONV: transposedConvolution,
};
