import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { unreadable } from '../files';
import { isError } from '../realms';

/** @throws OnliteError ERR_MODEL_NOT_FOUND, or ERR_MODEL_UNREADABLE when there is one. */
export async function readModelFile(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const reason = isError(cause) ? cause.message : String(cause);
    throw unreadable(`cannot read '${file}': ${reason}`, cause);
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
