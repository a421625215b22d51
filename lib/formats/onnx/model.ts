import { OnliteError } from '../../errors';
import { isError } from '../../realms';
import { decode } from './decode';
import { encode } from './encode';
import { modelSchema, tensorSchema } from './schema';
import type { ModelProto, TensorProto } from './types';

function invalid(what: string, cause: unknown): OnliteError {
  const reason = isError(cause) ? cause.message : String(cause);
  return new OnliteError('ERR_MODEL_INVALID', `not ${what}: ${reason}`, { cause });
}

/**
 * Reads an ONNX model. Initializers are views of `bytes`; external data is not read (see
 * `tensorBytes`). The graph is not checked any further: edges, types and operators are as written.
 *
 * @throws OnliteError ERR_MODEL_INVALID when the bytes are not an ONNX model.
 */
export function readOnnxModel(bytes: Uint8Array): ModelProto {
  let model: ModelProto;
  try {
    model = decode(modelSchema, bytes) as unknown as ModelProto;
  } catch (error) {
    throw invalid('an ONNX model', error);
  }
  // Almost any short byte string is some protobuf message; these two make it a model.
  if (!model.graph || model.irVersion === undefined) {
    const missing = model.graph ? 'ir_version' : 'graph';
    throw invalid('an ONNX model', new Error(`it has no ${missing}`));
  }
  return model;
}

/**
 * Writes a model, in memory (protobuf's limit of 2 GiB holds: larger models need external data).
 * Reading the result gives the same objects; the bytes may differ from those first read.
 */
export function writeOnnxModel(model: ModelProto): Uint8Array {
  return encode(modelSchema, model);
}

/** Reads a single serialized TensorProto (a `.pb` file of ONNX test data). */
export function readOnnxTensor(bytes: Uint8Array): TensorProto {
  try {
    return decode(tensorSchema, bytes) as unknown as TensorProto;
  } catch (error) {
    throw invalid('an ONNX tensor', error);
  }
}

export function writeOnnxTensor(tensor: TensorProto): Uint8Array {
  return encode(tensorSchema, tensor);
}
