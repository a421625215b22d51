import { basename, extname } from 'node:path';
import { parseArgs } from 'node:util';

import type { SessionOptions } from 'onlite';

import type { VersionPolicy } from '../models';
import {
  SECURITY_HELP,
  readSecurityOptions,
  securityOptions,
  type SecurityLine,
} from './security-options';
import { UsageError } from './usage-error';

export const HELP = `Usage: onlite-server [MODEL…] [options]

       onlite-server keys add|list|remove FILE …  makes the keys of --api-keys

Serves ONNX and TensorFlow Lite models: MODEL is a file, or NAME=FILE. By default each is called by its
file's name and is version 1.

  --model-base-path DIR   models in DIR/<name>/<version>/model.onnx or model.tflite, watched for changes
  --model-name NAME       DIR is the folder of this one model, whose versions are in it; or the name of MODEL
  --versions WHICH        of a folder's models: latest (default), all, or numbers such as 3,4
  --poll-seconds N        between two looks into DIR, default 2; 0 for one look only
  --rest-port N           default 8501; 0 for any that is free
  --grpc-port N           default 8500, or any that is free where the other is 0
  --no-grpc               listen for REST only
  --host HOST             what to listen on, default 127.0.0.1: 0.0.0.0 for all that reach this machine
  --max-body-bytes N      of a request, default 268435456
  --workers N             threads that answer REST requests, with one copy of the models; default 1
  --no-inline             make every run on a thread, short ones too
  --refuse-non-finite     take and write no NaN and Infinity in JSON, which does not have them
  --concurrency N         runs of a model at a time, default 1
  --intra-op-threads N    threads inside a run, default the runtime's
  --drain-delay-seconds N when it is told to end (SIGTERM): say that it is not ready and go on for so long, default 0
  --grace-seconds N       and then give requests under way so long, default 25; a second SIGTERM ends at once
  --model-control         let clients load and unload models
  --no-compression        never compress answers
${SECURITY_HELP}  --json                  print one JSON line when it listens
  --help, --version

TensorFlow Serving's names of options are taken too: --rest_api_port, --port (for gRPC), --model_name, --model_base_path.
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
  workers: { type: 'string' },
  'no-inline': { type: 'boolean' },
  'refuse-non-finite': { type: 'boolean' },
  concurrency: { type: 'string' },
  'intra-op-threads': { type: 'string' },
  'drain-delay-seconds': { type: 'string' },
  'grace-seconds': { type: 'string' },
  'model-control': { type: 'boolean' },
  'no-compression': { type: 'boolean' },
  ...securityOptions,
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const;

export interface CommandLine {
  readonly files: readonly { readonly name: string; readonly file: string }[];
  readonly folder: string | undefined;
  readonly modelName: string | undefined;
  readonly versions: VersionPolicy;
  readonly pollMs: number;
  readonly port: number;
  /** Undefined for none. */
  readonly grpcPort: number | undefined;
  readonly host: string;
  readonly maxBodyBytes: number | undefined;
  readonly workers: number;
  readonly nonFinite: 'accept' | 'refuse';
  readonly session: SessionOptions;
  readonly drain: { readonly delayMs: number; readonly graceMs: number };
  readonly control: boolean;
  readonly compression: boolean;
  readonly security: SecurityLine;
  readonly json: boolean;
  readonly show: 'help' | 'version' | undefined;
}

/** @throws UsageError */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { values, positionals } = parse(args);
  const number = (name: keyof typeof values, least: number, most: number): number | undefined => {
    const value = values[name];
    if (typeof value !== 'string') return undefined;
    const given = Number(value);
    if (/^\d+$/.test(value) && given >= least && given <= most) return given;
    throw new UsageError(
      `--${name}: expected a whole number from ${least} to ${most}, got '${value}'`,
    );
  };
  const folder = values['model-base-path'];
  const modelName = values['model-name'];
  const show = values.help === true ? 'help' : values.version === true ? 'version' : undefined;
  if (show === undefined && positionals.length === 0 && folder === undefined) {
    throw new UsageError('no model is named: a file, or --model-base-path DIR');
  }
  if (modelName !== undefined && folder === undefined && positionals.length !== 1) {
    throw new UsageError('--model-name is for one model');
  }
  const security = readSecurityOptions(values);
  const { decrypt } = security;
  const port = number('rest-port', 0, 65_535) ?? 8501;
  const concurrency = number('concurrency', 1, 1024);
  const intraOpNumThreads = number('intra-op-threads', 0, 1024);
  return {
    files: positionals.map((text) => namedFile(text, folder === undefined ? modelName : undefined)),
    folder,
    modelName,
    versions: versionPolicy(values.versions ?? 'latest'),
    pollMs: (number('poll-seconds', 0, 86_400) ?? 2) * 1000,
    port,
    grpcPort:
      values['no-grpc'] === true
        ? undefined
        : (number('grpc-port', 0, 65_535) ?? (port === 0 ? 0 : 8500)),
    host: values.host ?? '127.0.0.1',
    maxBodyBytes: number('max-body-bytes', 1, 2 ** 31),
    workers: number('workers', 1, 64) ?? 1,
    nonFinite: values['refuse-non-finite'] === true ? 'refuse' : 'accept',
    session: {
      ...(values['no-inline'] === true && { inline: 'never' as const }),
      ...(concurrency !== undefined && { concurrency }),
      ...(intraOpNumThreads !== undefined && { intraOpNumThreads }),
      ...(decrypt !== undefined && { decrypt }),
    },
    drain: {
      delayMs: (number('drain-delay-seconds', 0, 3600) ?? 0) * 1000,
      graceMs: (number('grace-seconds', 1, 3600) ?? 25) * 1000,
    },
    control: values['model-control'] === true,
    compression: values['no-compression'] !== true,
    security,
    json: values.json === true,
    show,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: args.map(ownName), options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** TensorFlow Serving writes options with underscores. */
function ownName(arg: string): string {
  if (!arg.startsWith('--')) return arg;
  const [name = '', ...value] = arg.split('=');
  const known = name
    .replaceAll('_', '-')
    .replace(/^--rest-api-port$/, '--rest-port')
    .replace(/^--port$/, '--grpc-port');
  return [known, ...value].join('=');
}

function namedFile(text: string, name: string | undefined): { name: string; file: string } {
  const match = /^([\w.-]+)=(.+)$/.exec(text);
  if (match?.[1] !== undefined && match[2] !== undefined) return { name: match[1], file: match[2] };
  return { name: name ?? basename(text, extname(text)), file: text };
}

function versionPolicy(text: string): VersionPolicy {
  if (text === 'latest') return { latest: 1 };
  if (text === 'all') return text;
  const versions = text.split(',');
  if (versions.every((version) => /^\d{1,18}$/.test(version))) return versions;
  throw new UsageError(`--versions: expected latest, all or numbers such as 3,4, got '${text}'`);
}
