export { DEFAULT_PRIORITY, priorityOf, type Caller } from './caller';
export { type InputShapes } from './bindings';
export { scanModels, scanVersions, type VersionFolder } from './folder';
export { wantedVersions, type VersionPolicy } from './version-policy';
export { difference, outputOf, type Output } from './compare';
export { ModelError, Overloaded, type ModelErrorKind } from './errors';
export { Exchange, enterExchange, leaveExchange } from './exchange';
export {
  LATENCY_EDGES,
  REQUEST_PHASES,
  type LatencyValues,
  type RequestPhase,
} from './latency-histograms';
export { type Lease } from './lease';
export { FAILURE_REASONS, ModelCounts, type FailureReason } from './model-counts';
export { PreparationError, type Prepare } from './preparation';
export { OUTCOMES, positionOf, type Outcome } from './outcomes';
export {
  LONGEST_ID,
  type RecordedRun,
  type Recorder,
  type RunError,
  type WatchedVersion,
  type Watches,
} from './recorder';
export { PROTOCOLS, indexOfProtocol, type ProtocolName } from './protocols';
export { checkAddress, fromRegistry, isInRegistry, mayMove, registeredName } from './registry';
export { type KeyReader } from './route';
export {
  ModelRepository,
  type RepositoryMirror,
  type RepositoryOptions,
  type VersionState,
  type VersionStatus,
} from './repository';
export {
  type ModelSource,
  type ServedModel,
  type ServingOptions,
  type SharedModel,
} from './served-model';
export { DEFAULT_SIGNATURE, checkShape, wireShape, type Signature } from './signature';
export { phaseDuration, queueDuration, type Duration } from './statistics';
export { type WatchConfig } from './watch-config';
export {
  NO_TRAFFIC,
  isHigher,
  mayBeDefault,
  namedVersions,
  type Canary,
  type CanaryKey,
  type Shadow,
  type Tolerance,
  type Traffic,
} from './traffic';
export { checkSource } from './check-source';
