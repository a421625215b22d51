import { readFileSync } from 'node:fs';

import { normalised, type ModelConfig, type ServerConfig } from '../config';
import { readTextFormat, shortened, type TextMessage, type TextValue } from './text-format';
import { UsageError } from './usage-error';

/** What TensorFlow Serving's options mean here. */
export interface ServingOptions {
  /** The command line with our own names of options in their place. */
  readonly args: readonly string[];
  /** Of `--model_config_file`. */
  readonly served: NonNullable<ServerConfig['models']>;
  /** What holds for all models. */
  readonly models: ModelConfig;
}

const OWN_NAMES: Readonly<Record<string, string>> = {
  'rest-api-port': 'rest-port',
  port: 'grpc-port',
  'manage-port': 'management-port',
  'file-system-poll-wait-seconds': 'poll-seconds',
  'tensorflow-intra-op-parallelism': 'intra-op-threads',
  'tensorflow-session-parallelism': 'intra-op-threads',
  'rest-api-timeout-in-ms': 'timeout-ms',
};
const RENAMED = new Set(Object.values(OWN_NAMES));

/** Options that ask for what is done anyway, if they are true. */
const ALWAYS: Readonly<Record<string, string>> = {
  'allow-version-labels-for-unavailable-models':
    'a label may always name a version that is not loaded yet, and the version is loaded for it',
  'enable-grpc-healthcheck-service': 'grpc.health.v1 is always there',
  'prefer-tflite-model': "a version's folder has a model of one kind",
};

/** Options that ask for what is never done, if they are true. */
const NEVER: Readonly<Record<string, string>> = {
  'flush-filesystem-caches': 'files stay in the cache of the system',
  'enable-profiler': "there is none of TensorFlow's",
  'rest-api-enable-cors-support': 'a server before this one answers for other origins',
  'use-alts-credentials': 'see --tls-cert',
  'use-tflite-model': "a version's file says what it is",
  'enable-serialization-as-tensor-content': 'answers have values in their own fields',
};

const OWN_CONFIG = 'see the settings of models in --config FILE';
const OWN_RETRIES = 'what cannot be loaded is tried again after longer and longer times';

const REFUSED: Readonly<Record<string, string>> = {
  'ssl-config-file': 'see --tls-cert, --tls-key and --tls-client-ca',
  'monitoring-config-file': 'metrics are always at /metrics',
  'platform-config-file': OWN_CONFIG,
  'tensorflow-inter-op-parallelism': `interOpNumThreads: ${OWN_CONFIG}`,
  'num-request-iterations-for-warmup': `warmUp.runs: ${OWN_CONFIG}`,
  'per-process-gpu-memory-fraction': `executionProviders: ${OWN_CONFIG}`,
  'total-model-memory-limit-bytes': 'there is no such limit',
  'saved-model-tags': 'models are ONNX or TensorFlow Lite ones',
  'model-config-file-poll-wait-seconds': '--config FILE is read again on SIGHUP',
  'rest-api-num-threads': 'see --workers',
  'grpc-max-threads': 'see --workers',
  'num-load-threads': 'versions are loaded one after the other, so that requests do not feel it',
  'num-unload-threads': 'versions are released when their requests are answered',
  'max-num-load-retries': OWN_RETRIES,
  'load-retry-interval-micros': OWN_RETRIES,
  'grpc-socket-path': 'gRPC is spoken at a port',
  'grpc-channel-arguments': "there is no gRPC library's channel",
  'thread-pool-factory-config-file': 'see --concurrency and --intra-op-threads',
};

/**
 * Finds the options that TensorFlow Serving's `tensorflow_model_server` has: those with a meaning here become it.
 *
 * @throws UsageError for one without, with the reason, and for a file that cannot be followed
 */
export function servingOptions(args: readonly string[]): ServingOptions {
  const own: string[] = [];
  let served: ServingOptions['served'] = {};
  let models: ModelConfig = {};
  const rest = args.values();
  const isOn = new Set<string>();
  let batching: string | undefined;
  const named = new Map<string, { written: string; value: string }>();
  for (const arg of rest) {
    const [, written = '', , given] = /^--([\w-]+)(=(.*))?$/s.exec(arg) ?? [];
    const name = written.replaceAll('_', '-');
    const ownName = OWN_NAMES[name] ?? name;
    const valueOf = (what: string): string => {
      const value = given ?? rest.next().value;
      if (value === undefined) throw new UsageError(`--${written}: expected ${what}`);
      return value;
    };
    const file = (): string => valueOf('a file');
    if (name === '') own.push(arg);
    else if (name === 'model-config-file') served = { ...served, ...modelsOf(written, file()) };
    else if (name === 'batching-parameters-file') batching = file();
    else if (name === 'enable-batching') isOn[truth(written, given) ? 'add' : 'delete'](name);
    else if (name === 'enable-model-warmup') models = { ...models, warmUp: truth(written, given) };
    else if (Object.hasOwn(ALWAYS, name)) expect(true, written, given, ALWAYS[name]);
    else if (Object.hasOwn(NEVER, name)) expect(false, written, given, NEVER[name]);
    else if (Object.hasOwn(REFUSED, name)) throw refused(written, REFUSED[name]);
    else if (RENAMED.has(ownName)) {
      const value = valueOf('a value');
      const other = named.get(ownName);
      if (other !== undefined && other.written !== written && other.value !== value) {
        throw new UsageError(
          `--${other.written} ${other.value} and --${written} ${value} say different things of one setting`,
        );
      }
      named.set(ownName, { written, value });
      own.push(`--${ownName}=${value}`);
    } else own.push(`--${name}${given === undefined ? '' : `=${given}`}`);
  }
  if (isOn.has('enable-batching')) models = { ...models, batching: batchingOf(batching) };
  else if (batching !== undefined) {
    throw new UsageError('--batching_parameters_file needs --enable_batching');
  }
  return { args: own, served, models: normalised(models) };
}

const refused = (name: string, why = ''): UsageError =>
  new UsageError(`--${name}: TensorFlow Serving's option has no meaning here: ${why}`);

/** As TensorFlow reads its own. */
function truth(name: string, value: string | undefined): boolean {
  if (value === undefined || /^(true|1)$/i.test(value)) return true;
  if (/^(false|0)$/i.test(value)) return false;
  throw new UsageError(`--${name}: expected true or false, got '${value}'`);
}

function expect(wanted: boolean, name: string, value: string | undefined, why?: string): void {
  if (truth(name, value) !== wanted) throw refused(`${name}=${!wanted}`, why);
}

/** Reads a file of text format. @throws UsageError */
function followed<Value>(
  option: string,
  file: string,
  read: (message: TextMessage) => Value,
): Value {
  try {
    return read(readTextFormat(readFileSync(file, 'utf8')));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--${option}: ${file}: ${why}`);
  }
}

/** `model_config_list { config { name base_path model_version_policy version_labels } … }` */
const modelsOf = (option: string, file: string): ServingOptions['served'] =>
  followed(option, file, (message) => {
    only(message, ['model_config_list'], '');
    const list = one(message, 'model_config_list', '');
    only(list, ['config'], 'model_config_list.');
    const models = (list['config'] ?? []).map((each, index) => {
      const path = `config[${index}].`;
      const config = asMessage(each, path);
      only(config, MODEL_FIELDS, path);
      const policy = config['model_version_policy'];
      const labels = config['version_labels'];
      return [
        text(config, 'name', path),
        {
          path: text(config, 'base_path', path),
          config: {
            ...(policy && { versionPolicy: policyOf(asMessage(policy[0], path), path) }),
            ...(labels && { labels: labelsOf(labels, path) }),
          },
        },
      ] as const;
    });
    const names = models.map(([name]) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new Error(`'${twice}' is there twice`);
    return Object.fromEntries(models);
  });

/** The last two say what everything here is, or where it would be logged. */
const MODEL_FIELDS = [
  'name',
  'base_path',
  'model_version_policy',
  'version_labels',
  'model_platform',
  'model_type',
];

function policyOf(policy: TextMessage, path: string): NonNullable<ModelConfig['versionPolicy']> {
  const field = `${path}model_version_policy.`;
  const [kind = '', second] = Object.keys(policy);
  only(policy, second === undefined ? ['all', 'latest', 'specific'] : [kind], field);
  if (kind === 'all') return { all: {} };
  const how = one(policy, kind, field);
  if (kind === 'specific') return { specific: { versions: (how['versions'] ?? []).map(version) } };
  const [count = '1'] = how['num_versions'] ?? [];
  return { latest: { count: Number(version(count)) } };
}

/** Fields of a map: `{ key value }`. */
const labelsOf = (entries: readonly TextValue[], path: string) =>
  Object.fromEntries(
    entries.map((entry) => {
      const field = `${path}version_labels.`;
      const message = asMessage(entry, field);
      return [text(message, 'key', field), version(text(message, 'value', field))];
    }),
  );

/** Each as `name { value: N }`, a message of its own. */
function batchingOf(file: string | undefined): NonNullable<ModelConfig['batching']> {
  const fields = [
    'max_batch_size',
    'batch_timeout_micros',
    'max_enqueued_batches',
    'num_batch_threads',
  ];
  const message =
    file === undefined ? {} : followed('batching_parameters_file', file, (read) => read);
  // What only says how threads are shared and what is said of them.
  const silent = ['thread_pool_name', 'pad_variable_length_inputs'];
  const read = () => {
    only(message, [...fields, 'allowed_batch_sizes', ...silent], '');
    const [pads = 'false'] = message['pad_variable_length_inputs'] ?? [];
    if (pads !== 'false') {
      throw new Error('pad_variable_length_inputs: inputs of different lengths are not padded');
    }
    const numbers = fields.flatMap((field) => {
      if (message[field] === undefined) return [];
      const value = number(text(one(message, field, ''), 'value', `${field}.`), field);
      return [[field, value] as const];
    });
    const sizes = message['allowed_batch_sizes']?.map((size) =>
      number(size, 'allowed_batch_sizes'),
    );
    return {
      // TensorFlow Serving's own default.
      max_batch_size: 1000,
      ...Object.fromEntries(numbers),
      ...(sizes && { allowed_batch_sizes: sizes }),
    };
  };
  try {
    return read();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--batching_parameters_file: ${file}: ${why}`);
  }
}

function only(message: TextMessage, fields: readonly string[], path: string): void {
  const other = Object.keys(message).find((field) => !fields.includes(field));
  if (other === undefined) return;
  throw new Error(`${path}${shortened(other)}: is not known here; expected ${fields.join(', ')}`);
}

function one(message: TextMessage, field: string, path: string): TextMessage {
  return asMessage(message[field]?.[0], `${path}${field}`);
}

function asMessage(value: TextValue | undefined, path: string): TextMessage {
  if (typeof value === 'object') return value;
  throw new Error(`${path}: expected a message, got ${shown(value)}`);
}

/** Names, and paths as long as the system takes them. */
const LONGEST_TEXT = 4096;

function text(message: TextMessage, field: string, path: string): string {
  const [value, second] = message[field] ?? [];
  if (typeof value !== 'string' || second !== undefined) {
    throw new Error(`${path}${field}: expected one value`);
  }
  if (value.length > LONGEST_TEXT) {
    throw new Error(
      `${path}${field}: expected no more than ${LONGEST_TEXT} characters, got ${value.length}`,
    );
  }
  return value;
}

function version(value: TextValue): string {
  if (typeof value === 'string' && /^\d{1,18}$/.test(value)) return value;
  throw new Error(`expected a version, got ${shown(value)}`);
}

function number(value: TextValue, path: string): number {
  if (typeof value === 'string' && /^\d{1,9}$/.test(value)) return Number(value);
  throw new Error(`${path}: expected a whole number, got ${shown(value)}`);
}

const shown = (value: TextValue | undefined): string =>
  typeof value === 'string'
    ? `'${shortened(value)}'`
    : value === undefined
      ? 'nothing'
      : 'a message';
