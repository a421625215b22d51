import type { OnliteError } from './errors';

/** What is to be done about an asynchronous native call that is under way. */
export interface Job {
  /** The native side has a result. May throw: then `fail` is called with that. */
  succeed(result: unknown): void;
  fail(error: unknown): void;
  /** The native side has ended and uses nothing any more, whatever became of the promise. */
  end(): void;
}

/** Something to let go when a native job has ended. */
export interface Held {
  release(): void;
}

/**
 * Jobs under way at the index of their id; at a free one, the next free id. Without
 * a prototype, so that nothing put on Array.prototype comes between.
 */
const jobs = Object.setPrototypeOf([], null) as (Job | number)[];
let firstFree = 0;

/** Where the addon writes the ids of jobs that succeeded without a value. */
export const succeededIds = new Uint32Array(1024);

/**
 * Starts a native job.
 *
 * @param start - makes the native call under the id; if it throws there is no
 *   job, and neither `fail` nor `end` is called
 */
export function startJob(job: Job, start: (id: number) => void): number {
  const id = firstFree;
  const next = jobs[id];
  firstFree = typeof next === 'number' ? next : jobs.length + 1;
  jobs[id] = job;
  try {
    start(id);
  } catch (error) {
    forget(id);
    throw error;
  }
  return id;
}

function forget(id: number): void {
  jobs[id] = firstFree;
  firstFree = id;
}

/** A promise of a native job's result. */
class PromiseJob<Result> implements Job {
  readonly #resolve: (result: Result) => void;
  readonly #reject: (error: unknown) => void;
  readonly #held: Held | undefined;

  constructor(
    resolve: (result: Result) => void,
    reject: (error: unknown) => void,
    held: Held | undefined,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#held = held;
  }

  succeed(result: unknown): void {
    this.#resolve(result as Result);
  }

  fail(error: unknown): void {
    this.#reject(error);
  }

  end(): void {
    this.#held?.release();
  }
}

/**
 * Starts a native job and promises its result.
 *
 * @param start - makes the native call under the id; what it throws is the
 *   promise's rejection
 * @param held - whose memory the native side uses; released once when that has ended
 * @param starter - what starts the job, for those that are watched
 */
export function promiseJob<Result>(
  start: (id: number) => void,
  held?: Held,
  starter: typeof startJob = startJob,
): { id: number; result: Promise<Result> } {
  let id = -1;
  const result = new Promise<Result>((resolve, reject) => {
    try {
      id = starter(new PromiseJob(resolve, reject, held), start);
    } catch (error) {
      held?.release();
      throw error;
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
  const job = jobs[id];
  if (typeof job !== 'object' || job instanceof AbandonedJob) return;
  job.fail(error);
  if (cancel(id)) {
    forget(id);
    job.end();
  } else {
    jobs[id] = new AbandonedJob(job);
  }
}

/** Nobody waits for the result, but what the native side uses must stay until it has ended. */
class AbandonedJob implements Job {
  readonly #job: Job;

  constructor(job: Job) {
    this.#job = job;
  }

  succeed(): void {
    // The promise was rejected before.
  }

  fail(): void {
    // The promise was rejected before.
  }

  end(): void {
    this.#job.end();
  }
}

function settle(id: number, error: unknown, result: unknown): void {
  const job = jobs[id];
  if (typeof job !== 'object') return;
  forget(id);
  if (error === undefined) {
    try {
      job.succeed(result);
    } catch (thrown) {
      job.fail(thrown);
    }
  } else {
    job.fail(error);
  }
  job.end();
}

/** Settles the jobs whose ids are the first of `succeededIds`. Called by native code. */
export function settleSucceeded(count: number): void {
  for (let index = 0; index < count; index++)
    settle(succeededIds[index] ?? -1, undefined, undefined);
}

/** Settles finished jobs; `completions` are id, error, result, …. Called by native code. */
export function settleJobs(...completions: unknown[]): void {
  for (let slot = 0; slot < completions.length; slot += 3) {
    settle(completions[slot] as number, completions[slot + 1], completions[slot + 2]);
  }
}
