import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import { makeTemporaryFolder } from '../../files';
import { readOnnxModel, writeOnnxFile, type ModelProto } from '../../formats/onnx';

/** A folder that is there while it is used. */
async function withFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await makeTemporaryFolder('onlite-optimize-');
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * A session of a model, of any size, for as long as it is used. It does what the model says, without
 * optimisations.
 *
 * @param options - a program's own, such as libraries of custom operators, and what else is wanted
 */
export function withSession<Result>(
  model: ModelProto,
  options: SessionOptions,
  use: (session: InferenceSession) => Promise<Result>,
): Promise<Result> {
  return withFolder(async (folder) => {
    const file = join(folder, 'model.onnx');
    await writeOnnxFile(model, file);
    const session = await InferenceSession.create(file, {
      graphOptimizationLevel: 'disabled',
      // What fails is thrown.
      logSeverityLevel: 4,
      ...options,
    });
    try {
      return await use(session);
    } finally {
      await session.release();
    }
  });
}

/** The model as ONNX Runtime writes it after its optimisations of a level. */
export function writtenByRuntime(model: ModelProto, options: SessionOptions): Promise<ModelProto> {
  return withFolder((folder) => {
    const optimizedModelFilePath = join(folder, 'written.onnx');
    return withSession(model, { ...options, optimizedModelFilePath }, async () =>
      readOnnxModel(await readFile(optimizedModelFilePath)),
    );
  });
}
