// A thread that makes one file of a log into a Parquet file and removes it. workerData: {jsonl, parquet}
import { unlink } from 'node:fs/promises';
import { workerData } from 'node:worker_threads';

import { writeParquet } from './parquet';

const { jsonl, parquet } = workerData as { jsonl: string; parquet: string };

writeParquet(jsonl, parquet)
  .then(() => unlink(jsonl))
  .catch((error: unknown) => {
    // Node tells the thread that waits of it.
    setImmediate(() => {
      throw error;
    });
  });
