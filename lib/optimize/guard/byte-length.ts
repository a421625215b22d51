import { statSync } from 'node:fs';

import { unpackedFile } from '../../compressed-model';
import { onnxByteLength, openOnnxFile } from '../../formats/onnx';
import { isTfliteFile } from '../../formats/tflite';

/** A model's bytes, those of external data too; of a compressed one those that it has unpacked. */
export async function modelByteLength(file: string): Promise<number> {
  if (await isTfliteFile(file)) return statSync(file).size;
  const unpacked = await unpackedFile(file);
  if (unpacked) return unpacked.byteLength;
  const opened = openOnnxFile(file);
  try {
    return opened.hasExternalData ? onnxByteLength(opened.model) : statSync(file).size;
  } finally {
    opened.close();
  }
}
