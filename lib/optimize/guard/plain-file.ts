import { writeFile } from 'node:fs/promises';

import { unpackedFile } from '../../compressed-model';
import { isTfliteFile, isTfliteModel } from '../../formats/tflite';

/** A place for files that are there for as long as they are worked with. */
interface Folder {
  path(name: string, extension: 'onnx' | 'tflite'): string;
}

/**
 * A model's file; where it is compressed, one of what is in it.
 *
 * @throws OnliteError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE, and as `decompressed`
 */
export async function plainFile(file: string, folder: Folder): Promise<string> {
  const bytes = await unpackedFile(file);
  if (!bytes) return file;
  const plain = folder.path('unpacked', isTfliteModel(bytes) ? 'tflite' : 'onnx');
  await writeFile(plain, bytes);
  return plain;
}

/** Whether a file, compressed or not, is a TensorFlow Lite model. */
export async function isTflite(file: string): Promise<boolean> {
  const bytes = await unpackedFile(file);
  return bytes ? isTfliteModel(bytes) : isTfliteFile(file);
}
