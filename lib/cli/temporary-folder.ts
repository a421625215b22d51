import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';

import { makeTemporaryFolder } from '../files';
import { onInterruption } from './interrupted';

const everything = { recursive: true, force: true } as const;

/**
 * A folder that is there while it is used. An interruption removes it and then ends the process,
 * unless somebody else, who may have a folder as well, is still to hear of it.
 */
export async function withTemporaryFolder<Result>(
  prefix: string,
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await makeTemporaryFolder(prefix);
  const forget = onInterruption((signal) => {
    rmSync(folder, everything);
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  });
  try {
    return await use(folder);
  } finally {
    forget();
    await rm(folder, everything);
  }
}
