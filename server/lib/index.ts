/**
 * `@onlite/server` serves ONNX and TensorFlow Lite models over the protocols of Triton, KServe,
 * TensorFlow Serving and MLflow.
 *
 * @packageDocumentation
 */
export { type HttpTimeouts } from './http/server';
export {
  FolderWatch,
  type FolderChange,
  type FolderOptions,
  ModelRepository,
  type ModelSource,
  type RepositoryOptions,
  type ServedModel,
  type VersionPolicy,
  type VersionState,
  type VersionStatus,
} from './models';
export { type FastifyLike, type FastifyPlugin, type FastifyReplyLike } from './mount/fastify';
export { type MountOptions } from './mount/mount';
export { ModelServer, createServer, type ServerOptions } from './server';
