import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { expect, it } from 'vitest';

import { runChild } from '../../stress/hostile/child';
import { bundled } from './bundle';

const seed = Number(process.env['ONLITE_TEST_SEED'] ?? 20261126);
const perModel = Number(process.env['ONLITE_TEST_VARIANTS'] ?? 12);

/** A damaged model of some KiB must not make the reader take more than Node and its heap do. */
const maxMebibytes = 400;

const root = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Tests our own reader of a format on damaged files, in a process that may hang or take too much memory.
 * The seed is fixed; `ONLITE_TEST_SEED` tries others and `ONLITE_TEST_VARIANTS` more: 10,000 ONNX files
 * in all with 140.
 *
 * @param script - what the process runs, see damaged-child.ts
 * @param leastRead - share of the files that must be read; damage that is always noticed is no test
 */
export function testDamagedFiles(
  format: string,
  { extension, script, leastRead }: { extension: string; script: string; leastRead: number },
): void {
  const models = ['test/fixtures/models', 'test/fixtures/ways']
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)))
    .filter((file) => file.endsWith(extension) && statSync(file).size < 1 << 17)
    .sort();
  const bundle = bundled(script);
  it(
    `damaged ${format} files are read, or refused with a typed error`,
    { timeout: 3_600_000 },
    async () => {
      const tasks = models.map((model) => ({ model, seed, first: 0, last: perModel }));
      const { code, stalled, reports, errors } = await runChild(
        pathToFileURL(bundle).href,
        { tasks },
        { flags: ['--max-old-space-size=256'] },
      );
      const last = JSON.stringify(reports.at(-1));
      expect({ code, stalled, errors }, last).toEqual({ code: 0, stalled: false, errors: '' });
      const problems = reports.flatMap((entry, at) =>
        entry.bad !== undefined || Number(entry.rss) > maxMebibytes
          ? [[reports[at - 1], entry]]
          : [],
      );
      expect(problems.slice(0, 5), `seed ${seed}`).toEqual([]);
      const count = (ended: string): number =>
        reports.filter((entry) => entry.ended === ended).length;
      const tried = models.length * perModel;
      expect(count('read') + count('refused')).toBe(tried);
      // Damage that is never noticed, or always, would be no test.
      expect(count('refused')).toBeGreaterThan(tried / 4);
      expect(count('read')).toBeGreaterThan(tried * leastRead);
    },
  );
}
