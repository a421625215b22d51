import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { root } from './support';

/** Whether C can be compiled here as compileLibrary does it. */
export const hasCompiler =
  process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0;

/**
 * The path of a shared library, compiled from a C file of the fixtures.
 *
 * @param source - below test/fixtures
 */
export function compileLibrary(
  source: string,
  folder: string,
  name: string,
  flags: readonly string[],
): string {
  const library = join(folder, `${name}.so`);
  const file = join(root, 'test/fixtures', source);
  execFileSync('cc', ['-shared', '-fPIC', ...flags, '-o', library, file]);
  return library;
}
