import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import type { SessionOptions } from 'onlite';

import type { ServingOptions, Traffic, VersionPolicy, WatchConfig } from '../models';
import { readJsonFile } from './json-file';
import { MODEL_DEFAULTS, described, merged, type Effective, type Layer } from './layers';
import {
  normalised,
  policyOf,
  sessionOf,
  trafficOf,
  withFolders,
  type ModelConfig,
} from './model-config';
import { ConfigError } from './schemas';

/** A model's own configuration, beside its versions. */
export const MODEL_CONFIG = 'config.json';

/** What is said of models elsewhere than beside them. */
export interface ModelLayers {
  /** Of the server's file: for all models, and for each by its name. */
  readonly file?: string;
  readonly defaults?: ModelConfig;
  readonly models?: Readonly<Record<string, ModelConfig>>;
  /** Of the command line. */
  readonly flags?: ModelConfig;
}

/** What holds for a model. */
export interface ModelSettings {
  readonly versions: VersionPolicy;
  readonly traffic: Traffic;
  readonly session: SessionOptions;
  readonly warmUp: ModelConfig['warmUp'];
  /** Those of one version: class labels may be a file beside it. @throws ConfigError */
  readonly servingOf: (versionFolder: string) => ServingOptions;
  /** Another text where sessions have to be made anew. */
  readonly fingerprint: string;
  readonly described: Readonly<Record<string, Effective>>;
}

/**
 * What holds for a model: the command line's over what is beside it over the server's file.
 *
 * @param folder - of the model, which may have a `config.json`; undefined for a file
 * @throws ConfigError if that is wrong
 */
export function modelSettings(
  name: string,
  folder: string | undefined,
  { file, defaults, models = {}, flags }: ModelLayers = {},
): ModelSettings {
  const own = Object.hasOwn(models, name) ? models[name] : undefined;
  const beside = folder === undefined ? undefined : readModelConfig(join(folder, MODEL_CONFIG));
  const from = { from: 'server file', ...(file !== undefined && { file }) } as const;
  const layers: Layer<ModelConfig>[] = [];
  if (defaults !== undefined) layers.push({ ...from, config: normalised(defaults) });
  if (own !== undefined) layers.push({ ...from, config: normalised(own) });
  if (beside !== undefined) layers.push(beside);
  if (flags !== undefined) layers.push({ from: 'flag', config: flags });
  const config = merged(layers);
  return {
    versions: policyOf(config),
    traffic: trafficOf(config),
    session: sessionOf(config),
    warmUp: config.warmUp,
    servingOf: (versionFolder) => servingOf(config, versionFolder),
    fingerprint: fingerprintOf(config),
    described: described([{ from: 'default', config: MODEL_DEFAULTS }, ...layers]),
  };
}

/** What decides how requests are spread does not make sessions other ones. */
const SPREADING = new Set(['$schema', 'versionPolicy', 'labels', 'pin', 'canary', 'shadow']);

const fingerprintOf = (config: ModelConfig): string =>
  JSON.stringify(Object.entries(config).filter(([key]) => !SPREADING.has(key)));

function readModelConfig(file: string): Layer<ModelConfig> | undefined {
  let config: ModelConfig;
  try {
    config = readJsonFile(file, 'model') as ModelConfig;
  } catch (error) {
    if (error instanceof ConfigError && isMissing(file)) return undefined;
    throw error;
  }
  const own = withFolders(config, (path) => resolve(dirname(file), path));
  return { from: 'model file', file, config: normalised(own) };
}

function isMissing(file: string): boolean {
  try {
    readFileSync(file);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function servingOf(config: ModelConfig, folder: string): ServingOptions {
  const { classLabels, signatures, limits, isolation, watch } = config;
  const labels = typeof classLabels === 'string' ? readLabels(folder, classLabels) : classLabels;
  return {
    ...(labels && { classLabels: labels }),
    ...(signatures?.default !== undefined && { defaultSignature: signatures.default }),
    ...(limits?.timeoutMs !== undefined && { timeoutMs: limits.timeoutMs }),
    ...(limits?.maxRunMs !== undefined && { maxRunMs: limits.maxRunMs }),
    ...(isolation !== undefined && { isolation }),
    ...(watch !== undefined && watch !== false && { watch: watchOf(watch, folder) }),
  };
}

/** Only what there is is a reference. @throws ConfigError */
function watchOf(watch: true | WatchConfig, folder: string): WatchConfig {
  if (watch === true) return {};
  if (watch.profile === undefined) return watch;
  const profile = resolve(folder, watch.profile);
  if (existsSync(profile)) return { ...watch, profile };
  throw new ConfigError([{ file: profile, path: 'watch.profile', message: 'is not there' }]);
}

function readLabels(folder: string, name: string): string[] {
  const file = join(folder, name);
  try {
    return readFileSync(file, 'utf8')
      .replace(/\r?\n$/, '')
      .split(/\r?\n/);
  } catch (error) {
    const message = `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new ConfigError([{ file, path: 'classLabels', message }]);
  }
}
