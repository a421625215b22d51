/**
 * onlite runs ONNX and TensorFlow Lite models from Node.js and Electron.
 *
 * @packageDocumentation
 */
// The types of onnxruntime-common that are not onlite's own below.
export type * from 'onnxruntime-common';
export { OnliteError, type OnliteErrorCode } from './errors';
export {
  type CommonElementType,
  type ElementType,
  type TensorDataMap,
} from './engine/tensor/element-type';
export { Tensor, type TensorInit } from './engine/tensor/tensor';
export {
  TensorPool,
  type TensorPoolOptions,
  type TensorPoolStats,
} from './engine/tensor/pool/tensor-pool';
export {
  InferenceSession,
  type Feeds,
  type Fetches,
  type RunResult,
} from './engine/session/session';
export { type BindOptions } from './engine/run/bind-options';
export { type DeviceLocation, type DeviceTensor } from './engine/run/device-tensor';
export { type IoBinding } from './engine/run/io-binding';
export { type TensorLike } from './engine/run/feeds';
export { type BatchingOptions } from './engine/session/batching-options';
export {
  type ExecutionProviderConfig,
  type ExecutionProviderOption,
  type ExternalDataFile,
  type InlineLimits,
  type SessionOptions,
} from './engine/session/session-options';
export { type ModelKey, type ModelKeySource } from './model-key';
export { type SessionHandle } from './engine/session/share';
export { type RunOptions } from './engine/run/run-options';
export { type ModelSource } from './engine/session/model-source';
export {
  type ModelMetadata,
  type NonTensorValueMetadata,
  type Quantization,
  type SignatureMetadata,
  type TensorValueMetadata,
  type ValueMetadata,
} from './engine/session/metadata';
export { type MapElement, type OnnxValue } from './engine/tensor/values';
export { LatencyHistogram, type LatencyHistogramOptions } from './engine/latency/latency-histogram';
export {
  type HistogramBucket,
  type HistogramReader,
  type LatencySnapshot,
} from './engine/latency/histogram-reader';
export {
  type ByErrorCode,
  type LatencyCounters,
  type LatencyPhase,
  type PhaseLatency,
  type SessionLatency,
  type SessionLatencyInterval,
  type SessionLatencySnapshot,
  type SessionStatistics,
} from './engine/latency/latency';
export { type ProfileOptions } from './engine/profile/profile';
export {
  type ModelProfile,
  type OperatorName,
  type ProfiledOperator,
  type ProfiledTensor,
} from './engine/profile/types';
export {
  parseNumbers,
  type ParsedNumbers,
  type ParseNumbersOptions,
} from './engine/numbers/parse-numbers';
export {
  printNumberRows,
  printNumbers,
  type PrintedRows,
  type PrintNumbersOptions,
  type PrintRowsOptions,
} from './engine/numbers/print-numbers';
export { type NumberType } from './engine/numbers/number-type';
export { quantize, dequantize } from './engine/tensor/quantize';
export {
  listSupportedBackends,
  runtimeInfo,
  type RuntimeDescription,
  type RuntimeInfo,
} from './engine/runtime/runtime-info';
export { registerProviderLibrary, type ProviderDevice } from './engine/runtime/provider-devices';
export { useProvider } from './engine/runtime/installed-providers';
export { configureRuntimes } from './engine/runtime/runtime-locations';
export { configureAddon } from './engine/addon/load';
export {
  openServerSocket,
  type ServerSocket,
  type ServerSocketOptions,
} from './engine/server-socket';
export { releaseBytes } from './engine/release-bytes';
export { type Engine } from './engine/addon/native';
export {
  env,
  registerBackend,
  TRACE,
  TRACE_EVENT_BEGIN,
  TRACE_EVENT_END,
  TRACE_FUNC_BEGIN,
  TRACE_FUNC_END,
} from './engine/onnxruntime-common';
