export { dataTypeBits, dataTypeName, OnnxAttributeType, OnnxDataType } from './data-type';
export { readOnnxModel, readOnnxTensor, writeOnnxModel, writeOnnxTensor } from './model';
export {
  elementCount,
  externalDataFile,
  externalDataLocation,
  tensorByteLength,
  tensorBytes,
  type ExternalDataLocation,
} from './tensor';
export { walkGraph, walkModel, type GraphVisitor } from './walk';
export type * from './types';
