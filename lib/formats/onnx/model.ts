import { isDeepStrictEqual } from 'node:util';

import { OnliteError } from '../../errors';
import { isError } from '../../realms';
import { decode } from './decode';
import { encode, type Substitutes } from './encode';
import { modelSchema, tensorSchema, type Schema } from './schema';
import { byteLengthOf, bytesOf, type Segment } from './source';
import type { StableFile } from './stable-file';
import type { ModelProto, TensorProto } from './types';

/** Protobuf's limit for one message. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1;

type Input = Uint8Array | StableFile;

/** What models were read from: one that was not changed is written as it was. */
const originals = new WeakMap<ModelProto, Input>();

function decodeAs(what: string, schema: Schema, input: Input): object {
  try {
    return decode(schema, input);
  } catch (cause) {
    if (cause instanceof OnliteError) throw cause;
    const reason = isError(cause) ? cause.message : String(cause);
    throw new OnliteError('ERR_MODEL_INVALID', `not an ONNX ${what}: ${reason}`, { cause });
  }
}

/** A model in memory or in a file; large raw data stay in the file. */
export function readModel(input: Input): ModelProto {
  const model = decodeAs('model', modelSchema, input) as ModelProto;
  // Almost any short byte string is some protobuf message; these two make it a model.
  if (!model.graph || model.irVersion === undefined) {
    const missing = model.graph ? 'ir_version' : 'graph';
    throw new OnliteError('ERR_MODEL_INVALID', `not an ONNX model: it has no ${missing}`);
  }
  originals.set(model, input);
  return model;
}

/**
 * What a model was read from if the model still says the same. Writers may order and pack fields,
 * and write numbers, otherwise than `encode` does, which need not be known here.
 */
export function unchangedOriginal(model: ModelProto): Segment[] | undefined {
  const original = originals.get(model);
  if (!original || !isDeepStrictEqual(model, decodeAs('model', modelSchema, original))) {
    return undefined;
  }
  return [original instanceof Uint8Array ? original : original.source(0, original.byteLength)];
}

/**
 * Reads an ONNX model. Initializers are views of `bytes`; external data is not read (see
 * `tensorBytes`). The graph is not checked any further: edges, types and operators are as written.
 *
 * @throws OnliteError ERR_MODEL_INVALID when the bytes are not an ONNX model.
 */
export function readOnnxModel(bytes: Uint8Array): ModelProto {
  return readModel(bytes);
}

/** The bytes of a model's file, large ones by reference. */
export function encodeModel(model: ModelProto, substitutes?: Substitutes): Segment[] {
  return encode(modelSchema, model, substitutes);
}

/** @throws OnliteError ERR_INVALID_ARGUMENT for a file that nothing could read */
export function checkMessageSize(segments: readonly Segment[]): void {
  const byteLength = byteLengthOf(segments);
  if (byteLength <= MAX_MESSAGE_BYTES) return;
  throw new OnliteError(
    'ERR_INVALID_ARGUMENT',
    `model: ${byteLength} bytes do not fit the 2 GiB of one file: it needs external data`,
  );
}

/**
 * Writes a model, in memory. Reading the result gives the same objects, and a model that was not
 * changed since it was read gives the same bytes.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for more than 2 GiB, protobuf's limit: such a model needs
 *   external data (see `writeOnnxFile`).
 */
export function writeOnnxModel(model: ModelProto): Uint8Array {
  const segments = unchangedOriginal(model) ?? encodeModel(model);
  checkMessageSize(segments);
  return bytesOf(segments);
}

/** The bytes of a model's file with its data inside, as far as it is known where they are. */
export function onnxByteLength(model: ModelProto): number {
  return byteLengthOf(unchangedOriginal(model) ?? encodeModel(model));
}

/** Reads a single serialized TensorProto (a `.pb` file of ONNX test data). */
export function readOnnxTensor(bytes: Uint8Array): TensorProto {
  return decodeAs('tensor', tensorSchema, bytes) as TensorProto;
}

export function writeOnnxTensor(tensor: TensorProto): Uint8Array {
  return bytesOf(encode(tensorSchema, tensor));
}
