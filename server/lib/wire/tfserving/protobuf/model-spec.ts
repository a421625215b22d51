import type { ModelRepository, ServedModel } from '../../../models';
import { badRequest } from '../../errors';
import { type ProtobufReader, Wire, fieldsOf } from '../../protobuf/reader';
import type { ProtobufWriter } from '../../protobuf/writer';
import type { RpcCall } from '../../rpc';

/** ModelSpec: which model, and which of its versions, is asked for. */
export interface ModelSpec {
  readonly name: string;
  readonly version: string | undefined;
  readonly label: string | undefined;
  readonly signatureName: string;
}

export const NO_MODEL: ModelSpec = {
  name: '',
  version: undefined,
  label: undefined,
  signatureName: '',
};

const specFields = fieldsOf({ 1: Wire.bytes, 2: Wire.bytes, 3: Wire.bytes, 4: Wire.bytes });
const int64Fields = fieldsOf({ 1: Wire.varint });

/** @throws ProtobufError */
export function readModelSpec(reader: ProtobufReader): ModelSpec {
  let { name, version, label, signatureName } = NO_MODEL;
  while (reader.next(specFields)) {
    switch (reader.field) {
      case 1:
        name = reader.string();
        break;
      case 2: {
        // Int64Value, whose default is left out; version and label are one of the two.
        const value = reader.message();
        version = '0';
        label = undefined;
        while (value.next(int64Fields)) version = String(value.int64Exact());
        break;
      }
      case 3:
        signatureName = reader.string();
        break;
      default:
        label = reader.string();
        version = undefined;
    }
  }
  return { name, version, label, signatureName };
}

/** @throws ModelError, RequestError 400 */
export function findModel(
  models: ModelRepository,
  { name, version, label }: ModelSpec,
): ServedModel {
  if (name === '') throw badRequest('model_spec.name', 'expected the name of a model');
  return label === undefined ? models.find(name, version) : models.findLabelled(name, label);
}

/** What answers a request: as {@link findModel}, or the canary in its place. */
export function chooseModel(models: ModelRepository, spec: ModelSpec, call: RpcCall): ServedModel {
  const found = findModel(models, spec);
  if (spec.label !== undefined || spec.version !== undefined) return found;
  // Requests have no parameters in this protocol.
  return models.divert(found, ({ header }) => header && call.header(header.toLowerCase()));
}

/** The ModelSpec of what answered. */
export function writeModelSpec(
  writer: ProtobufWriter,
  field: number,
  { name, version }: ServedModel,
  signatureName: string,
): void {
  writer.message(field, (spec) => {
    spec.string(1, name).message(2, (value) => value.integer(1, BigInt(version)));
    spec.string(3, signatureName);
  });
}
