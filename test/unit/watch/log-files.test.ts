import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

import { expect, it } from 'vitest';

import { logFiles } from '../../../lib/cli/log-report/read';

it('counts lines once that stayed beside the Parquet file that they have become', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'onlite-log-files-'));
  const double = 'log-20261127T130000.123Z-0';
  const kept = ['log-20261127T130000.123Z-1.jsonl', 'log.jsonl', 'log.parquet'];
  for (const name of [...kept, `${double}.jsonl`, `${double}.parquet`]) {
    writeFileSync(join(folder, name), '');
  }
  const files = await logFiles([folder]);
  rmSync(folder, { recursive: true });
  expect(files.map((file) => basename(file))).toEqual([`${double}.parquet`, ...kept]);
});
