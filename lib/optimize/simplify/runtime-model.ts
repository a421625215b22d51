import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import {
  externalDataFile,
  externalDataLocation,
  readOnnxModel,
  walkModel,
  writeOnnxModel,
  type ModelProto,
} from '../../formats/onnx';

/** What a session of the model needs beside its bytes: a program's own options, and the folder of its file. */
export interface Surroundings {
  /** Where external data lies. */
  readonly folder: string | undefined;
  /** A program's options, such as libraries of custom operators. */
  readonly session: SessionOptions;
}

/** Where the runtime finds the external data of a model that it is given as bytes. */
export function externalData(model: ModelProto, folder: string | undefined): SessionOptions {
  const files = new Map<string, string>();
  walkModel(model, {
    tensor: (tensor) => {
      const path = externalDataLocation(tensor)?.location;
      const file = folder === undefined ? undefined : externalDataFile(tensor, folder);
      if (path !== undefined && file !== undefined) files.set(path, file);
    },
  });
  if (files.size === 0) return {};
  return { externalData: [...files].map(([path, data]) => ({ path, data })) };
}

/** A session of the model on the CPU that does what the model says, without optimisations. */
export function openModel(
  model: ModelProto,
  { folder, session }: Surroundings,
  options: SessionOptions = {},
): Promise<InferenceSession> {
  return InferenceSession.create(writeOnnxModel(model), {
    graphOptimizationLevel: 'disabled',
    // What fails is thrown.
    logSeverityLevel: 4,
    ...session,
    ...externalData(model, folder),
    ...options,
  });
}

/**
 * The model as ONNX Runtime writes it when it has loaded it: with the types and shapes that it has
 * inferred, after its optimisations of a level.
 */
export async function writtenByRuntime(
  model: ModelProto,
  surroundings: Surroundings,
  options: SessionOptions,
): Promise<ModelProto> {
  const folder = await mkdtemp(join(tmpdir(), 'onlite-optimize-'));
  try {
    const optimizedModelFilePath = join(folder, 'model.onnx');
    const written = { ...options, optimizedModelFilePath };
    const session = await openModel(model, surroundings, written);
    await session.release();
    return readOnnxModel(await readFile(optimizedModelFilePath));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The folder of a model's file; undefined of one that is only in memory. */
export const folderOf = (file: string | undefined): string | undefined =>
  file === undefined ? undefined : dirname(file);
