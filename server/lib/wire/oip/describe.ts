import {
  phaseDuration,
  queueDuration,
  type Duration,
  wireShape,
  type ServedModel,
  type Signature,
  type Traffic,
  type VersionPolicy,
  type VersionState,
  type VersionStatus,
} from '../../models';
import type { TensorValueMetadata } from 'onlite';
import { datatypeOf } from './datatypes';

const platforms = { onnxruntime: 'onnxruntime_onnx', tflite: 'tensorflowlite_tflite' } as const;

/** What the protocol calls the runtime of a model. */
export const platformOf = ({ session }: ServedModel): string => platforms[session.engine];

/** `GET /v2/models/{model}`. */
export function modelMetadata(model: ServedModel, versions: readonly VersionStatus[]): object {
  const signature = model.signature();
  return {
    name: model.name,
    versions: versions.filter(({ state }) => state === 'AVAILABLE').map(({ version }) => version),
    platform: platformOf(model),
    inputs: signature.inputs.map(tensorMetadata),
    outputs: signature.outputs.map(tensorMetadata),
  };
}

const tensorMetadata = (value: TensorValueMetadata): object => ({
  name: value.name,
  datatype: datatypeOf(value.type),
  shape: wireShape(value),
});

/** `GET /v2/models/{model}/config`: what of Triton's configuration there is. */
export function modelConfig(model: ServedModel, { policy = 'all' }: Traffic): object {
  const signature: Signature = model.signature();
  const values = (list: readonly TensorValueMetadata[]) =>
    list.map((value) => ({
      name: value.name,
      data_type: configType(value),
      dims: wireShape(value),
    }));
  return {
    name: model.name,
    platform: platformOf(model),
    backend: model.session.engine,
    version_policy: versionPolicy(policy),
    // Dimensions are told in full, the batch's included.
    max_batch_size: 0,
    input: values(signature.inputs),
    output: values(signature.outputs),
    instance_group: [{ name: model.name, kind: 'KIND_CPU', count: model.session.concurrency }],
    default_model_filename: model.file.replace(/^.*[\\/]/, ''),
    parameters: {},
  };
}

/** In Triton's form. */
function versionPolicy(policy: VersionPolicy): object {
  if (policy === 'all') return { all: {} };
  if ('latest' in policy) return { latest: { num_versions: policy.latest } };
  // As protobuf has int64 in JSON, where a number of it is not exact.
  const numbers = policy.map((version) =>
    Number.isSafeInteger(Number(version)) ? Number(version) : version,
  );
  return { specific: { versions: numbers } };
}

function configType({ type }: TensorValueMetadata): string {
  const name = datatypeOf(type);
  return `TYPE_${name === 'BYTES' ? 'STRING' : name}`;
}

/** What requests for a model have come to, as `GET /v2/models/{model}/stats` has it. */
export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  readonly last_inference: number;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats: Readonly<
    Record<
      'success' | 'fail' | 'queue' | 'compute_input' | 'compute_infer' | 'compute_output',
      Duration
    >
  >;
  readonly batch_stats: readonly {
    readonly batch_size: number;
    readonly compute_infer: Duration;
  }[];
}

/** Nanoseconds. */
export function modelStatistics(model: ServedModel): ModelStatistics {
  const { name, version, statistics, session } = model;
  const { success, fail, inferences, lastInference } = statistics;
  const infer = phaseDuration(session, 'invoke');
  const batches = session.latency.snapshot().batchSizes;
  return {
    name,
    version,
    last_inference: lastInference,
    inference_count: inferences,
    execution_count: infer.count,
    inference_stats: {
      success,
      fail,
      queue: queueDuration(model),
      compute_input: phaseDuration(session, 'bind'),
      compute_infer: infer,
      compute_output: phaseDuration(session, 'fetch'),
    },
    batch_stats: Object.entries(batches).map(([size, count]) => ({
      batch_size: Number(size),
      compute_infer: { count, ns: infer.count && Math.round((infer.ns / infer.count) * count) },
    })),
  };
}

const indexStates: Readonly<Record<VersionState, string>> = {
  LOADING: 'LOADING',
  AVAILABLE: 'READY',
  UNLOADING: 'UNLOADING',
  END: 'UNAVAILABLE',
};

/** `POST /v2/repository/index`. */
export const indexEntry = ({
  name,
  version,
  state,
  reason,
}: VersionStatus): Readonly<Record<'name' | 'version' | 'state' | 'reason', string>> => ({
  name,
  version,
  state: indexStates[state],
  reason: reason ?? (state === 'END' ? 'unloaded' : ''),
});
