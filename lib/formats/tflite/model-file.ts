import { readFile } from 'node:fs/promises';

import { OnliteError } from '../../errors';
import { firstBytes, replaceFiles, unreadable } from '../../files';
import { isError } from '../../realms';
import { Flatbuffer, FlatbufferError } from '../flatbuffer';
import { readTable } from './decode';
import { encode } from './encode';
import type { BufferT, ModelT, OperatorT } from './objects';
import { schemaOf } from './schema';

/** Bytes 4 to 7 of a TFLite file. */
const IDENTIFIER = 'TFL3';

/** Whether the bytes carry TFLite's file identifier. */
export function isTfliteModel(bytes: Uint8Array): boolean {
  return bytes.length >= 8 && Buffer.from(IDENTIFIER).equals(bytes.subarray(4, 8));
}

/**
 * Whether a file begins as TFLite's do.
 *
 * @throws OnliteError ERR_MODEL_NOT_FOUND or ERR_MODEL_UNREADABLE
 */
export async function isTfliteFile(path: string): Promise<boolean> {
  return isTfliteModel(await firstBytes(path, 8));
}

/** Bytes behind the flatbuffer, where models of more than 2 GiB have them; 1 is a placeholder. */
function bytesBehind(file: Flatbuffer, offset = 0n, size = 0n): Uint8Array | undefined {
  if (offset <= 1n) return undefined;
  const [start, length] = [Number(offset), Number(size)];
  file.check(start, length);
  file.spend(length);
  return file.bytes.subarray(start, start + length);
}

/** Takes data that is behind the flatbuffer into it, the only place where every runtime looks. */
function takeIn(model: ModelT, file: Flatbuffer): void {
  type Elsewhere<T, Name extends string> = T & Partial<Record<Name, bigint>>;
  for (const buffer of model.buffers as Elsewhere<BufferT, 'offset' | 'size'>[]) {
    const data = bytesBehind(file, buffer.offset, buffer.size);
    if (data) buffer.data = data;
    delete buffer.offset;
    delete buffer.size;
  }
  for (const { operators } of model.subgraphs) {
    for (const operator of operators as Elsewhere<
      OperatorT,
      'largeCustomOptionsOffset' | 'largeCustomOptionsSize'
    >[]) {
      const { largeCustomOptionsOffset: offset, largeCustomOptionsSize: size } = operator;
      const options = bytesBehind(file, offset, size);
      if (options) operator.customOptions = options;
      delete operator.largeCustomOptionsOffset;
      delete operator.largeCustomOptionsSize;
    }
  }
}

function requireIndex(index: number, length: number, what: string, least = 0): void {
  if (index < least || index >= length) {
    throw new FlatbufferError(`${what} ${index} does not exist`);
  }
}

/** After this every index in the model can be used without a check. */
function checkIndices({
  subgraphs,
  operatorCodes,
  buffers,
  metadata,
  signatureDefs,
}: ModelT): void {
  for (const { tensors, inputs, outputs, operators } of subgraphs) {
    const requireTensors = (indices: readonly number[], least = 0): void => {
      for (const index of indices) requireIndex(index, tensors.length, 'tensor', least);
    };
    for (const { buffer = 0 } of tensors) requireIndex(buffer, buffers.length, 'buffer');
    requireTensors(inputs);
    requireTensors(outputs);
    for (const operator of operators) {
      requireIndex(operator.opcodeIndex ?? 0, operatorCodes.length, 'operator code');
      requireTensors(operator.inputs, -1);
      requireTensors(operator.outputs, -1);
      requireTensors(operator.intermediates ?? [], -1);
    }
  }
  for (const { subgraphIndex = 0, inputs, outputs } of signatureDefs) {
    requireIndex(subgraphIndex, subgraphs.length, 'subgraph');
    const count = subgraphs[subgraphIndex]?.tensors.length ?? 0;
    for (const { tensorIndex = 0 } of [...inputs, ...outputs]) {
      requireIndex(tensorIndex, count, 'tensor');
    }
  }
  for (const { buffer = 0 } of metadata) requireIndex(buffer, buffers.length, 'buffer');
}

function decodeModel(bytes: Uint8Array): ModelT {
  if (!isTfliteModel(bytes)) throw new FlatbufferError(`no '${IDENTIFIER}' identifier`);
  const file = new Flatbuffer(bytes);
  const model = readTable(file.root(), schemaOf('Model')) as unknown as ModelT;
  const { version = 0, subgraphs } = model;
  if (version !== 3) throw new FlatbufferError(`schema version ${version}, expected 3`);
  if (subgraphs.length === 0) throw new FlatbufferError('it has no subgraph');
  takeIn(model, file);
  checkIndices(model);
  return model;
}

/**
 * Reads a TensorFlow Lite model as objects to be changed. Every index of tensors, buffers, operator
 * codes and subgraphs in them is valid, but for those in options. Constant data are views of the
 * bytes, not copies; those that lie behind the flatbuffer are as if they were in it.
 *
 * @throws OnliteError ERR_MODEL_INVALID when the bytes are not a TFLite model or are damaged.
 */
export function readTflite(bytes: Uint8Array): ModelT {
  try {
    return decodeModel(bytes);
  } catch (error) {
    if (!(error instanceof FlatbufferError || (isError(error) && error.name === 'RangeError')))
      throw error;
    throw new OnliteError('ERR_MODEL_INVALID', `not a TensorFlow Lite model: ${error.message}`, {
      cause: error,
    });
  }
}

/**
 * Writes a model: the same bytes for the same objects. Fields and options that the schema does not
 * know are written as they were.
 *
 * @throws OnliteError ERR_UNSUPPORTED for a model of more than 2 GiB, and one with unknown fields that
 *   may refer to what is not known either.
 */
export function writeTflite(model: ModelT): Uint8Array {
  return Buffer.concat(encodeTflite(model));
}

const encodeTflite = (model: ModelT): Uint8Array[] =>
  encode('Model', model as unknown as Record<string, unknown>, IDENTIFIER);

/**
 * Reads a model from a file, as {@link readTflite} does.
 *
 * @throws OnliteError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE, ERR_MODEL_INVALID
 */
export async function readTfliteFile(path: string): Promise<ModelT> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw unreadable(`cannot read '${path}'`, cause);
  });
  return readTflite(bytes);
}

/**
 * Writes a model to a file without a second copy of its data in memory.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT when the path cannot be written to; as {@link writeTflite}.
 */
export async function writeTfliteFile(model: ModelT, path: string): Promise<void> {
  await replaceFiles([{ path, chunks: encodeTflite(model) }]);
}
