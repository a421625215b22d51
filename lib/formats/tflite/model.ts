import { builtinOperatorName, CUSTOM_OPERATOR } from './builtin-operators';
import { readTflite } from './model-file';
import type {
  BufferT,
  ModelT,
  OperatorCodeT,
  QuantizationParametersT,
  SignatureDefT,
  SubGraphT,
  TensorMapT,
  TensorT,
} from './objects';
import { tensorTypeName } from './tensor-type';
import type {
  TfliteBuffer,
  TfliteModel,
  TfliteOperatorCode,
  TfliteQuantization,
  TfliteSignature,
  TfliteSubgraph,
  TfliteTensor,
} from './types';

/** Codes up to 126 are in the old byte field, later ones in the new one: the larger is meant. */
export function builtinCode({ deprecatedBuiltinCode = 0, builtinCode = 0 }: OperatorCodeT): number {
  return Math.max(deprecatedBuiltinCode, builtinCode);
}

function operatorCode(operator: OperatorCodeT): TfliteOperatorCode {
  const code = builtinCode(operator);
  const custom = code === CUSTOM_OPERATOR;
  const name = custom ? (operator.customCode ?? 'CUSTOM') : builtinOperatorName(code);
  return { name, custom, version: operator.version ?? 1 };
}

function quantizationOf({
  scale = [],
  zeroPoint = [],
  quantizedDimension: axis = 0,
}: QuantizationParametersT): TfliteQuantization | undefined {
  if (scale.length === 0) return undefined;
  return { scale, zeroPoint: zeroPoint.map(Number), axis };
}

function tensorOf(tensor: TensorT): TfliteTensor {
  const { name = '', type = 0, shape = [], buffer = 0, isVariable = false } = tensor;
  const { shapeSignature = [] } = tensor;
  const quantization = quantizationOf(tensor.quantization ?? {});
  return {
    name,
    type: tensorTypeName(type),
    shape,
    buffer,
    isVariable,
    ...(shapeSignature.length > 0 ? { shapeSignature } : {}),
    ...(quantization ? { quantization } : {}),
  };
}

function subgraphOf({ name = '', tensors, inputs, outputs, operators }: SubGraphT): TfliteSubgraph {
  return {
    name,
    tensors: tensors.map(tensorOf),
    inputs,
    outputs,
    operators: operators.map(({ opcodeIndex: code = 0, inputs: own, outputs: results }) => ({
      code,
      inputs: own,
      outputs: results,
    })),
  };
}

function placeOf({ data }: BufferT, bytes: Uint8Array): TfliteBuffer {
  if (!data) return { offset: 0, size: 0 };
  return { offset: data.byteOffset - bytes.byteOffset, size: data.byteLength };
}

function signatureOf(signature: SignatureDefT): TfliteSignature {
  const { signatureKey: key = '', subgraphIndex: subgraph = 0, inputs, outputs } = signature;
  const names = (list: TensorMapT[]): TfliteSignature['inputs'] =>
    list.map(({ name = '', tensorIndex: tensor = 0 }) => ({ name, tensor }));
  return { key, subgraph, inputs: names(inputs), outputs: names(outputs) };
}

function summaryOf(model: ModelT, bytes: Uint8Array): TfliteModel {
  return {
    schemaVersion: model.version ?? 0,
    description: model.description ?? '',
    operatorCodes: model.operatorCodes.map(operatorCode),
    subgraphs: model.subgraphs.map(subgraphOf),
    buffers: model.buffers.map((buffer) => placeOf(buffer, bytes)),
    metadata: model.metadata.map(({ name = '', buffer = 0 }) => ({ name, buffer })),
    signatures: model.signatureDefs.map(signatureOf),
  };
}

/**
 * Reads a TFLite model's structure without its operators' options. Constant data is not copied:
 * `buffers` says where it lies. Every index in the result is valid.
 *
 * @throws OnliteError ERR_MODEL_INVALID when the bytes are not a TFLite model or are damaged.
 */
export function readTfliteModel(bytes: Uint8Array): TfliteModel {
  return summaryOf(readTflite(bytes), bytes);
}
