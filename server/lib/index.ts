/**
 * `@onlite/server` serves ONNX and TensorFlow Lite models over the protocols of Triton, KServe,
 * TensorFlow Serving and MLflow.
 *
 * @packageDocumentation
 */
export {
  createApiKey,
  type AccessOptions,
  type ApiKey,
  type NewApiKey,
  type TokenOptions,
} from './access';
export { type CloseOptions, type DrainOptions } from './close-options';
export { AuditFile } from './logs/audit-file';
export { type Audit, type AuditEntry } from './logs/audit';
export { type ServerLog } from './logs/server-log';
export { type MetricsNames } from './metrics';
export { type ObserveOptions } from './observe/options';
export { type HttpTimeouts } from './http/server';
export { type TlsOptions } from './tls';
export {
  type Canary,
  type Outcome,
  type CanaryKey,
  ModelRepository,
  type ModelSource,
  type RepositoryOptions,
  type ServedModel,
  type ServingOptions,
  type Shadow,
  type Tolerance,
  type Traffic,
  type VersionPolicy,
  type VersionState,
  type VersionStatus,
  type WatchConfig,
} from './models';
export { type FastifyLike, type FastifyPlugin, type FastifyReplyLike } from './mount/fastify';
export { type MountOptions } from './mount/mount';
export { type ModelConfig, type ServerConfig } from './config';
export {
  FolderWatch,
  ModelManager,
  type FolderChange,
  type FolderOptions,
  type ManagedModel,
  type ManagedVersion,
} from './rollout';
export { ModelServer, createServer } from './server';
export { type ConfigSource, type Reloaded, type ServerOptions } from './server-options';
