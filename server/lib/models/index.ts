export { type InputShapes } from './bindings';
export {
  FolderWatch,
  type FolderChange,
  type FolderOptions,
  type VersionPolicy,
} from './folder-watch';
export { ModelError, type ModelErrorKind } from './errors';
export { type Lease } from './lease';
export {
  ModelRepository,
  type RepositoryMirror,
  type RepositoryOptions,
  type VersionState,
  type VersionStatus,
} from './repository';
export { type ModelSource, type ServedModel, type SharedModel } from './served-model';
export { DEFAULT_SIGNATURE, checkShape, wireShape, type Signature } from './signature';
export { phaseDuration, type Duration } from './statistics';
