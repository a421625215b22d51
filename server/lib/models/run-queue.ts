import { OnliteError } from 'onlite';

import { PRIORITIES, type Caller } from './caller';
import { Overloaded } from './errors';
import { ServiceTime } from './service-time';
import type { RequestStatistics } from './statistics';

/** What may be under way and wait for a version of a model. */
export interface QueueLimits {
  /** Runs that are made at a time: more are of no use to the session. */
  readonly parallel: number;
  /** Runs that may wait, those of all threads together. */
  readonly maxQueue: number;
  /** Bytes of their tensors, of each thread. */
  readonly maxQueueBytes: number;
}

/**
 * Of shorter runs the session has the next ones already when one ends: a thread that is busy with requests hears of
 * it a few milliseconds later, in which nothing would be run.
 */
const SHORT_MS = 100;

/** What runs take varies: who has no more time than they took lately, all together, might be too late. */
const MARGIN = 1.1;

/** Between two looks for requests whose time is over. */
const LOOK_MS = 5;

interface Waiting {
  readonly bytes: number;
  readonly deadline: number | undefined;
  readonly caller: Caller;
  readonly go: () => void;
  readonly fail: (error: unknown) => void;
}

/**
 * The requests for a version that a thread has: as many runs as the session can use are handed to it, the others
 * wait here, by priority and then in their order. One that would not be answered in time is refused at once, one
 * whose time passes while it waits is not run, and one whose client leaves is forgotten.
 */
export class RunQueue {
  readonly time: ServiceTime;
  /** Requests have had a priority in their bodies: that of others is not known by their headers alone. */
  hasPrioritiesInBodies = false;
  readonly #limits: QueueLimits;
  readonly #statistics: RequestStatistics;
  /** Sets keep their order. By priority, the first first. */
  readonly #waiting: readonly Set<Waiting>[];
  #count = 0;
  #bytes = 0;
  #underWay = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;

  constructor(limits: QueueLimits, statistics: RequestStatistics) {
    this.#limits = limits;
    this.#statistics = statistics;
    this.time = new ServiceTime(limits.parallel);
    this.#waiting = Array.from({ length: PRIORITIES }, () => new Set());
  }

  /** Runs that are handed over and not ended. */
  get underWay(): number {
    return this.#underWay;
  }

  get #hasRoom(): boolean {
    const { parallel } = this.#limits;
    const most = this.time.runMs < SHORT_MS ? parallel * 2 : parallel;
    return this.#underWay < most;
  }

  /** Takes a place if one is free and nobody waits for it; `leave` gives it back. */
  enter(): boolean {
    if (this.#count > 0 || !this.#hasRoom) return false;
    this.#underWay++;
    return true;
  }

  /**
   * Refuses a request of which no more is known than its deadline, and the priority that its headers have.
   *
   * @throws Overloaded if others wait, and its turn would come too late
   */
  refuseLate({ deadline, priority }: Caller): void {
    if (this.#count > 0 && !this.hasPrioritiesInBodies) this.#checkTime(deadline, priority);
  }

  /**
   * Waits for a place.
   *
   * @param bytes - of the request's tensors
   * @throws Overloaded if its turn would come too late, or too many wait
   * @throws OnliteError ERR_TIMEOUT if its deadline passes, ERR_CANCELLED if its client leaves
   */
  wait(
    bytes: number,
    caller: Caller,
    deadline: number | undefined,
    priority: number,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#checkTime(deadline, priority);
      this.#makeRoom(bytes, priority);
      const waiting = { bytes, deadline, caller, go: resolve, fail: reject };
      this.#waiting[priority - 1]?.add(waiting);
      this.#count++;
      this.#bytes += bytes;
      this.#statistics.queued(1);
      caller.onLeave(() => this.#leave(waiting));
      if (deadline !== undefined) this.#lookAt(deadline);
    });
  }

  #checkTime(deadline: number | undefined, priority: number): void {
    if (deadline === undefined) return;
    let ahead = this.#underWay + 1;
    for (let level = 0; level < priority; level++) ahead += this.#waiting[level]?.size ?? 0;
    const late = MARGIN * this.time.until(ahead) - (deadline - performance.now());
    // Something is under way: where all are refused, what ends next says how long runs take now.
    if (late <= 0) return;
    this.#statistics.refused();
    const ms = Math.ceil(this.time.until(ahead));
    throw new Overloaded(`it would take some ${ms} ms, which is past the request's deadline`, late);
  }

  /** Whoever waits last of a lower priority makes room, if that is enough. */
  #makeRoom(bytes: number, priority: number): void {
    const { maxQueue, maxQueueBytes } = this.#limits;
    if (this.#bytes + bytes > maxQueueBytes && this.#bytesFrom(priority) + bytes > maxQueueBytes) {
      this.#statistics.refused();
      throw this.#full(false, bytes);
    }
    while (this.#statistics.waiting >= maxQueue || this.#bytes + bytes > maxQueueBytes) {
      const isFull = this.#statistics.waiting >= maxQueue;
      const error = this.#full(isFull, bytes);
      const last = this.#lastBelow(priority);
      this.#statistics.refused();
      if (last === undefined) throw error;
      this.#drop(last, error);
    }
  }

  /** Of those who wait that a request of a priority does not make room of. */
  #bytesFrom(priority: number): number {
    let sum = 0;
    for (const level of this.#waiting.slice(0, priority)) {
      for (const { bytes } of level) sum += bytes;
    }
    return sum;
  }

  #full(isFull: boolean, bytes: number): Overloaded {
    const { maxQueue, maxQueueBytes } = this.#limits;
    const what = isFull
      ? `${this.#statistics.waiting} requests wait for the model (maxQueue ${maxQueue})`
      : `requests that wait for the model hold ${this.#bytes} bytes, and this one has ${bytes} (maxQueueBytes ${maxQueueBytes})`;
    return new Overloaded(what, this.time.until(this.#count + this.#underWay));
  }

  #lastBelow(priority: number): Waiting | undefined {
    for (let level = PRIORITIES; level > priority; level--) {
      const last = [...(this.#waiting[level - 1] ?? [])].at(-1);
      if (last !== undefined) return last;
    }
    return undefined;
  }

  /**
   * Gives a place back.
   *
   * @param ms - since it was taken, if a run was made meanwhile
   * @param underWay - how many places were taken then, this one among them
   */
  leave(ms: number, underWay: number, isDone: boolean): void {
    this.#underWay--;
    if (isDone) this.time.ended(ms, underWay);
    else this.time.gaveUp(ms, underWay);
    while (this.#count > 0 && this.#hasRoom) {
      const next = this.#first();
      if (next === undefined) return;
      const error = this.#tooLateFor(next);
      if (error !== undefined) {
        this.#expire(next, error);
        continue;
      }
      this.#remove(next);
      this.#underWay++;
      next.go();
    }
  }

  /** A run that would not end in time is not begun: it would be given up, and what it took be lost to others. */
  #tooLateFor({ deadline }: Waiting): OnliteError | undefined {
    if (deadline === undefined) return undefined;
    const left = deadline - performance.now();
    if (left <= 0) return tooLate();
    // Of others that are run it will be known how long they take.
    const isOnly = this.#underWay === 0 && this.#count === 1;
    const ms = this.time.until(this.#underWay + 1);
    if (isOnly || ms <= left) return undefined;
    const what = `the run would take some ${Math.ceil(ms)} ms, which is past the request's deadline`;
    return new OnliteError('ERR_TIMEOUT', what);
  }

  #first(): Waiting | undefined {
    const level = this.#waiting.find(({ size }) => size > 0);
    return level?.values().next().value;
  }

  #remove(waiting: Waiting): boolean {
    if (!this.#waiting.some((level) => level.delete(waiting))) return false;
    this.#count--;
    this.#bytes -= waiting.bytes;
    this.#statistics.queued(-1);
    waiting.caller.onLeave(undefined);
    return true;
  }

  #drop(waiting: Waiting, error: unknown): void {
    if (this.#remove(waiting)) waiting.fail(error);
  }

  /** Its client is gone, be it because the deadline has passed there. */
  #leave(waiting: Waiting): void {
    const { deadline = Infinity } = waiting;
    if (deadline <= performance.now()) {
      this.#expire(waiting);
      return;
    }
    this.#statistics.gaveUp();
    this.#drop(waiting, new OnliteError('ERR_CANCELLED', 'the client has left'));
  }

  #expire(waiting: Waiting, error = tooLate()): void {
    this.#statistics.expired();
    this.#drop(waiting, error);
  }

  /** One timer for all that wait. */
  #lookAt(deadline: number): void {
    if (deadline >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = deadline;
    const ms = Math.max(deadline - performance.now(), LOOK_MS);
    this.#timer = setTimeout(() => this.#look(), Math.min(Math.ceil(ms), LONGEST_TIMER_MS));
    this.#timer.unref();
  }

  #look(): void {
    this.#timerAt = Infinity;
    const now = performance.now();
    let next = Infinity;
    for (const level of this.#waiting) {
      for (const waiting of level) {
        if (waiting.deadline === undefined) continue;
        if (waiting.deadline <= now) this.#expire(waiting);
        else next = Math.min(next, waiting.deadline);
      }
    }
    if (next < Infinity) this.#lookAt(next);
  }
}

const LONGEST_TIMER_MS = 0x7fff_ffff;

export const tooLate = (): OnliteError =>
  new OnliteError('ERR_TIMEOUT', "the request's deadline has passed before its run");
