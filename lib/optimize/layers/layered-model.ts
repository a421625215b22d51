import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { unpackedFile } from '../../compressed-model';
import type { Engine } from '../../engine/addon/native';
import { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import { makeTemporaryFolder, unreadable } from '../../files';
import {
  openOnnxFile,
  readOnnxModel,
  readOnnxStructure,
  writeOnnxFile,
  writeOnnxModel,
} from '../../formats/onnx';
import { isTfliteFile, isTfliteModel } from '../../formats/tflite';
import { onnxLayers, withOnnxLayers } from './onnx-layers';
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

/** A session with what it was loaded from. */
export interface LayeredSession {
  readonly session: InferenceSession;
  release(): Promise<void>;
}

/** A model that can give its intermediate tensors. */
export interface LayeredModel {
  readonly engine: Engine;
  /** In an order in which each comes after its inputs. */
  readonly layers: readonly Layer[];
  /** A session of the model that gives these of its layers, and perhaps what else it gives. */
  readonly open: (names: readonly string[], options: SessionOptions) => Promise<LayeredSession>;
}

async function openBytes(bytes: Uint8Array, options: SessionOptions): Promise<LayeredSession> {
  const session = await InferenceSession.create(bytes, options);
  return { session, release: () => session.release() };
}

function layeredTflite(bytes: Uint8Array): LayeredModel {
  const { layers, withLayers } = tfliteLayers(bytes);
  return {
    engine: 'tflite',
    layers,
    open: (names, options) => openBytes(withLayers(names), options),
  };
}

/**
 * Between two runs a program looks at what the first one gave: threads that wait for the next in a
 * loop would take its processors.
 */
function withoutSpinning(options: SessionOptions): SessionOptions {
  const extra = { 'session.intra_op.allow_spinning': '0', ...options.extra };
  return { ...options, extra };
}

/** Large weights are mapped from a file that is there as long as the session. */
async function openOnnx(
  file: string,
  names: readonly string[],
  options: SessionOptions,
): Promise<LayeredSession> {
  const folder = await makeTemporaryFolder('onlite-layers-');
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const copy = join(folder, 'model.onnx');
    const original = openOnnxFile(file);
    try {
      const model = withOnnxLayers(original.model, names);
      await writeOnnxFile(model, copy, { externalData: 'mappable' });
    } finally {
      original.close();
    }
    const session = await InferenceSession.create(copy, withoutSpinning(options));
    return { session, release: () => session.release().finally(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

/**
 * @param file - an ONNX or TensorFlow Lite model, which may be compressed
 * @throws OnliteError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE or ERR_MODEL_INVALID.
 */
export async function readLayeredModel(file: string): Promise<LayeredModel> {
  const unpacked = await unpackedFile(file);
  if (unpacked) return layeredModel(unpacked);
  if (!(await isTfliteFile(file))) {
    return {
      engine: 'onnxruntime',
      layers: onnxLayers(readOnnxStructure(file)),
      open: (names, options) => openOnnx(file, names, options),
    };
  }
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw unreadable(`cannot read '${file}'`, cause);
  });
  return layeredTflite(bytes);
}

/** @throws OnliteError ERR_MODEL_INVALID */
export function layeredModel(bytes: Uint8Array): LayeredModel {
  if (isTfliteModel(bytes)) return layeredTflite(bytes);
  const model = readOnnxModel(bytes);
  return {
    engine: 'onnxruntime',
    layers: onnxLayers(model),
    open: (names, options) => openBytes(writeOnnxModel(withOnnxLayers(model, names)), options),
  };
}
