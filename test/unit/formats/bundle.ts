import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { buildSync } from 'esbuild';
import { afterAll } from 'vitest';

/**
 * A script of this folder with the sources that it imports, as one file that Node can run; deleted
 * after the tests.
 */
export function bundled(script: string): string {
  const scratch = mkdtempSync(join(tmpdir(), 'onlite-bundle-'));
  afterAll(() => {
    rmSync(scratch, { recursive: true });
  });
  const outfile = join(scratch, 'script.cjs');
  const entryPoints = [join(import.meta.dirname, script)];
  buildSync({ entryPoints, bundle: true, platform: 'node', outfile });
  return outfile;
}
