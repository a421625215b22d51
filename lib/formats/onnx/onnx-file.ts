import { dirname } from 'node:path';

import { ExternalFiles } from './external-data';
import { readModel } from './model';
import { StableFile } from './stable-file';
import { setTensorData } from './tensor';
import type { ModelProto } from './types';
import { walkModel } from './walk';

/** A model whose weights are read from its files when they are asked for. */
export interface OnnxFile {
  readonly model: ModelProto;
  /** Whether some of its weights are in files beside it. */
  readonly hasExternalData: boolean;
  /** Closes the files; then the sources of the model's tensors can no longer be read. */
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * Reads the structure of an ONNX model of any size. Raw data of 4 KiB or more and external data become
 * `source`s of their tensors, which read the files; these must not change meanwhile.
 *
 * @throws OnliteError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE, ERR_MODEL_INVALID (no ONNX model;
 *   external data outside of the model's folder, of another length than the tensor's, or cut)
 */
export function openOnnxFile(path: string): OnnxFile {
  const file = new StableFile(path);
  const external = new ExternalFiles(dirname(path));
  const close = (): void => {
    file.close();
    external.close();
  };
  try {
    const model = readModel(file);
    let hasExternalData = false;
    walkModel(model, {
      tensor: (tensor) => {
        const source = external.source(tensor);
        if (!source) return;
        setTensorData(tensor, source);
        hasExternalData = true;
      },
    });
    return { model, hasExternalData, close, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * Reads the structure of an ONNX model alone: external data is named and not looked for, and large
 * data has a length, but can no longer be read.
 *
 * @throws OnliteError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE, ERR_MODEL_INVALID
 */
export function readOnnxStructure(path: string): ModelProto {
  const file = new StableFile(path);
  try {
    return readModel(file);
  } finally {
    file.close();
  }
}
