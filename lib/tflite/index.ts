export { isTfliteModel, readTfliteModel } from './model';
export { metadataBytes, readModelMetadata, type TfliteModelMetadata } from './metadata';
export type * from './types';
