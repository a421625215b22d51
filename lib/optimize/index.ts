/**
 * Models made simpler and smaller, and models compared: how far they are apart, which of them is
 * better, and where they part. Loading this entry point loads no runtime.
 *
 * @packageDocumentation
 */
export {
  Calibrator,
  type CalibrationProgress,
  type CalibratorOptions,
  type CollectOptions,
} from './calibrate/calibrator';
export { type Moments } from './calibrate/channel-moments';
export { type RangeMethod } from './calibrate/tensor-observer';
export {
  pruneAndQuantize,
  type CombinedOptions,
  type CombinedResult,
  type Pruning,
  type Quantizing,
} from './combine/prune-and-quantize';
export {
  compareModels,
  type CandidateComparison,
  type CompareOptions,
  type ModelComparison,
} from './compare/compare-models';
export { type OutputComparison } from './compare/output-comparison';
export { type Label, type Quality, type Task } from './compare/quality';
export { type Sample, type Samples } from './compare/sample';
export { type Fidelity } from './guard/fidelity';
export { type Speedup } from './guard/speedup';
export { type Guarded, type GuardLimits } from './guard/guard';
export {
  compareLayers,
  type LayerComparison,
  type LayerDifference,
  type LayerOptions,
} from './layers/compare-layers';
export { topClass, type Agreement } from './measures/agreement';
export {
  classificationMetrics,
  type ClassificationMetrics,
  type ClassMetrics,
  type PrecisionRecall,
} from './measures/classification';
export { difference, type Difference } from './measures/difference';
export { klDivergence, type DivergenceOptions, type ScoreKind } from './measures/divergence';
export { regressionMetrics, type RegressionMetrics } from './measures/regression';
export { type QuantizeCandidate } from './quantize/candidate';
export { type OperatorDecision } from './quantize/decision';
export { type PrunedChannels } from './prune/prune-channels';
export { type FigureChange, type PrunedLayer } from './prune/layer-figures';
export { pruneModel, type PruneCandidate, type PruneResult } from './prune/prune-model';
export { type PruneMethod, type PruneOptions, type PruneProgress } from './prune/prune-options';
export { type CompressedFile } from './prune/write-compressed';
export { type ClusterStart } from './prune/share-weights';
export { type Compression } from '../compressed-model';
export { type PruneScope } from './prune/zero-weights';
export { quantizeModel, type QuantizeResult } from './quantize/quantize-model';
export {
  type QuantizeMethod,
  type QuantizeOptions,
  type QuantizeProgress,
} from './quantize/quantize-options';
export { type Target } from './quantize/target';
export { type Range } from './quantize/parameters';
export {
  optimizeModel,
  type OptimizedModel,
  type OptimizeOptions,
} from './simplify/optimize-model';
export { type ModelSize } from './simplify/measure';
export { type OptimizeLevel } from './simplify/runtime-level';
export { type Verification } from './simplify/verification';
