import { randomUUID } from 'node:crypto';
import { realpath, rename, rm, writeFile } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';

import { OnliteError, type OnliteErrorCode } from './errors';
import { isError } from './realms';

/** What the system calls it when there is no such file, or it is not one that holds bytes. */
const missing: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR']);

/** Whether a file system error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return missing.has((error as { code?: unknown } | undefined)?.code);
}

/**
 * The error of a file of a model that could not be read: only one that is not there is called
 * ERR_MODEL_NOT_FOUND. The cause has the system's words.
 */
export function unreadable(what: string, cause: unknown): OnliteError {
  const code = (cause as { code?: unknown } | undefined)?.code;
  let name: OnliteErrorCode = missing.has(code) ? 'ERR_MODEL_NOT_FOUND' : 'ERR_MODEL_UNREADABLE';
  if (code === 'ENOMEM') name = 'ERR_OUT_OF_MEMORY';
  return new OnliteError(name, what, { cause });
}

/**
 * A file of this moment's working directory: the system is asked for it later, on another
 * thread. Where the directory was removed a relative path means nothing, which the system says.
 */
export function absolutePath(path: string): string {
  try {
    return isAbsolute(path) ? path : resolve(path);
  } catch {
    return path;
  }
}

export interface NewFile {
  readonly path: string;
  readonly chunks: Iterable<Uint8Array>;
}

/**
 * Writes files beside the places where they belong, and moves them there when all are complete: until
 * then the files that are there stay as they are, and may be what is being read.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT when a file cannot be written; or what its chunks throw
 */
export async function replaceFiles(files: readonly NewFile[]): Promise<void> {
  const moves: { from: string; to: string }[] = [];
  try {
    for (const { path, chunks } of files) {
      const to = await realpath(path).catch(() => path);
      const from = `${to}.${randomUUID()}.tmp`;
      moves.push({ from, to });
      await writeFile(from, chunks, { flag: 'wx' });
    }
    for (const { from, to } of moves) await rename(from, to);
  } catch (cause) {
    await Promise.all(moves.map(({ from }) => rm(from, { force: true })));
    throw isSystemError(cause) ? unwritable(cause) : cause;
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return isError(error) && 'syscall' in error;
}

function unwritable(cause: NodeJS.ErrnoException): OnliteError {
  return new OnliteError('ERR_INVALID_ARGUMENT', `cannot write: ${cause.message}`, { cause });
}
