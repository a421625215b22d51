import { Flatbuffer, FlatbufferError } from '../flatbuffer';
import type { TfliteModel } from './types';

/** The metadata block that TFLite's metadata writers add. */
const BLOCK = 'TFLITE_METADATA';
const IDENTIFIER = Buffer.from('M001');

/** What a model says of itself; empty where it says nothing. */
export interface TfliteModelMetadata {
  name: string;
  description: string;
  author: string;
  license: string;
  /** Free text: `1`, `v2`, `1.2.0`. */
  version: string;
}

const EMPTY: TfliteModelMetadata = {
  name: '',
  description: '',
  author: '',
  license: '',
  version: '',
};

/** The bytes of a metadata entry, a view of the file's. */
export function metadataBytes(model: TfliteModel, bytes: Uint8Array, name: string): Uint8Array {
  const entry = model.metadata.find((item) => item.name === name);
  const { offset, size } = model.buffers[entry?.buffer ?? -1] ?? { offset: 0, size: 0 };
  return bytes.subarray(offset, offset + size);
}

/**
 * Reads the `TFLITE_METADATA` block, a flatbuffer inside the file. A damaged one counts as absent,
 * as it does for the runtime: nothing but these texts depends on it.
 */
export function readModelMetadata(model: TfliteModel, bytes: Uint8Array): TfliteModelMetadata {
  const block = metadataBytes(model, bytes, BLOCK);
  if (block.length < 8 || !IDENTIFIER.equals(block.subarray(4, 8))) return EMPTY;
  try {
    const root = new Flatbuffer(block).root();
    const field = (index: number): string => root.string(index) ?? '';
    return {
      name: field(0),
      description: field(1),
      version: field(2),
      author: field(4),
      license: field(5),
    };
  } catch (error) {
    if (!(error instanceof FlatbufferError)) throw error;
    return EMPTY;
  }
}
