import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { throwIfAborted } from '../../abort';

const POLL_MS = 250;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Takes the lock; false while a process that lives has it. */
function take(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  let pid = NaN;
  try {
    pid = Number(readFileSync(file, 'utf8'));
  } catch {
    // It was let go in this moment.
    return false;
  }
  // One who has just taken it has not written its number yet.
  if (pid > 0 && !isAlive(pid)) rmSync(file, { force: true });
  return false;
}

/**
 * Does something while no other process does, by a file that says whose turn it is. What a process that
 * was killed has left is taken over.
 *
 * @param onWait - called once if another process has to be waited for
 * @throws what `work` throws; OnliteError ERR_CANCELLED or ERR_TIMEOUT
 */
export async function withProcessLock<Result>(
  file: string,
  work: () => Promise<Result>,
  { signal, onWait }: { readonly signal?: AbortSignal | undefined; readonly onWait?: () => void },
): Promise<Result> {
  let waits = false;
  while (!take(file)) {
    throwIfAborted(signal, 'the wait for another process');
    if (!waits) onWait?.();
    waits = true;
    await sleep(POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}
