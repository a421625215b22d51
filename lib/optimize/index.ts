/**
 * What the commands that make models smaller and faster are made of: today, how far models are apart.
 *
 * @packageDocumentation
 */
export { topClass, type Agreement } from './metrics/agreement';
export {
  classificationMetrics,
  type ClassificationMetrics,
  type ClassMetrics,
  type PrecisionRecall,
} from './metrics/classification';
export { difference, type Difference } from './metrics/difference';
export { klDivergence, type DivergenceOptions, type ScoreKind } from './metrics/divergence';
export { regressionMetrics, type RegressionMetrics } from './metrics/regression';
