/**
 * Models of other frameworks, converted by the field's converters and checked beside the original.
 * Loading this entry point loads no runtime and starts no Python.
 *
 * @packageDocumentation
 */
export { type ConversionCheck, type OutputCheck } from './check';
export { convertModel, type ConvertedValue, type ConvertResult } from './convert-model';
export {
  environmentsFolder,
  environmentState,
  makeEnvironment,
  type Environment,
  type EnvironmentStage,
  type MakeOptions,
} from './environment/environment';
export { environmentNames, type EnvironmentName } from './environment/lock';
export { type ConvertOptions, type ConvertStage, type InputShape } from './options';
export { type SourceKind, type TargetFormat } from './plan';
export { type Feeds } from './samples';
