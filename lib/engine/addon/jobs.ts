// Not the global one, which test runners replace.
import { setImmediate } from 'node:timers';

import type { OnliteError } from '../../errors';
import { rejection, type Resolve } from './rejection';

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

// As it was: test runners replace it, and a clock that stands still would hold up the event loop.
const now = performance.now.bind(performance);

/** Microseconds that runs on the JS thread may take together before the event loop has a turn. */
const maxInlineMicroseconds = 1000;
/** What those since the last turn may have taken; the clock is read when it is too much. */
let inlineMicroseconds = 0;
/** When the first of them began. */
let inlineSince = 0;
let deliverDelayed: (() => void) | undefined;

/**
 * Whether a run that was asked for asynchronously may be made here and now: a program that
 * awaits one after the other must not hold up the event loop, nor may one that asks for many at once.
 */
export function mayRunInline(): boolean {
  if (deliverDelayed !== undefined) return false;
  if (inlineMicroseconds === 0) inlineSince = now();
  return true;
}

/**
 * Promises the result of such a run.
 *
 * @param microseconds - what it may have taken
 */
export function deliverInline<Result>(result: Result, microseconds: number): Promise<Result> {
  inlineMicroseconds += microseconds;
  if (inlineMicroseconds >= maxInlineMicroseconds) {
    inlineMicroseconds = (now() - inlineSince) * 1000;
  }
  if (inlineMicroseconds < maxInlineMicroseconds) return Promise.resolve(result);
  return new Promise((resolve) => {
    deliverDelayed = () => {
      deliverDelayed = undefined;
      inlineMicroseconds = 0;
      resolve(result);
    };
    setImmediate(() => deliverDelayed?.());
  });
}

/** A promise of a native job's result. */
class PromiseJob<Result> implements Job {
  readonly #resolve: Resolve<Result>;
  readonly #held: Held | undefined;
  readonly #decode: ((result: unknown) => Result) | undefined;

  constructor(
    resolve: Resolve<Result>,
    held: Held | undefined,
    decode: ((result: unknown) => Result) | undefined,
  ) {
    this.#resolve = resolve;
    this.#held = held;
    this.#decode = decode;
  }

  succeed(result: unknown): void {
    this.#resolve(this.#decode === undefined ? (result as Result) : this.#decode(result));
  }

  fail(error: unknown): void {
    this.#resolve(rejection(error));
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
  const result = new Promise<Result>((resolve) => {
    job = new PromiseJob(resolve, held, decode);
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
export class JobForOneRun implements Job {
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

/** The event loop has turned, and what was run earlier is delivered earlier. */
function beforeSettling(): void {
  inlineMicroseconds = 0;
  deliverDelayed?.();
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
  beforeSettling();
  for (let index = 0; index < count; index++)
    settle(succeededIds[index] ?? -1, undefined, undefined);
}

/** Settles finished jobs; `completions` are id, error, result, …. Called by native code. */
export function settleJobs(...completions: unknown[]): void {
  beforeSettling();
  for (let slot = 0; slot < completions.length; slot += 3) {
    settle(completions[slot] as number, completions[slot + 1], completions[slot + 2]);
  }
}
