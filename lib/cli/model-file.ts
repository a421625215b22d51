import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';

import { OnliteError } from '../errors';
import { unreadable } from '../files';
import { isError } from '../realms';

/** @throws OnliteError ERR_MODEL_NOT_FOUND, or ERR_MODEL_UNREADABLE when there is one. */
export async function readModelFile(file: string): Promise<Buffer> {
  try {
    // To open a pipe would wait for somebody who writes to it.
    if ((await stat(file)).isFile()) return await readFile(file);
  } catch (cause) {
    const reason = isError(cause) ? cause.message : String(cause);
    throw unreadable(`cannot read '${file}': ${reason}`, cause);
  }
  throw new OnliteError('ERR_MODEL_NOT_FOUND', `'${file}' is no file`);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export interface ModelFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** Before anything is done with one: a wrong path must not cost the time of all the others. */
export async function readModels(models: readonly string[]): Promise<Map<string, ModelFile>> {
  const files = new Map<string, ModelFile>();
  for (const path of new Set(models)) {
    const bytes = await readModelFile(path);
    files.set(path, { path, sha256: sha256(bytes), bytes: bytes.length });
  }
  return files;
}
