import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { OnliteError, type OnliteErrorCode } from '../../errors';
import { isMissing } from '../../files';

/**
 * The error of an installation that the file system has refused.
 *
 * @param doing - e.g. 'write to /a/folder'
 */
export function refused(
  doing: string,
  cause: unknown,
  code: OnliteErrorCode = 'ERR_PROVIDER_UNAVAILABLE',
): OnliteError {
  if (cause instanceof OnliteError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new OnliteError(code, `cannot ${doing}: ${why}`, { cause });
}

/**
 * Makes a folder and those above it. Node's own `recursive` never returns where the system says ENOENT
 * of what it does not let be made, as below /proc.
 */
export function makeFolder(folder: string): void {
  if (existsSync(folder) || dirname(folder) === folder) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'EEXIST') throw error;
  }
}

/**
 * Gives a folder another name, at once and whole or not at all, so that nobody finds half of it.
 *
 * @returns the new name, beside the old one; undefined if there is no such folder.
 * @throws what the file system says; on Windows also if a process has a library of it loaded.
 */
function moveAside(folder: string): string | undefined {
  const aside = join(dirname(folder), `.removed-${basename(folder)}-${randomUUID()}`);
  try {
    renameSync(folder, aside);
    return aside;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Removes a folder. False if there is none. */
export function removeFolder(folder: string): boolean {
  const aside = moveAside(folder);
  if (aside === undefined) return false;
  rmSync(aside, { recursive: true, force: true });
  return true;
}

/**
 * Puts `made` in the place of `folder`. If another process does the same in the same moment, one of
 * the two is there in the end.
 */
export function replaceFolder(made: string, folder: string): void {
  const old = moveAside(folder);
  try {
    renameSync(made, folder);
  } catch (error) {
    if (old !== undefined) renameSync(old, folder);
    const code = (error as { code?: unknown }).code;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
  if (old !== undefined) rmSync(old, { recursive: true, force: true });
}

/** Removes what processes that were killed have left beside a folder. */
export function removeLeftovers(folder: string): void {
  const parent = dirname(folder);
  const prefixes = [workPrefix(folder), join(parent, `.removed-${basename(folder)}-`)];
  let names: string[] = [];
  try {
    names = readdirSync(parent);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  for (const path of names.map((name) => join(parent, name))) {
    if (prefixes.some((prefix) => path.startsWith(prefix))) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

/** What the paths of folders begin with in which a new one is made. */
export function workPrefix(folder: string): string {
  return join(dirname(folder), `.install-${basename(folder)}-`);
}
