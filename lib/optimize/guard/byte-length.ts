import { closeSync, openSync, readSync, statSync } from 'node:fs';

import { onnxByteLength, openOnnxFile } from '../../formats/onnx';
import { isTfliteModel } from '../../formats/tflite';

/** Where a TensorFlow Lite file says that it is one. */
const HEAD_BYTES = 8;

function isTfliteFile(file: string): boolean {
  const head = new Uint8Array(HEAD_BYTES);
  const descriptor = openSync(file, 'r');
  try {
    return isTfliteModel(head.subarray(0, readSync(descriptor, head)));
  } finally {
    closeSync(descriptor);
  }
}

/** A model's bytes, those of external data too. */
export function modelByteLength(file: string): number {
  if (isTfliteFile(file)) return statSync(file).size;
  const opened = openOnnxFile(file);
  try {
    return opened.hasExternalData ? onnxByteLength(opened.model) : statSync(file).size;
  } finally {
    opened.close();
  }
}
