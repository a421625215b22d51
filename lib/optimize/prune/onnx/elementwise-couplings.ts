import { coupleBroadcast } from '../couplings';
import type { Coupling } from './onnx-walk';

/** What is computed of each element alone, from the node's first input. */
const UNARY = [
  ...['Abs', 'Cast', 'Ceil', 'Celu', 'Clip', 'Dropout', 'Elu', 'Erf', 'Exp', 'Floor', 'Gelu'],
  ...['HardSigmoid', 'HardSwish', 'Identity', 'LeakyRelu', 'Log', 'Mish', 'Neg', 'Reciprocal'],
  ...['Relu', 'Round', 'Selu', 'Sigmoid', 'Sign', 'Softplus', 'Softsign', 'Sqrt', 'Swish', 'Tanh'],
  'ThresholdedRelu',
];

/** What is computed of elements at the same place, where sizes of 1 stand for any size. */
const BROADCAST = [
  ...['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Mean', 'Sum', 'Pow', 'PRelu', 'Where'],
];

/** The first output has the channels of the first input; no other input has channels. */
export const sameChannels: Coupling = (node, walk) => {
  const [x = '', ...others] = node.input;
  const [y = '', ...more] = node.output;
  const channels = walk.graph.get(x);
  if (!channels) return undefined;
  const { editor } = walk;
  if (more.some((name) => editor.isOutput(name) || editor.users(name).length > 0)) {
    return 'it has another output';
  }
  for (const name of others) walk.keep(name, 'it is not of channels');
  walk.graph.set(y, channels);
  return undefined;
};

const broadcast: Coupling = ({ input, output }, walk) =>
  coupleBroadcast(walk, input, output[0] ?? '');

/** Operators that compute each element of those at its place. */
export const elementwiseCouplings: Readonly<Record<string, Coupling>> = {
  ...Object.fromEntries(UNARY.map((operator) => [operator, sameChannels])),
  ...Object.fromEntries(BROADCAST.map((operator) => [operator, broadcast])),
};
