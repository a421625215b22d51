export {
  findAttribute,
  floatAttribute,
  floatsAttribute,
  intAttribute,
  intsAttribute,
  makeAttribute,
  makeNode,
  setAttribute,
  stringAttribute,
  subgraphs,
  type AttributeValue,
  type NodeOptions,
} from './attributes';
export { dataTypeBits, dataTypeName, OnnxAttributeType, OnnxDataType } from './data-type';
export { capturedNames, GraphEditor, isStandard } from './graph';
export { readOnnxModel, readOnnxTensor, writeOnnxModel, writeOnnxTensor } from './model';
export {
  elementCount,
  externalDataFile,
  externalDataLocation,
  tensorByteLength,
  tensorBytes,
  type ExternalDataLocation,
} from './tensor';
export {
  integerValues,
  makeFloats,
  makeInt64s,
  makeTensor,
  tensorValues,
  type TensorValues,
} from './values';
export { walkGraph, walkModel, type GraphVisitor } from './walk';
export type * from './types';
