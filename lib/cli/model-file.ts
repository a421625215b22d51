import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';

import { compressionOf } from '../compressed-model';
import { OnliteError } from '../errors';
import { firstBytes, unreadable } from '../files';
import { readOnnxStructure } from '../formats/onnx';
import { isTfliteFile } from '../formats/tflite';
import { isError } from '../realms';

/** @throws OnliteError ERR_MODEL_NOT_FOUND, or ERR_MODEL_UNREADABLE when there is one. */
export async function readModelFile(file: string): Promise<Buffer> {
  try {
    // To open a pipe would wait for somebody who writes to it.
    if ((await stat(file)).isFile()) return await readFile(file);
  } catch (cause) {
    const reason = isError(cause) ? cause.message : String(cause);
    throw unreadable(`cannot read '${file}': ${reason}`, cause);
  }
  throw new OnliteError('ERR_MODEL_NOT_FOUND', `'${file}' is no file`);
}

export interface ModelFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/**
 * Reads a file of any size piece by piece.
 *
 * @throws OnliteError ERR_MODEL_NOT_FOUND or ERR_MODEL_UNREADABLE
 */
export async function describeFile(path: string): Promise<ModelFile> {
  // Refuses what is no file: to open a pipe would wait for somebody who writes to it.
  await firstBytes(path, 0);
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).byteLength;
    }
  } catch (cause) {
    const reason = isError(cause) ? cause.message : String(cause);
    throw unreadable(`cannot read '${path}': ${reason}`, cause);
  }
  return { path, sha256: hash.digest('hex'), bytes };
}

/** Protobuf's limit and flatbuffers'; more weights are in files of their own. */
const MOST_BYTES = 2 ** 31 - 1;

/**
 * As {@link describeFile}, of an ONNX or TensorFlow Lite model: what is none is not read to its end.
 *
 * @throws OnliteError ERR_MODEL_INVALID, too
 */
export async function describeModel(path: string): Promise<ModelFile> {
  const isTflite = await isTfliteFile(path);
  const { size } = await stat(path);
  if (size > MOST_BYTES) {
    const limit = 'a model has at most 2 GiB in one file, more weights in external data';
    throw new OnliteError('ERR_MODEL_INVALID', `'${path}' has ${size} bytes: ${limit}`);
  }
  const isPlain = compressionOf(await firstBytes(path, 4)) === undefined;
  if (!isTflite && isPlain) readOnnxStructure(path);
  return describeFile(path);
}

/** Before anything is done with one: a wrong path must not cost the time of all the others. */
export async function readModels(models: readonly string[]): Promise<Map<string, ModelFile>> {
  const files = new Map<string, ModelFile>();
  for (const path of new Set(models)) files.set(path, await describeFile(path));
  return files;
}
