export { readJsonFile } from './json-file';
export { described, merged, type Effective, type Layer, type Origin } from './layers';
export {
  normalised,
  trafficOf,
  type ConfiguredRequest,
  type ModelConfig,
  type ModelLimits,
} from './model-config';
export {
  MODEL_CONFIG,
  modelSettings,
  type ModelLayers,
  type ModelSettings,
} from './model-settings';
export { ConfigError, printProblem, validate, type Problem } from './schemas';
export {
  FIXED_SETTINGS,
  effectiveConfig,
  followed,
  type EffectiveConfig,
  type ServerConfig,
} from './server-config';
