/**
 * What a model says in production: a log of predictions, accuracy as labels arrive, drift against a
 * reference, faulty outputs and errors; and what TensorBoard shows. Loading this entry point loads no
 * runtime.
 *
 * @packageDocumentation
 */
export { type Interval } from './accuracy/interval';
export {
  classificationQuality,
  regressionQuality,
  type LabelledRow,
  type LiveClassification,
  type LiveQuality,
  type LiveRegression,
} from './accuracy/live-quality';
export {
  areaUnderCurve,
  expectedCalibrationError,
  logLoss,
  type ScoreRows,
} from './accuracy/scores';
export {
  columnDrift,
  defaultDriftMethod,
  type ColumnDrift,
  type ColumnDriftOptions,
  type ColumnKind,
  type DriftMethod,
} from './drift/column-drift';
export {
  DriftMonitor,
  type BinCounts,
  type DriftOptions,
  type DriftReport,
  type FeatureDrift,
} from './drift/drift-monitor';
export {
  type ExplainOptions,
  type ExplainProgress,
  type ModelFunction,
} from './explain/explain-options';
export { kernelShap, type KernelShapOptions, type ShapValues } from './explain/kernel-shap';
export { type ExplainedInput } from './explain/row-layout';
export {
  SessionModel,
  type ExplainedSession,
  type SessionModelOptions,
} from './explain/session-model';
export { occlusionMap, type OcclusionMap, type OcclusionOptions } from './explain/occlusion';
export {
  permutationImportance,
  type FeatureImportance,
  type PermutationImportance,
  type PermutationOptions,
} from './explain/permutation-importance';
export { type AlertMeasure, type AlertRule, type AlertState } from './live/alerts';
export { type ErrorExample, type ErrorKind, type UnusualFeature } from './live/error-kinds';
export { type JoinCounts, type LabelOptions } from './live/label-join';
export {
  ModelWatch,
  type EndRequest,
  type PredictionLogOptions,
  type RequestEnd,
  type StartedRequest,
  type WatchOptions,
  type WatchReport,
} from './live/model-watch';
export { type OutputHealth } from './live/output-health';
export { type VersionQuality } from './live/quality-windows';
export { watch, WatchedSession, type WatchedRunOptions } from './live/watched-session';
export { type PayloadEventCounts, type PayloadEventOptions } from './log/payload-events';
export { type Redaction, type RedactionOptions } from './log/redaction';
export { type RotationOptions } from './log/rotated-file';
export {
  MlflowClient,
  type MlflowFile,
  type MlflowMetric,
  type MlflowModelVersion,
  type MlflowOptions,
  type MlflowRun,
} from './mlflow/client';
export { resolveModel, type ResolvedModel, type ResolveModelOptions } from './mlflow/resolve-model';
export { type ColumnProfile, type NumberProfile } from './profile/column-profile';
export {
  Profiler,
  readProfile,
  writeProfile,
  type ProfileOptions,
  type ReferenceProfile,
} from './profile/reference-profile';
export { FeatureReader, type FeatureOptions, type FeatureTable } from './rows/feature-reader';
export {
  PredictionReader,
  type PredictionOptions,
  type WatchedTask,
} from './rows/prediction-reader';
export {
  type FeatureValue,
  type Prediction,
  type Row,
  type RowTensor,
  type RowTensors,
} from './rows/row';
export {
  RequestSampler,
  type SampleOptions,
  type SkippedError,
  type SkippedRequests,
} from './sample/request-sampler';
export {
  measureStability,
  type AnswerSpread,
  type PerturbedSpread,
  type Stability,
  type StabilityOptions,
} from './stability/measure';
export { type PixelLayout } from './stability/perturb';
export { type Pixels } from './tensorboard/png';
export {
  type ChartCategory,
  type HistogramBar,
  type HyperParameter,
  type LineChart,
  type MarginChart,
} from './tensorboard/summary';
export {
  TensorBoardWriter,
  type EventOptions,
  type HistogramOptions,
  type TensorBoardWriterOptions,
} from './tensorboard/writer';
