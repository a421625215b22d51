import type { OnliteError } from '../../errors';

/** What is to be done about an asynchronous native call that is under way. */
export interface Job {
  /** The native side has a result. May throw: then `fail` is called with that. */
  succeed(result: unknown): void;
  fail(error: unknown): void;
  /** The job that this one was started for, with something added. */
  readonly wraps?: Job;
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

/**
 * Whether the JS thread looks for the end of a run at once, which is quicker than
 * to sleep and be woken for runs of a few microseconds, and in vain for others: each
 * time in vain doubles the runs that it is left out for. One for runs of a kind.
 */
export class Lookout {
  skip = 0;
  nextSkip = 1;
}

const maxSkip = 256;
const pollNothing = 0;
const pollDispatched = 1;
let poll: () => number = () => pollNothing;
let pollIsQueued = false;

/** Sets the native function that looks for finished jobs and settles them. */
export function usePoll(nativePoll: () => number): void {
  poll = nativePoll;
}

/** {@link startJob} for a run, which may have finished by the time that JavaScript is done. */
export function startRun(job: Job, start: (id: number) => void, lookout: Lookout): number {
  const id = startJob(job, start);
  if (lookout.skip > 0) lookout.skip--;
  else if (!pollIsQueued) {
    pollIsQueued = true;
    void pollSoon(lookout);
  }
  return id;
}

async function pollSoon(lookout: Lookout): Promise<void> {
  // After what else is to be done now: perhaps more runs are started.
  // eslint-disable-next-line @typescript-eslint/await-thenable -- only to be a microtask later
  await undefined;
  pollIsQueued = false;
  const outcome = poll();
  if (outcome === pollDispatched) {
    lookout.nextSkip = 1;
  } else if (outcome === pollNothing) {
    lookout.skip = lookout.nextSkip;
    lookout.nextSkip = Math.min(2 * lookout.nextSkip, maxSkip);
  }
}

/** A promise of a native job's result. */
class PromiseJob<Result> implements Job {
  readonly #resolve: (result: Result) => void;
  readonly #reject: (error: unknown) => void;
  readonly #held: Held | undefined;
  readonly #decode: ((result: unknown) => Result) | undefined;

  constructor(
    resolve: (result: Result) => void,
    reject: (error: unknown) => void,
    held: Held | undefined,
    decode: ((result: unknown) => Result) | undefined,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#held = held;
    this.#decode = decode;
  }

  succeed(result: unknown): void {
    this.#resolve(this.#decode === undefined ? (result as Result) : this.#decode(result));
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
 * @param starter - what starts the job, if it is a run
 * @param decode - makes the native side's result the promise's
 */
export function promiseJob<Result>(
  start: (id: number) => void,
  held?: Held,
  starter: (job: Job, start: (id: number) => void) => number = startJob,
  decode?: (result: unknown) => Result,
): StartedJob & { result: Promise<Result> } {
  let id = -1;
  let job: Job | undefined;
  const result = new Promise<Result>((resolve, reject) => {
    job = new PromiseJob(resolve, reject, held, decode);
    try {
      id = starter(job, start);
    } catch (error) {
      held?.release();
      throw error;
    }
  });
  return { id, job, result };
}

/** A job that was started. Its id is another's once it has ended; the object is its own. */
export interface StartedJob {
  id: number;
  job: Job | undefined;
}

/**
 * Rejects a job's promise now, if it has not ended. Its late result is dropped.
 *
 * @param cancel - the native call: true if the job is gone for good
 */
export function abandonJob(
  { id, job }: StartedJob,
  error: OnliteError,
  cancel: (id: number) => boolean,
): void {
  const current = jobs[id];
  if (job === undefined || typeof current !== 'object') return;
  if (current !== job && current.wraps !== job) return;
  // Before anything else: `fail` may run code of the program's, which abandons it again.
  jobs[id] = new AbandonedJob(current);
  current.fail(error);
  if (!cancel(id)) return;
  forget(id);
  current.end();
}

/** One run of a job object that serves many. */
export class OneRun implements Job {
  readonly #job: Job;

  constructor(job: Job) {
    this.#job = job;
  }

  succeed(result: unknown): void {
    this.#job.succeed(result);
  }

  fail(error: unknown): void {
    this.#job.fail(error);
  }

  end(): void {
    this.#job.end();
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
