import { join } from 'node:path';

import { packageRoot } from '../package';

/**
 * A program of the command line's, which is run in a process of its own; undefined where a bundler has
 * taken onlite apart. Never one in the working directory.
 *
 * @param path - below `dist/cli`
 */
export function ownScript(path: string): string | undefined {
  const root = packageRoot();
  return root === undefined ? undefined : join(root, 'dist', 'cli', path);
}
