import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { UsageError } from '../command';

export type PackageManager = 'npm' | 'pnpm' | 'yarn' | 'bun';

export const packageManagers: readonly PackageManager[] = ['npm', 'pnpm', 'yarn', 'bun'];

const lockFiles: readonly [string, PackageManager][] = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
];

/** Who installs the program, and in which version if something says so. */
export interface Installer {
  readonly manager: PackageManager;
  readonly major: number | undefined;
}

/**
 * Tells a program's package manager: by the command line, by package.json's `packageManager`, by
 * the lock file, or else npm.
 *
 * @throws UsageError for another name on the command line.
 */
export function findInstaller(
  folder: string,
  manifest: { readonly packageManager?: unknown },
  asked: string | undefined,
): Installer {
  const [, declared, major] = /^(\w+)@(\d+)/.exec(String(manifest.packageManager)) ?? [];
  const name = asked ?? declared ?? ofLockFile(folder) ?? 'npm';
  const manager = packageManagers.find((known) => known === name);
  if (manager === undefined) {
    throw new UsageError(`--manager: expected ${packageManagers.join(', ')}, got '${name}'`);
  }
  return { manager, major: manager === declared ? Number(major) : undefined };
}

function ofLockFile(folder: string): PackageManager | undefined {
  return lockFiles.find(([file]) => existsSync(join(folder, file)))?.[1];
}
