import { coupleBroadcast } from '../couplings';
import type { Coupling } from './tflite-walk';

/** What is computed of each element alone, from the operator's first input. */
const UNARY = [
  ...['ABS', 'CAST', 'CEIL', 'COS', 'ELU', 'EXP', 'FLOOR', 'GELU', 'HARD_SWISH', 'LEAKY_RELU'],
  ...['LOG', 'LOGISTIC', 'NEG', 'RELU', 'RELU6', 'RELU_0_TO_1', 'RELU_N1_TO_1', 'ROUND'],
  ...['RSQRT', 'SIGN', 'SIN', 'SQRT', 'SQUARE', 'TANH'],
];

/** What is computed of elements at the same place, where sizes of 1 stand for any size. */
const BROADCAST = [
  ...['ADD', 'DIV', 'MAXIMUM', 'MINIMUM', 'MUL', 'POW', 'PRELU', 'SELECT_V2', 'SUB'],
  'SQUARED_DIFFERENCE',
];

/** The output has the channels of the first input; no other input has channels. */
export const sameChannels: Coupling = ({ inputs, outputs }, walk) => {
  const [x = '', ...others] = walk.names(inputs);
  const channels = walk.graph.get(x);
  if (!channels) return undefined;
  for (const name of others) walk.keep(name, 'it is not of channels');
  walk.graph.set(walk.name(outputs[0]), channels);
  return undefined;
};

const broadcast: Coupling = ({ inputs, outputs }, walk) =>
  coupleBroadcast(walk, walk.names(inputs), walk.name(outputs[0]));

/** Operators that compute each element of those at its place. */
export const elementwiseCouplings: Readonly<Record<string, Coupling>> = {
  ...Object.fromEntries(UNARY.map((operator) => [operator, sameChannels])),
  ...Object.fromEntries(BROADCAST.map((operator) => [operator, broadcast])),
};
