/**
 * `@onlite/server/client`: a small client for the Open Inference Protocol over REST, with binary
 * tensors, on `fetch`. It needs nothing of `onlite` and runs in browsers too.
 *
 * @packageDocumentation
 */
export { InferenceClient, InferenceError, type ClientOptions, type InferOptions } from './client';
export { type ClientTensor, type TensorMetadata, type WireData, type WireType } from './tensors';
