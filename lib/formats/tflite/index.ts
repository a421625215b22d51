export { calledSubgraphs, subgraphsOf } from './called-subgraphs';
export { cloneModel } from './clone-model';
export { cutModel } from './cut-model';
export { readTfliteModel } from './model';
export {
  isTfliteFile,
  isTfliteModel,
  readTflite,
  readTfliteFile,
  writeTflite,
  writeTfliteFile,
} from './model-file';
export { metadataBytes, readModelMetadata, type TfliteModelMetadata } from './metadata';
export type * from './objects';
export { removeUnused, SubgraphEditor } from './subgraph-editor';
export { TensorType } from './tensor-type';
export { uniqueNames } from './unique-names';
export type * from './types';
export { withOutputs } from './with-outputs';
