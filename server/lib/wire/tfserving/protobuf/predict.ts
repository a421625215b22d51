import { checkShape, type Lease, type ModelRepository, type ServedModel } from '../../../models';
import { badRequest } from '../../errors';
import { ProtobufReader, Wire, fieldsOf } from '../../protobuf/reader';
import { ProtobufWriter } from '../../protobuf/writer';
import type { RpcCall } from '../../rpc';
import { elementBytes } from '../../tensors/element-bytes';
import { NO_MODEL, chooseModel, readModelSpec, writeModelSpec, type ModelSpec } from './model-spec';
import {
  checkTensor,
  readTensor,
  writeTensor,
  writeTensorProto,
  type TensorMessage,
} from './tensor';

/** PredictRequest. */
export interface PredictRequest {
  readonly spec: ModelSpec;
  readonly inputs: ReadonlyMap<string, TensorMessage>;
  readonly filter: readonly string[];
}

const requestFields = fieldsOf({ 1: Wire.bytes, 2: Wire.bytes, 3: Wire.bytes });
const entryFields = fieldsOf({ 1: Wire.bytes, 2: Wire.bytes });

/** @throws ProtobufError */
export function readPredict(bytes: Buffer): PredictRequest {
  const reader = new ProtobufReader(bytes);
  let spec = NO_MODEL;
  const inputs = new Map<string, TensorMessage>();
  const filter: string[] = [];
  while (reader.next(requestFields)) {
    switch (reader.field) {
      case 1:
        spec = readModelSpec(reader.message());
        break;
      case 2: {
        const entry = reader.message();
        let key = '';
        let tensor: TensorMessage | undefined;
        while (entry.next(entryFields)) {
          if (entry.field === 1) key = entry.string();
          else tensor = readTensor(entry.message());
        }
        inputs.set(key, tensor ?? readTensor(new ProtobufReader(Buffer.alloc(0))));
        break;
      }
      default:
        filter.push(reader.string());
    }
  }
  return { spec, inputs, filter };
}

/** PredictionService.Predict. @throws RequestError, ModelError, OnliteError */
export async function predict(
  models: ModelRepository,
  maxBytes: number,
  { spec, inputs, filter }: PredictRequest,
  call: RpcCall,
): Promise<Buffer> {
  const model = chooseModel(models, spec, call);
  const signature = model.signature(spec.signatureName);
  const names = wantedNames(signature.outputIndex, filter);
  const lease = leaseInputs(model, signature, inputs, maxBytes);
  try {
    await lease.run(call);
    return printPredict(lease, names);
  } finally {
    lease.release();
  }
}

function wantedNames(
  outputs: ReadonlyMap<string, number>,
  filter: readonly string[],
): readonly string[] {
  if (filter.length === 0) return [...outputs.keys()];
  for (const [index, name] of filter.entries()) {
    const path = `output_filter[${index}]`;
    if (!outputs.has(name)) {
      throw badRequest(path, `expected one of ${[...outputs.keys()].join(', ')}, got '${name}'`);
    }
    if (filter.indexOf(name) !== index) throw badRequest(path, `'${name}' is there twice`);
  }
  return filter;
}

function leaseInputs(
  model: ServedModel,
  signature: Lease['signature'],
  inputs: ReadonlyMap<string, TensorMessage>,
  maxBytes: number,
): Lease {
  for (const name of inputs.keys()) {
    if (signature.inputIndex.has(name)) continue;
    const names = [...signature.inputIndex.keys()].join(', ');
    throw badRequest('inputs', `expected ${names}, got '${name}'`);
  }
  const shapes = signature.inputs.map((input) => {
    const message = inputs.get(input.name);
    if (message === undefined) {
      if (input.optional === true) return undefined;
      throw badRequest('inputs', `'${input.name}' is missing`);
    }
    const path = pathOf(input.name);
    checkTensor(message, input, path, maxBytes);
    checkShape(input, message.shape, `${path}.tensor_shape`, model.isFixed);
    return message.shape;
  });
  const lease = model.lease(signature, shapes);
  try {
    for (const [index, { name }] of signature.inputs.entries()) {
      const message = inputs.get(name);
      if (message !== undefined) writeTensor(message, lease.input(index), pathOf(name));
    }
    return lease;
  } catch (error) {
    lease.release();
    throw error;
  }
}

const pathOf = (name: string): string => `inputs['${name}']`;

/** What about a response takes besides the bytes of its tensors, and each output in it. */
const HEAD_BYTES = 256;
const OUTPUT_BYTES = 128;

function printPredict(lease: Lease, names: readonly string[]): Buffer {
  const { signature, model } = lease;
  const tensors = names.map((name) => lease.output(signature.outputIndex.get(name) ?? 0));
  const room = tensors.reduce(
    (sum, { type, size }) => sum + size * (elementBytes(type) ?? 16) + OUTPUT_BYTES,
    HEAD_BYTES,
  );
  const writer = new ProtobufWriter(room);
  for (const [index, tensor] of tensors.entries()) {
    const name = names[index] ?? '';
    writer.message(1, (entry) => {
      entry.text(1, name).message(2, (value) => writeTensorProto(value, tensor, name));
    });
  }
  writeModelSpec(writer, 2, model, signature.name);
  return writer.finish();
}
