import { dirname, resolve } from 'node:path';

import { isInRegistry } from '../models';
import { readJsonFile } from './json-file';
import { described, merged, type Effective, type Layer } from './layers';
import { normalised, withFolders, type ModelConfig } from './model-config';
import type { ModelLayers } from './model-settings';

/** Settings of a server, as `--config FILE` has them; the schema says more. */
export interface ServerConfig {
  readonly host?: string;
  readonly restPort?: number;
  readonly grpcPort?: number | false;
  readonly managementPort?: number | false;
  readonly workers?: number;
  readonly maxBodyBytes?: number;
  readonly maxBodyBytesInFlight?: number;
  readonly maxConnections?: number;
  readonly keepAliveSeconds?: number;
  readonly headersSeconds?: number;
  readonly requestSeconds?: number;
  readonly compression?: boolean;
  readonly nonFinite?: 'accept' | 'refuse';
  readonly modelControl?: boolean;
  readonly stateFile?: string;
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly logFormat?: 'json' | 'text';
  readonly accessLog?: number;
  readonly auditLog?: string;
  readonly metricsNames?: 'onlite' | 'triton' | 'both';
  readonly statusPage?: boolean;
  readonly modelBasePath?: string;
  readonly modelName?: string;
  readonly pollSeconds?: number;
  readonly defaults?: ModelConfig;
  readonly models?: Readonly<
    Record<string, { readonly path?: string; readonly config?: ModelConfig }>
  >;
}

export const SERVER_DEFAULTS = {
  host: '127.0.0.1',
  restPort: 8501,
  grpcPort: 8500,
  managementPort: false,
  workers: 1,
  maxBodyBytes: 256 << 20,
  maxBodyBytesInFlight: 64 << 20,
  maxConnections: 16_384,
  keepAliveSeconds: 75,
  headersSeconds: 10,
  requestSeconds: 60,
  compression: true,
  nonFinite: 'accept',
  modelControl: false,
  logLevel: 'info',
  accessLog: 0,
  metricsNames: 'onlite',
  statusPage: false,
  pollSeconds: 2,
} as const satisfies ServerConfig;

/** What a running server cannot change. */
export const FIXED_SETTINGS = [
  'host',
  'restPort',
  'grpcPort',
  'managementPort',
  'workers',
  'maxBodyBytes',
  'maxBodyBytesInFlight',
  'maxConnections',
  'keepAliveSeconds',
  'headersSeconds',
  'requestSeconds',
  'compression',
  'nonFinite',
  'modelControl',
  'stateFile',
  'logLevel',
  'logFormat',
  'accessLog',
  'auditLog',
  'metricsNames',
  'statusPage',
] as const satisfies (keyof ServerConfig)[];

/** What is said of the models, and what holds for the server. */
export interface EffectiveConfig {
  readonly server: ServerConfig & typeof SERVER_DEFAULTS;
  readonly layers: ModelLayers;
  /** Without those of models. */
  readonly described: Readonly<Record<string, Effective>>;
}

/**
 * What holds: the command line's over the file's over the defaults. Paths in the file are relative to it.
 *
 * @param flags - of the command line; those of models apart
 * @throws ConfigError naming what is wrong with the file
 */
export function effectiveConfig(
  file: string | undefined,
  flags: ServerConfig,
  modelFlags: ModelConfig,
): EffectiveConfig {
  const read = file === undefined ? {} : fromFile(file);
  const { defaults, models: named = {}, ...rest } = read;
  // Files that the command line names come beside those of the file.
  const { models: files = {}, ...said } = flags;
  const models = { ...named, ...files };
  const layers: Layer<ServerConfig>[] = [{ from: 'default', config: SERVER_DEFAULTS }];
  if (file !== undefined) layers.push({ from: 'server file', file, config: rest });
  layers.push({ from: 'flag', config: said });
  const server = merged(layers) as EffectiveConfig['server'];
  const configs = Object.entries(models).map(([name, { config = {} }]) => [name, config]);
  return {
    server: { ...server, models },
    layers: {
      ...(file !== undefined && { file }),
      ...(defaults && { defaults: normalised(defaults) }),
      models: Object.fromEntries(configs) as Record<string, ModelConfig>,
      ...(Object.keys(modelFlags).length > 0 && { flags: modelFlags }),
    },
    described: described(layers),
  };
}

/** One that was read again, as a running server follows it: what a restart alone changes is as before. */
export function followed(config: EffectiveConfig, before: EffectiveConfig): EffectiveConfig {
  const keep = <Settings extends object>(now: Settings, old: Settings): Settings => {
    const isFixed = (key: string) => FIXED_SETTINGS.some((fixed) => fixed === key);
    const entries = [
      ...Object.entries(now).filter(([key]) => !isFixed(key)),
      ...Object.entries(old).filter(([key]) => isFixed(key)),
    ];
    return Object.fromEntries(entries) as Settings;
  };
  return {
    ...config,
    server: keep(config.server, before.server),
    described: keep(config.described, before.described),
  };
}

function fromFile(file: string): ServerConfig {
  const config = readJsonFile(file, 'server') as ServerConfig;
  const absolute = (path: string): string => resolve(dirname(file), path);
  const { modelBasePath, stateFile, auditLog, defaults, models = {} } = config;
  const resolved = Object.entries(models).map(([name, { path, config: own }]) => [
    name,
    {
      ...(own && { config: withFolders(own, absolute) }),
      ...(path !== undefined && { path: isInRegistry(path) ? path : absolute(path) }),
    },
  ]);
  return {
    ...config,
    models: Object.fromEntries(resolved) as NonNullable<ServerConfig['models']>,
    ...(defaults && { defaults: withFolders(defaults, absolute) }),
    ...(modelBasePath !== undefined && { modelBasePath: absolute(modelBasePath) }),
    ...(stateFile !== undefined && { stateFile: absolute(stateFile) }),
    ...(auditLog !== undefined && { auditLog: absolute(auditLog) }),
  };
}
