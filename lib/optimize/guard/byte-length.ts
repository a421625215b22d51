import { statSync } from 'node:fs';

import { onnxByteLength, openOnnxFile } from '../../formats/onnx';
import { isTfliteFile } from '../../formats/tflite';

/** A model's bytes, those of external data too. */
export async function modelByteLength(file: string): Promise<number> {
  if (await isTfliteFile(file)) return statSync(file).size;
  const opened = openOnnxFile(file);
  try {
    return opened.hasExternalData ? onnxByteLength(opened.model) : statSync(file).size;
  } finally {
    opened.close();
  }
}
