import type { BatchingOptions, SessionOptions } from 'onlite';

import type { CanaryKey, Tolerance, Traffic, VersionPolicy, WatchConfig } from '../models';

/** A version as configurations have it: a whole number, or a string of one. */
export type VersionNumber = number | string;

/** A request by the names of TensorFlow Serving's `:predict`, in column form. */
export interface ConfiguredRequest {
  readonly name?: string;
  readonly signature_name?: string;
  readonly inputs: unknown;
}

/** What requests for a model may have. */
export interface ModelLimits {
  readonly maxQueue?: number;
  readonly maxQueueBytes?: number;
  readonly timeoutMs?: number;
  readonly maxRunMs?: number;
}

/** Settings of a model, as `config.json` beside its versions has them; its schema says more. */
export interface ModelConfig {
  readonly versionPolicy?:
    | { readonly all: object }
    | { readonly latest: { readonly count?: number; readonly num_versions?: number } }
    | { readonly specific: { readonly versions: readonly VersionNumber[] } };
  readonly labels?: Readonly<Record<string, VersionNumber>>;
  readonly pin?: VersionNumber;
  readonly canary?: {
    readonly version: VersionNumber;
    readonly percent: number;
    readonly key?: CanaryKey;
  };
  readonly shadow?: {
    readonly version: VersionNumber;
    readonly percent: number;
    readonly tolerance?: Tolerance;
  };
  readonly executionProviders?: SessionOptions['executionProviders'];
  readonly intraOpNumThreads?: number;
  readonly interOpNumThreads?: number;
  readonly concurrency?: number;
  readonly instances?: number;
  readonly inline?: 'auto' | 'never';
  readonly resizeInputs?: boolean;
  readonly graphOptimizationLevel?: SessionOptions['graphOptimizationLevel'];
  readonly freeDimensionOverrides?: Readonly<Record<string, number>>;
  readonly externalDataLinks?: boolean;
  readonly loadPriority?: 'normal' | 'low';
  readonly batching?: {
    readonly maxBatchSize?: number;
    readonly max_batch_size?: number;
    readonly maxDelayMs?: number;
    readonly batch_timeout_micros?: number;
    readonly allowedSizes?: readonly number[];
    readonly allowed_batch_sizes?: readonly number[];
    readonly max_enqueued_batches?: number;
    readonly num_batch_threads?: number;
  };
  readonly limits?: ModelLimits;
  readonly isolation?: 'none' | 'process';
  readonly warmUp?:
    boolean | { readonly runs?: number; readonly requests?: readonly ConfiguredRequest[] };
  readonly classLabels?: readonly string[] | string;
  readonly signatures?: { readonly default?: string };
  readonly watch?: boolean | WatchConfig;
}

/** With folders to write to as they are from a file's place. */
export function withFolders(config: ModelConfig, absolute: (path: string) => string): ModelConfig {
  const { watch } = config;
  if (typeof watch !== 'object') return config;
  const { log, labels } = watch;
  const { folder } = labels ?? {};
  return {
    ...config,
    watch: {
      ...watch,
      ...(log && { log: logWithFolders(log, absolute) }),
      ...(labels && {
        labels: { ...labels, ...(folder !== undefined && { folder: absolute(folder) }) },
      }),
    },
  };
}

type LogConfig = NonNullable<WatchConfig['log']>;

function logWithFolders(log: LogConfig, absolute: (path: string) => string): LogConfig {
  const { keyFile, ...redact } = log.redact ?? {};
  return {
    ...log,
    folder: absolute(log.folder),
    ...(log.redact && {
      redact: { ...redact, ...(keyFile !== undefined && { keyFile: absolute(keyFile) }) },
    }),
  };
}

/** Which versions are served. Default the highest. */
export function policyOf({ versionPolicy: policy }: ModelConfig): VersionPolicy {
  if (policy === undefined) return { latest: 1 };
  if ('all' in policy) return 'all';
  if ('specific' in policy) return policy.specific.versions.map(String);
  return { latest: policy.latest.count ?? policy.latest.num_versions ?? 1 };
}

/** How requests are spread, as far as the configuration says. */
export function trafficOf({ pin, labels, canary, shadow }: ModelConfig): Traffic {
  return {
    ...(pin !== undefined && { pin: String(pin) }),
    ...(labels && { labels: versionsOf(labels) }),
    ...(canary && { canary: { ...canary, version: String(canary.version) } }),
    ...(shadow && { shadow: { ...shadow, version: String(shadow.version) } }),
  };
}

const versionsOf = (labels: Readonly<Record<string, VersionNumber>>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).map(([label, version]) => [label, String(version)]));

const SESSION_KEYS = [
  'executionProviders',
  'intraOpNumThreads',
  'interOpNumThreads',
  'concurrency',
  'inline',
  'resizeInputs',
  'graphOptimizationLevel',
  'freeDimensionOverrides',
  'externalDataLinks',
  'loadPriority',
] as const;

/** What sessions of the model are made with, of a configuration that is {@link normalised}. */
export function sessionOf(config: ModelConfig): SessionOptions {
  const { maxQueue, maxQueueBytes } = config.limits ?? {};
  const session: Record<string, unknown> = {
    ...(maxQueue !== undefined && { maxQueue }),
    ...(maxQueueBytes !== undefined && { maxQueueBytes }),
  };
  for (const key of SESSION_KEYS) if (config[key] !== undefined) session[key] = config[key];
  const { batching } = config;
  if (batching !== undefined) {
    session['batching'] = { ...batching, maxBatchSize: batching.maxBatchSize ?? 1 };
  }
  return session;
}

/**
 * The same configuration by our own names where it has those of TensorFlow Serving and Triton, so that one
 * place's can be laid over another's.
 */
export function normalised(config: ModelConfig): ModelConfig {
  const { instances, batching, ...rest } = config;
  const concurrency = config.concurrency ?? instances ?? batching?.num_batch_threads;
  const maxQueue = config.limits?.maxQueue ?? queueOf(batching);
  return {
    ...rest,
    ...(concurrency !== undefined && { concurrency }),
    ...(maxQueue !== undefined && { limits: { ...config.limits, maxQueue } }),
    ...(batching && { batching: batchingOf(batching) }),
  };
}

type Batching = NonNullable<ModelConfig['batching']>;

const sizeOf = (batching: Batching): number =>
  batching.maxBatchSize ?? batching.max_batch_size ?? 1;

function queueOf(batching: Batching | undefined): number | undefined {
  const batches = batching?.max_enqueued_batches;
  return batching && batches && Math.min(batches * sizeOf(batching), 1_000_000);
}

function batchingOf(batching: Batching): BatchingOptions {
  const { batch_timeout_micros: micros, allowed_batch_sizes: sizes } = batching;
  const maxDelayMs = batching.maxDelayMs ?? (micros === undefined ? undefined : micros / 1000);
  const allowedSizes = batching.allowedSizes ?? sizes;
  return {
    maxBatchSize: sizeOf(batching),
    ...(maxDelayMs !== undefined && { maxDelayMs }),
    ...(allowedSizes && { allowedSizes }),
  };
}
