import { OnliteError } from '../../errors';
import { Flatbuffer, FlatbufferError, type Table } from '../flatbuffer';
import { isError } from '../../realms';
import { builtinOperatorName, CUSTOM_OPERATOR } from './builtin-operators';
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

/** Bytes 4 to 7 of a TFLite file. */
const IDENTIFIER = Buffer.from('TFL3');

/** Whether the bytes carry TFLite's file identifier. */
export function isTfliteModel(bytes: Uint8Array): boolean {
  return bytes.length >= 8 && IDENTIFIER.equals(bytes.subarray(4, 8));
}

// The numbers in the functions below are field positions in TFLite's schema.

function readOperatorCode(table: Table): TfliteOperatorCode {
  // Codes up to 126 are in the old byte field, later ones in the new one: the larger is meant.
  const code = Math.max(table.int8(0), table.int32(3));
  const custom = code === CUSTOM_OPERATOR;
  const name = custom ? (table.string(1) ?? 'CUSTOM') : builtinOperatorName(code);
  return { name, custom, version: table.int32(2, 1) };
}

function readQuantization(table: Table | undefined): TfliteQuantization | undefined {
  const scale = table?.float32s(2) ?? [];
  if (!table || scale.length === 0) return undefined;
  return { scale, zeroPoint: table.int64s(3).map(Number), axis: table.int32(6) };
}

function readTensor(table: Table): TfliteTensor {
  const tensor: TfliteTensor = {
    name: table.string(3) ?? '',
    type: tensorTypeName(table.int8(1)),
    shape: table.int32s(0),
    buffer: table.uint32(2),
    isVariable: table.bool(5),
  };
  const shapeSignature = table.int32s(7);
  if (shapeSignature.length > 0) tensor.shapeSignature = shapeSignature;
  const quantization = readQuantization(table.table(4));
  if (quantization) tensor.quantization = quantization;
  return tensor;
}

function readSubgraph(table: Table): TfliteSubgraph {
  return {
    name: table.string(4) ?? '',
    tensors: table.tables(0).map(readTensor),
    inputs: table.int32s(1),
    outputs: table.int32s(2),
    operators: table.tables(3).map((operator) => ({
      code: operator.uint32(0),
      inputs: operator.int32s(1),
      outputs: operator.int32s(2),
    })),
  };
}

function readBuffer(table: Table, file: Flatbuffer): TfliteBuffer {
  // Models over 2 GiB keep the data behind the flatbuffer; offset 1 is a writer's placeholder.
  const offset = table.size(1);
  if (offset > 1) {
    const size = table.size(2);
    file.check(offset, size);
    return { offset, size };
  }
  const data = table.bytes(0);
  if (!data) return { offset: 0, size: 0 };
  return { offset: data.byteOffset - file.bytes.byteOffset, size: data.byteLength };
}

function readSignature(table: Table): TfliteSignature {
  const names = (field: number): { name: string; tensor: number }[] =>
    table.tables(field).map((map) => ({ name: map.string(0) ?? '', tensor: map.uint32(1) }));
  return {
    key: table.string(2) ?? '',
    subgraph: table.uint32(4),
    inputs: names(0),
    outputs: names(1),
  };
}

function requireIndex(index: number, length: number, what: string, least = 0): void {
  if (index < least || index >= length) {
    throw new FlatbufferError(`${what} ${index} does not exist`);
  }
}

/** After this every index in the model can be used without a check. */
function checkIndices(model: TfliteModel): void {
  for (const { tensors, inputs, outputs, operators } of model.subgraphs) {
    for (const tensor of tensors) requireIndex(tensor.buffer, model.buffers.length, 'buffer');
    for (const index of [...inputs, ...outputs]) requireIndex(index, tensors.length, 'tensor');
    for (const operator of operators) {
      requireIndex(operator.code, model.operatorCodes.length, 'operator code');
      for (const index of operator.inputs) requireIndex(index, tensors.length, 'tensor', -1);
      for (const index of operator.outputs) requireIndex(index, tensors.length, 'tensor', -1);
    }
  }
  for (const signature of model.signatures) {
    requireIndex(signature.subgraph, model.subgraphs.length, 'subgraph');
    const count = model.subgraphs[signature.subgraph]?.tensors.length ?? 0;
    for (const { tensor } of [...signature.inputs, ...signature.outputs]) {
      requireIndex(tensor, count, 'tensor');
    }
  }
  for (const { buffer } of model.metadata) requireIndex(buffer, model.buffers.length, 'buffer');
}

function read(file: Flatbuffer): TfliteModel {
  const root = file.root();
  const model: TfliteModel = {
    schemaVersion: root.uint32(0),
    description: root.string(3) ?? '',
    operatorCodes: root.tables(1).map(readOperatorCode),
    subgraphs: root.tables(2).map(readSubgraph),
    buffers: root.tables(4).map((table) => readBuffer(table, file)),
    metadata: root
      .tables(6)
      .map((table) => ({ name: table.string(0) ?? '', buffer: table.uint32(1) })),
    signatures: root.tables(7).map(readSignature),
  };
  if (model.schemaVersion !== 3) {
    throw new FlatbufferError(`schema version ${model.schemaVersion}, expected 3`);
  }
  if (model.subgraphs.length === 0) throw new FlatbufferError('it has no subgraph');
  checkIndices(model);
  return model;
}

/**
 * Reads a TFLite model's structure. Constant data is not copied: `buffers` says where it lies.
 * Every index in the result is valid.
 *
 * @throws OnliteError ERR_MODEL_INVALID when the bytes are not a TFLite model or are damaged.
 */
export function readTfliteModel(bytes: Uint8Array): TfliteModel {
  try {
    if (!isTfliteModel(bytes))
      throw new FlatbufferError(`no '${IDENTIFIER.toString()}' identifier`);
    return read(new Flatbuffer(bytes));
  } catch (error) {
    if (!(error instanceof FlatbufferError || (isError(error) && error.name === 'RangeError')))
      throw error;
    throw new OnliteError('ERR_MODEL_INVALID', `not a TensorFlow Lite model: ${error.message}`, {
      cause: error,
    });
  }
}
