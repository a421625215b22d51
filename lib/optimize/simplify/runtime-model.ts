import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import { makeTemporaryFolder } from '../../files';
import {
  externalDataLocation,
  readOnnxModel,
  setTensorData,
  tensorData,
  walkModel,
  writeOnnxFile,
  type ModelProto,
  type TensorProto,
} from '../../formats/onnx';

/** A folder that is there while it is used. */
async function withFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await makeTemporaryFolder('onlite-optimize-');
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Weights are used as they lie in the file, which is mapped: no copy of them is arranged. */
const AS_MAPPED = { 'session.disable_prepacking': '1' };

/**
 * A session of a model, of any size, for as long as it is used. It does what the model says, without
 * optimisations.
 *
 * @param options - a program's own, such as libraries of custom operators, and what else is wanted
 * @param use - what is done with it, and with the file that it was made of
 */
export function withSession<Result>(
  model: ModelProto,
  options: SessionOptions,
  use: (session: InferenceSession, file: string) => Promise<Result>,
): Promise<Result> {
  return withFolder(async (folder) => {
    const file = join(folder, 'model.onnx');
    await writeOnnxFile(model, file, { externalData: 'mappable' });
    const session = await InferenceSession.create(file, {
      graphOptimizationLevel: 'disabled',
      // What fails is thrown.
      logSeverityLevel: 4,
      ...options,
      extra: { ...AS_MAPPED, ...options.extra },
    });
    try {
      return await use(session, file);
    } finally {
      await session.release();
    }
  });
}

/** Where a tensor's data lies outside the model's file. */
function placeOf(tensor: TensorProto): string | undefined {
  const { location, offset } = externalDataLocation(tensor) ?? {};
  return location === undefined ? undefined : `${offset} ${location}`;
}

function tensorsOf(model: ModelProto): TensorProto[] {
  const tensors: TensorProto[] = [];
  walkModel(model, { tensor: (tensor) => tensors.push(tensor) });
  return tensors;
}

/**
 * Gives tensors that a model has outside the data that they stand for.
 *
 * @param given - what the runtime was given, as it was written to `file`
 */
async function restoreData(written: ModelProto, given: ModelProto, file: string): Promise<void> {
  const originals = tensorsOf(given);
  const places = tensorsOf(readOnnxModel(await readFile(file))).map(placeOf);
  const byPlace = new Map(places.map((place, index) => [place, originals[index]]));
  for (const tensor of tensorsOf(written)) {
    const place = placeOf(tensor);
    const original = place === undefined ? undefined : byPlace.get(place);
    if (original) setTensorData(tensor, tensorData(original));
  }
}

/**
 * The model as ONNX Runtime writes it after its optimisations of a level. Large weights that it
 * leaves alone are the given model's, which they are read from.
 */
export function writtenByRuntime(model: ModelProto, options: SessionOptions): Promise<ModelProto> {
  return withFolder((folder) => {
    const optimizedModelFilePath = join(folder, 'written.onnx');
    return withSession(model, { ...options, optimizedModelFilePath }, async (_, file) => {
      const written = readOnnxModel(await readFile(optimizedModelFilePath));
      await restoreData(written, model, file);
      return written;
    });
  });
}
