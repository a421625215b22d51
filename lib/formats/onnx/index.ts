export { cloneModel } from './clone-model';
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
export {
  dataTypeBits,
  dataTypeName,
  dataTypeOf,
  OnnxAttributeType,
  OnnxDataType,
} from './data-type';
export { externalDataFile, externalDataLocation, type ExternalDataLocation } from './external-data';
export { capturedNames, GraphEditor, graphOf, isStandard } from './graph';
export {
  onnxByteLength,
  readOnnxModel,
  readOnnxTensor,
  writeOnnxModel,
  writeOnnxTensor,
} from './model';
export { openOnnxFile, readOnnxStructure, type OnnxFile } from './onnx-file';
export { chunksOf, type Segment, type TensorSource } from './source';
export { rawTensors, setTensorData, tensorBytes, tensorData } from './tensor';
export { elementCount, tensorByteLength } from './tensor-size';
export {
  integerValues,
  makeFloats,
  makeInt64s,
  makeTensor,
  tensorValues,
  type TensorValues,
} from './values';
export { walkGraph, walkModel, type GraphVisitor } from './walk';
export {
  onnxFileChunks,
  writeOnnxFile,
  type ExternalDataOptions,
  type WriteOnnxFileOptions,
} from './write-file';
export type * from './types';
