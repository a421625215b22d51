import { randomUUID } from 'node:crypto';
import { mkdtemp, open, readlink, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';

import { OnliteError, type OnliteErrorCode } from './errors';
import { isError } from './realms';

/** What the system calls it when there is no such file, or it is not one that holds bytes. */
const missing: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR']);

/** What the system calls it when there is no room for a file, or it would be too large. */
const full: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

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
 * As many of a file's first bytes as there are, up to a number.
 *
 * @throws OnliteError ERR_MODEL_NOT_FOUND or ERR_MODEL_UNREADABLE
 */
export async function firstBytes(path: string, most: number): Promise<Uint8Array> {
  const fail = (cause: unknown): never => {
    const reason = isError(cause) ? cause.message : String(cause);
    throw unreadable(`cannot read '${path}': ${reason}`, cause);
  };
  // To open a pipe would wait for somebody who writes to it.
  if (!(await stat(path).catch(fail)).isFile()) {
    throw new OnliteError('ERR_MODEL_NOT_FOUND', `'${path}' is no file`);
  }
  const file = await open(path).catch(fail);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(most), 0, most, 0);
    return buffer.subarray(0, bytesRead);
  } catch (cause) {
    return fail(cause);
  } finally {
    await file.close();
  }
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
  readonly chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/**
 * Writes files beside the places where they belong, and moves them there when all are complete: until
 * then the files that are there stay as they are, and may be what is being read.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT when a file cannot be written, or what is there is no file,
 *   such as a device; ERR_OUT_OF_MEMORY where there is no room for it; or what its chunks throw
 */
export async function replaceFiles(files: readonly NewFile[]): Promise<void> {
  const moves: { path: string; from: string; to: string }[] = [];
  try {
    for (const { path, chunks } of files) {
      const to = await placeOf(path).catch(asUnwritable(path));
      // Not the file's name and more, which may be longer than names can be.
      const from = join(dirname(to), `${randomUUID()}.tmp`);
      moves.push({ path, from, to });
      await writeFile(from, chunks, { flag: 'wx' }).catch(asUnwritable(path));
    }
    for (const { path, from, to } of moves) await rename(from, to).catch(asUnwritable(path));
  } catch (error) {
    await Promise.allSettled(moves.map(({ from }) => rm(from, { force: true })));
    throw error;
  }
}

/** Where a file is or will be: what links lead to, which may not be there yet. */
async function placeOf(path: string): Promise<string> {
  try {
    const place = await realpath(path);
    if (!(await stat(place)).isFile()) {
      throw new OnliteError('ERR_INVALID_ARGUMENT', `cannot write '${path}': it is no file`);
    }
    return place;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const target = await readlink(path).catch(() => undefined);
    if (target === undefined) return path;
    return placeOf(resolve(await realpath(dirname(path)), target));
  }
}

/**
 * Makes an empty folder among the system's temporary ones.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT where there can be none
 */
export async function makeTemporaryFolder(prefix: string): Promise<string> {
  return mkdtemp(join(tmpdir(), prefix)).catch(asUnwritable(tmpdir()));
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return isError(error) && 'syscall' in error;
}

/** Throws a system's error as that of the path, and others as they are. */
function asUnwritable(path: string): (cause: unknown) => never {
  return (cause) => {
    if (!isSystemError(cause)) throw cause;
    const message = `cannot write '${path}': ${cause.message}`;
    const name = full.has(cause.code) ? 'ERR_OUT_OF_MEMORY' : 'ERR_INVALID_ARGUMENT';
    throw new OnliteError(name, message, { cause });
  };
}
