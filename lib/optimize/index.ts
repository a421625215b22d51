/**
 * What the commands that make models smaller and faster are made of: today, how far models are apart.
 *
 * @packageDocumentation
 */
export {
  compareModels,
  type CandidateComparison,
  type CompareOptions,
  type ModelComparison,
} from './compare/compare-models';
export { type OutputComparison } from './compare/output-comparison';
export { type Label, type Quality, type Task } from './compare/quality';
export { type Sample, type Samples } from './compare/sample';
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
