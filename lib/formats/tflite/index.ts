export { readTfliteModel } from './model';
export {
  isTfliteModel,
  readTflite,
  readTfliteFile,
  writeTflite,
  writeTfliteFile,
} from './model-file';
export { metadataBytes, readModelMetadata, type TfliteModelMetadata } from './metadata';
export type * from './objects';
export { uniqueNames } from './unique-names';
export type * from './types';
export { withOutputs } from './with-outputs';
