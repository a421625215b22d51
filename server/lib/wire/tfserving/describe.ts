import type { ElementType, TensorValueMetadata } from 'onlite';

import { wireShape, type ServedModel, type VersionStatus } from '../../models';

/** `GET /v1/models/{model}`, for TensorFlow Serving's clients and, with `name` and `ready`, KServe's. */
export function modelStatus(name: string, versions: readonly VersionStatus[]): object {
  return {
    name,
    ready: versions.some(({ state }) => state === 'AVAILABLE'),
    model_version_status: versions.map(({ version, state, reason }) => ({
      version,
      state,
      status: {
        error_code: reason === undefined ? 'OK' : 'UNKNOWN',
        error_message: reason ?? '',
      },
    })),
  };
}

const types: Readonly<Partial<Record<ElementType, string>>> = {
  float32: 'DT_FLOAT',
  float64: 'DT_DOUBLE',
  float16: 'DT_HALF',
  bfloat16: 'DT_BFLOAT16',
  int8: 'DT_INT8',
  uint8: 'DT_UINT8',
  int16: 'DT_INT16',
  uint16: 'DT_UINT16',
  int32: 'DT_INT32',
  uint32: 'DT_UINT32',
  int64: 'DT_INT64',
  uint64: 'DT_UINT64',
  bool: 'DT_BOOL',
  string: 'DT_STRING',
  complex64: 'DT_COMPLEX64',
  complex128: 'DT_COMPLEX128',
};

/** `GET /v1/models/{model}/metadata`, protobuf's JSON of a GetModelMetadataResponse. */
export function signatureMetadata(model: ServedModel): object {
  const signatures = [...model.signatures.values()].map(({ name, inputs, outputs }) => [
    name,
    {
      inputs: tensorInfos(inputs),
      outputs: tensorInfos(outputs),
      method_name: 'tensorflow/serving/predict',
      defaults: {},
    },
  ]);
  return {
    model_spec: { name: model.name, signature_name: '', version: model.version },
    metadata: { signature_def: { signature_def: Object.fromEntries(signatures) as object } },
  };
}

function tensorInfos(values: readonly TensorValueMetadata[]): object {
  return Object.fromEntries(
    values.map((value) => [
      value.name,
      {
        dtype: types[value.type] ?? 'DT_INVALID',
        tensor_shape: {
          dim: wireShape(value).map((size) => ({ size: String(size), name: '' })),
          unknown_rank: false,
        },
        name: value.name,
      },
    ]),
  );
}
