import { basename, extname } from 'node:path';
import { parseArgs } from 'node:util';

import type { Effective, ModelConfig, ModelLimits, ServerConfig } from '../config';
import { isInRegistry, registeredName } from '../models';
import { OBSERVE_HELP, observeOptions, readObserveOptions } from './observe-options';
import {
  SECURITY_HELP,
  readSecurityOptions,
  securityOptions,
  type SecurityLine,
} from './security-options';
import { servingOptions } from './tfserving-options';
import { UsageError } from './usage-error';

export const HELP = `Usage: onlite-server [MODEL…] [options]
       onlite-server models COMMAND …  (see onlite-server models --help)

       onlite-server keys add|list|remove FILE …  makes the keys of --api-keys

Serves ONNX and TensorFlow Lite models: MODEL is a file, or NAME=FILE. By default each is called by its
file's name and is version 1. models:/NAME@ALIAS, models:/NAME/latest and models:/NAME/VERSION are models of the
MLflow registry at MLFLOW_TRACKING_URI; where an alias moves, the server follows.

  --model-base-path DIR   models in DIR/<name>/<version>/model.onnx or model.tflite, watched for changes
  --model-name NAME       DIR is the folder of this one model, whose versions are in it; or the name of MODEL
  --versions WHICH        of a folder's models: latest (default), all, or numbers such as 3,4
  --poll-seconds N        between two looks into DIR, default 2; 0 for one look only
  --rest-port N           default 8501; 0 for any that is free
  --grpc-port N           default 8500, or any that is free where the other is 0
  --no-grpc               listen for REST only
  --host HOST             what to listen on, default 127.0.0.1: 0.0.0.0 for all that reach this machine
  --max-body-bytes N      of a request, default 268435456
  --max-body-bytes-in-flight N
                          of all requests that are not answered, default 67108864; others wait
  --max-connections N     of each protocol, default 16384
  --keep-alive-seconds N  that a connection without a request stays open, default 75
  --headers-seconds N, --request-seconds N
                          for a request's headers to come, and all of it; default 10 and 60
  --max-queue N           requests that may wait for a model, default 1024; more are answered with 429
  --isolation process     run each model in a process of its own, which is started again when it crashes
  --max-run-ms N          a run that takes longer makes its model not ready; an isolated one is started again
  --timeout-ms N          what requests have that do not say how long they may take; default no limit
  --workers N             threads that answer requests, with one copy of the models; default 1
  --no-inline             make every run on a thread, short ones too
  --refuse-non-finite     take and write no NaN and Infinity in JSON, which does not have them
  --concurrency N         runs of a model at a time, default 1
  --intra-op-threads N    threads inside a run, default the runtime's
  --drain-delay-seconds N when it is told to end (SIGTERM): say that it is not ready and go on for so long, default 0
  --grace-seconds N       and then give requests under way so long, default 25; a second SIGTERM ends at once
  --model-control         let clients load and unload models
  --config FILE           settings of the server and its models, as JSON; what is said here comes first.
                          SIGHUP has it read again
  --management-port N     listen for management there, on this machine's own address only; 0 for any free
  --state-file FILE       keep what management has changed, so that it holds after a restart
  --check                 say what is wrong with the configuration, and end
  --print-config          print what holds, and where each setting comes from, and end
  --no-compression        never compress answers
${OBSERVE_HELP}${SECURITY_HELP}  --json                  print one JSON line when it listens
  --help, --version

TensorFlow Serving's options are taken too, as far as they mean something here: --rest_api_port, --port (for gRPC),
--model_name, --model_base_path, --model_config_file, --enable_batching, --batching_parameters_file and others.
`;

const options = {
  'model-base-path': { type: 'string' },
  'model-name': { type: 'string' },
  versions: { type: 'string' },
  'poll-seconds': { type: 'string' },
  'rest-port': { type: 'string' },
  'grpc-port': { type: 'string' },
  'no-grpc': { type: 'boolean' },
  host: { type: 'string' },
  'max-body-bytes': { type: 'string' },
  'max-body-bytes-in-flight': { type: 'string' },
  'max-connections': { type: 'string' },
  'keep-alive-seconds': { type: 'string' },
  'headers-seconds': { type: 'string' },
  'request-seconds': { type: 'string' },
  'max-queue': { type: 'string' },
  'timeout-ms': { type: 'string' },
  'max-run-ms': { type: 'string' },
  isolation: { type: 'string' },
  workers: { type: 'string' },
  'no-inline': { type: 'boolean' },
  'refuse-non-finite': { type: 'boolean' },
  concurrency: { type: 'string' },
  'intra-op-threads': { type: 'string' },
  'drain-delay-seconds': { type: 'string' },
  'grace-seconds': { type: 'string' },
  'model-control': { type: 'boolean' },
  'no-compression': { type: 'boolean' },
  ...observeOptions,
  ...securityOptions,
  config: { type: 'string' },
  'management-port': { type: 'string' },
  'state-file': { type: 'string' },
  check: { type: 'boolean' },
  'print-config': { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const;

/** What is said on the command line, and nothing that is not. */
export interface CommandLine {
  readonly config: string | undefined;
  readonly server: ServerConfig;
  /** What holds for all models. */
  readonly models: ModelConfig;
  readonly drain: {
    readonly delayMs: number;
    readonly graceMs: number;
    /** As `--print-config` shows it. */
    readonly described: Readonly<Record<string, Effective>>;
  };
  readonly security: SecurityLine;
  readonly json: boolean;
  readonly show: 'help' | 'version' | 'check' | 'config' | undefined;
}

/** @throws UsageError */
export function readCommandLine(args: readonly string[]): CommandLine {
  const serving = servingOptions(args);
  const { values, positionals } = parse(serving.args);
  const number = (name: keyof typeof values, least: number, most: number): number | undefined => {
    const value = values[name];
    if (typeof value !== 'string') return undefined;
    const given = Number(value);
    if (/^\d+$/.test(value) && given >= least && given <= most) return given;
    throw new UsageError(
      `--${name}: expected a whole number from ${least} to ${most}, got '${value}'`,
    );
  };
  const { config } = values;
  const folder = values['model-base-path'];
  const modelName = values['model-name'];
  const show = shown(values);
  const isServed = Object.keys(serving.served).length > 0;
  const isNamed =
    positionals.length > 0 || folder !== undefined || config !== undefined || isServed;
  if (show !== 'help' && show !== 'version' && !isNamed) {
    throw new UsageError('no model is named: a file, --model-base-path DIR, or --config FILE');
  }
  if (modelName !== undefined && folder === undefined && positionals.length !== 1) {
    throw new UsageError('--model-name is for one model');
  }
  const files = positionals.map((text) =>
    namedFile(text, folder === undefined ? modelName : undefined),
  );
  const port = number('rest-port', 0, 65_535);
  const grpcPort =
    values['no-grpc'] === true
      ? false
      : (number('grpc-port', 0, 65_535) ?? (port === 0 ? 0 : undefined));
  const pollSeconds = number('poll-seconds', 0, 86_400);
  const maxQueue = number('max-queue', 0, 1_000_000);
  const timeoutMs = number('timeout-ms', 1, 86_400_000);
  const maxRunMs = number('max-run-ms', 1, 86_400_000);
  const limits = defined<ModelLimits>({ maxQueue, timeoutMs, maxRunMs });
  const { isolation } = values;
  if (isolation !== undefined && isolation !== 'none' && isolation !== 'process') {
    throw new UsageError(`--isolation: expected none or process, got '${isolation}'`);
  }
  return {
    config,
    server: defined<ServerConfig>({
      host: values.host,
      restPort: port,
      grpcPort,
      managementPort: number('management-port', 0, 65_535),
      workers: number('workers', 1, 64),
      maxBodyBytes: number('max-body-bytes', 1, 2 ** 31),
      maxBodyBytesInFlight: number('max-body-bytes-in-flight', 1, 2 ** 40),
      maxConnections: number('max-connections', 1, 2 ** 20),
      keepAliveSeconds: number('keep-alive-seconds', 0, 86_400),
      headersSeconds: number('headers-seconds', 0, 86_400),
      requestSeconds: number('request-seconds', 0, 86_400),
      compression: values['no-compression'] === true ? false : undefined,
      nonFinite: values['refuse-non-finite'] === true ? 'refuse' : undefined,
      modelControl: values['model-control'],
      stateFile: values['state-file'],
      ...readObserveOptions(values),
      modelBasePath: folder,
      modelName: folder === undefined ? undefined : modelName,
      pollSeconds,
      models:
        files.length === 0 && !isServed
          ? undefined
          : { ...serving.served, ...Object.fromEntries(files) },
    }),
    models: {
      ...serving.models,
      ...defined<ModelConfig>({
        versionPolicy: values.versions === undefined ? undefined : versionPolicy(values.versions),
        inline: values['no-inline'] === true ? 'never' : undefined,
        concurrency: number('concurrency', 1, 1024),
        limits:
          Object.keys(limits).length === 0 ? undefined : { ...serving.models.limits, ...limits },
        isolation,
        intraOpNumThreads: number('intra-op-threads', 0, 1024),
      }),
    },
    drain: drainOf(number('drain-delay-seconds', 0, 3600), number('grace-seconds', 1, 3600)),
    security: readSecurityOptions(values),
    json: values.json === true,
    show,
  };
}

function drainOf(delay: number | undefined, grace: number | undefined): CommandLine['drain'] {
  const effective = (value: number | undefined, byDefault: number): Effective => ({
    value: value ?? byDefault,
    from: value === undefined ? 'default' : 'flag',
  });
  return {
    delayMs: (delay ?? DELAY_SECONDS) * 1000,
    graceMs: (grace ?? GRACE_SECONDS) * 1000,
    described: {
      delaySeconds: effective(delay, DELAY_SECONDS),
      graceSeconds: effective(grace, GRACE_SECONDS),
    },
  };
}

const DELAY_SECONDS = 0;
const GRACE_SECONDS = 25;

function shown(values: ReturnType<typeof parse>['values']): CommandLine['show'] {
  if (values.help === true) return 'help';
  if (values.version === true) return 'version';
  if (values.check === true) return 'check';
  return values['print-config'] === true ? 'config' : undefined;
}

/** What is there of some settings. */
const defined = <Settings extends object>(settings: {
  readonly [Key in keyof Settings]: Settings[Key] | undefined;
}): Settings =>
  Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== undefined),
  ) as Settings;

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function namedFile(text: string, name: string | undefined): [name: string, { path: string }] {
  const match = /^([\w.-]+)=(.+)$/.exec(text);
  if (match?.[1] !== undefined && match[2] !== undefined) return [match[1], { path: match[2] }];
  const own = isInRegistry(text) ? registeredName(text) : basename(text, extname(text));
  return [name ?? own, { path: text }];
}

function versionPolicy(text: string): NonNullable<ModelConfig['versionPolicy']> {
  if (text === 'latest') return { latest: { count: 1 } };
  if (text === 'all') return { all: {} };
  const versions = text.split(',');
  if (versions.every((version) => /^\d{1,18}$/.test(version))) return { specific: { versions } };
  throw new UsageError(`--versions: expected latest, all or numbers such as 3,4, got '${text}'`);
}
