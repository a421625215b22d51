import type { TensorValueMetadata } from 'onlite';

import {
  wireShape,
  type ServedModel,
  type VersionState,
  type VersionStatus,
} from '../../../models';
import { ProtobufWriter } from '../../protobuf/writer';
import { dtypeOf } from './dtypes';
import { writeModelSpec } from './model-spec';
import { writeShape } from './tensor';

/** The one kind of metadata that there is. */
export const SIGNATURE_DEF = 'signature_def';

/** GetModelMetadataResponse, with a SignatureDefMap in an Any. */
export function printModelMetadata(model: ServedModel): Buffer {
  const map = new ProtobufWriter();
  for (const { name, inputs, outputs } of model.signatures.values()) {
    map.message(1, (entry) => {
      entry.string(1, name).message(2, (signature) => {
        for (const input of inputs) writeTensorInfo(signature, 1, input);
        for (const output of outputs) writeTensorInfo(signature, 2, output);
        signature.string(3, 'tensorflow/serving/predict');
      });
    });
  }
  const writer = new ProtobufWriter();
  writeModelSpec(writer, 1, model, '');
  writer.message(2, (entry) => {
    entry.string(1, SIGNATURE_DEF).message(2, (any) => {
      any.string(1, 'type.googleapis.com/tensorflow.serving.SignatureDefMap');
      any.bytes(2, map.finish());
    });
  });
  return writer.finish();
}

function writeTensorInfo(writer: ProtobufWriter, field: number, value: TensorValueMetadata): void {
  writer.message(field, (entry) => {
    entry.string(1, value.name).message(2, (info) => {
      info.string(1, value.name).integer(2, dtypeOf(value.type)?.code ?? 0);
      info.message(3, (shape) => writeShape(shape, wireShape(value)));
    });
  });
}

const states: Readonly<Record<VersionState, number>> = {
  LOADING: 20,
  AVAILABLE: 30,
  UNLOADING: 40,
  END: 50,
};

/** TensorFlow's error::UNKNOWN. */
const UNKNOWN = 2;

/** GetModelStatusResponse. */
export function printModelStatus(versions: readonly VersionStatus[]): Buffer {
  const writer = new ProtobufWriter();
  for (const { version, state, reason } of versions) {
    writer.message(1, (of) => {
      of.integer(1, BigInt(version)).integer(2, states[state]);
      of.message(3, (status) => {
        if (reason !== undefined) status.integer(1, UNKNOWN).string(2, reason);
      });
    });
  }
  return writer.finish();
}
