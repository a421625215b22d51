import { readFile } from 'node:fs/promises';

import { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import { unreadable } from '../../files';
import { isTfliteModel } from '../../formats/tflite';
import { onnxLayers } from './onnx-layers';
import { tfliteLayers } from './tflite-layers';

/** A tensor that a model computes on its way. */
export interface Layer {
  /** The tensor's name. */
  readonly name: string;
  /** The operator that computes it. */
  readonly operator: string;
  /** The tensors that it is computed from. */
  readonly inputs: readonly string[];
}

/** A model that can give its intermediate tensors. */
export interface LayeredModel {
  /** In an order in which each comes after its inputs. */
  readonly layers: readonly Layer[];
  /** The model with these of its layers as further outputs, as bytes, and what loads them. */
  withLayers(names: readonly string[]): { bytes: Uint8Array; options: SessionOptions };
}

/**
 * @param file - an ONNX or TensorFlow Lite model
 * @throws OnliteError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE or ERR_MODEL_INVALID.
 */
export async function readLayeredModel(file: string): Promise<LayeredModel> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw unreadable(`cannot read '${file}'`, cause);
  });
  return layeredModel(bytes, file);
}

/**
 * @param file - the model's path, beside which external data lies
 * @throws OnliteError ERR_MODEL_INVALID
 */
export function layeredModel(bytes: Uint8Array, file = ''): LayeredModel {
  return isTfliteModel(bytes) ? tfliteLayers(bytes) : onnxLayers(bytes, file);
}

/** A session of the model that gives these layers too. */
export function openWithLayers(
  model: LayeredModel,
  names: readonly string[],
  options: SessionOptions,
): Promise<InferenceSession> {
  const { bytes, options: own } = model.withLayers(names);
  return InferenceSession.create(bytes, { ...options, ...own });
}
