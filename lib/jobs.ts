import type { OnliteError } from './errors';

/** An asynchronous native call that has not ended. */
interface Job {
  resolve: (result: never) => void;
  reject: (error: unknown) => void;
  /** What the native side uses: kept until it has ended, whatever became of the promise. */
  held: Held | undefined;
  /** Makes the promise's value, while what is held still is. */
  finish: ((result: never) => unknown) | undefined;
}

/** Something to let go when a native job has ended. */
export interface Held {
  release(): void;
}

const pending = new Map<number, Job>();
let lastId = 0;

function nextId(): number {
  do lastId = (lastId % 0xffff_fffe) + 1;
  while (pending.has(lastId));
  return lastId;
}

/**
 * Starts a native job and promises its result.
 *
 * @param start - makes the native call under the id; if it throws there is no job
 * @param held - whose memory the native side uses; released once when that has ended
 * @param finish - makes the result of the native one, before the release
 */
export function startJob<Result>(
  start: (id: number) => void,
  held?: Held,
  finish?: (result: never) => Result,
): { id: number; result: Promise<Result> } {
  const id = nextId();
  const result = new Promise<Result>((resolve, reject) => {
    pending.set(id, { resolve, reject, held, finish });
    try {
      start(id);
    } catch (error) {
      pending.delete(id);
      held?.release();
      reject(error instanceof Error ? error : new Error(String(error)));
    }
  });
  return { id, result };
}

/**
 * Rejects a job's promise now. Its late result is dropped.
 *
 * @param cancel - the native call: true if the job is gone for good
 */
export function abandonJob(id: number, error: OnliteError, cancel: (id: number) => boolean): void {
  const job = pending.get(id);
  if (job === undefined) return;
  if (cancel(id)) {
    pending.delete(id);
    job.held?.release();
  }
  job.finish = undefined;
  job.reject(error);
}

function settle(job: Job, result: never): void {
  try {
    job.resolve((job.finish === undefined ? result : job.finish(result)) as never);
  } catch (error) {
    job.reject(error);
  }
}

/** Settles finished jobs; `completions` are id, error, result, …. Called by native code. */
export function settleJobs(...completions: unknown[]): void {
  for (let slot = 0; slot < completions.length; slot += 3) {
    const id = completions[slot] as number;
    const error = completions[slot + 1];
    const job = pending.get(id);
    if (job === undefined) continue;
    pending.delete(id);
    if (error === undefined) settle(job, completions[slot + 2] as never);
    else job.reject(error);
    job.held?.release();
  }
}
