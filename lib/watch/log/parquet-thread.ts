import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { OnliteError } from '../../errors';
import { packageRoot } from '../../package';

/**
 * Makes a file of JSON lines into a Parquet file on a thread of its own, and removes it. It stays
 * where that fails. The process does not end by itself meanwhile: who closes the log waits for it.
 *
 * @throws OnliteError ERR_UNSUPPORTED where a bundler has taken onlite apart
 */
export function toParquet(jsonl: string, parquet: string): Promise<void> {
  const root = packageRoot();
  if (root === undefined) {
    throw new OnliteError('ERR_UNSUPPORTED', 'Parquet needs onlite beside the bundle: see docs');
  }
  const worker = new Worker(join(root, 'dist', 'watch', 'parquet-worker.js'), {
    workerData: { jsonl, parquet },
  });
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  });
}
