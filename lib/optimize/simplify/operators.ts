import { isStandard, type NodeProto } from '../../formats/onnx';

const RANDOM = [
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Multinomial',
  'Bernoulli',
  'Dropout',
];

/** Whether a node gives the same whenever it is given the same; of other domains nothing is known. */
export const isDeterministic = (node: NodeProto): boolean =>
  isStandard(node) && !isStandard(node, ...RANDOM);
