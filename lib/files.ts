import { isAbsolute, resolve } from 'node:path';

import { OnliteError, type OnliteErrorCode } from './errors';

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
