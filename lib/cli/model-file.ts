import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { OnliteError } from '../errors';

/** @throws OnliteError ERR_MODEL_NOT_FOUND when the file cannot be read. */
export async function readModelFile(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OnliteError('ERR_MODEL_NOT_FOUND', `cannot read '${file}': ${reason}`, { cause });
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
