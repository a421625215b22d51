/**
 * onlite runs ONNX and TensorFlow Lite models from Node.js and Electron.
 *
 * @packageDocumentation
 */
export { OnliteError, type OnliteErrorCode } from './errors';
export { type ElementType, type TensorDataMap } from './element-type';
export { Tensor, type TensorInit } from './tensor';
export { TensorPool, type TensorPoolOptions, type TensorPoolStats } from './pool/tensor-pool';
export { InferenceSession, type Feeds, type Fetches, type RunResult } from './session';
export { type BindOptions, type IoBinding } from './binding';
export { type TensorLike } from './feeds';
export { type BatchingOptions } from './batching-options';
export {
  type ExecutionProviderOption,
  type ExternalDataFile,
  type SessionOptions,
} from './session-options';
export { type RunOptions } from './run-options';
export { type ModelSource } from './model-source';
export {
  type ModelMetadata,
  type NonTensorValueMetadata,
  type Quantization,
  type SignatureMetadata,
  type TensorValueMetadata,
  type ValueMetadata,
} from './metadata';
export { type MapElement, type OnnxValue } from './values';
export { LatencyHistogram, type LatencyHistogramOptions } from './latency-histogram';
export {
  type HistogramBucket,
  type HistogramReader,
  type LatencySnapshot,
} from './histogram-reader';
export {
  type ByErrorCode,
  type LatencyCounters,
  type LatencyPhase,
  type PhaseLatency,
  type SessionLatency,
  type SessionLatencyInterval,
  type SessionLatencySnapshot,
  type SessionStatistics,
} from './latency';
export { type ProfileOptions } from './profile';
export {
  type ModelProfile,
  type OperatorName,
  type ProfiledOperator,
  type ProfiledTensor,
} from './profile/types';
export { quantize, dequantize } from './quantize';
export {
  listSupportedBackends,
  runtimeInfo,
  type RuntimeDescription,
  type RuntimeInfo,
} from './runtime-info';
export { configureRuntimes } from './runtime-locations';
export { type Engine } from './native';
export {
  env,
  registerBackend,
  TRACE,
  TRACE_EVENT_BEGIN,
  TRACE_EVENT_END,
  TRACE_FUNC_BEGIN,
  TRACE_FUNC_END,
  type Env,
} from './common';
