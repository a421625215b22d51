export { isTfliteModel, readTfliteModel } from './model';
export { metadataBytes, readModelMetadata, type TfliteModelMetadata } from './metadata';
export { uniqueNames } from './unique-names';
export type * from './types';
export { withOutputs } from './with-outputs';
