export { checkConfigured, describeModels } from './check';
export { ConfiguredModels } from './configured-models';
export { FileSource } from './file-source';
export { FolderWatch, type FolderChange, type FolderOptions } from './folder-watch';
export { ModelManager, type ManagedModel, type ManagedVersion } from './manager';
export { type VersionSource } from './source';
export { readState } from './state-file';
export { TrafficBook } from './traffic-book';
