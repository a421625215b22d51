import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

import type { LoadObserver } from './load';
import { randomNumbers } from './random';
import { summarize, type Summary } from './statistics';

/** How many requests come, and for how long. */
export interface OpenLoopOptions extends LoadObserver {
  /** Mean arrivals a second. */
  readonly perSecond: number;
  /** Arrivals stop after so many milliseconds. */
  readonly ms?: number;
  /** Arrivals stop after so many requests. */
  readonly requests?: number;
  /** The arrivals are the same for the same seed. Default 1. */
  readonly seed?: number;
}

/** What an open loop gave. */
export interface OpenLoopResult {
  /** From the moment a request was due to its end, in nanoseconds; of those that succeeded. */
  readonly latency: Summary;
  readonly completed: number;
  readonly failed: number;
  /** From the first arrival's clock to the last request's end. */
  readonly seconds: number;
}

/** A timer fires up to so much late: what is nearer is waited for turn by turn. */
const TIMER_MS = 2;

/**
 * Requests at Poisson arrivals, whether or not earlier ones have ended. A request's latency counts
 * from when it was due, not from when it was started, so that a stall of the process, or of what is
 * measured, is counted for every request that it held up ("coordinated omission").
 *
 * The event loop is kept turning, which takes a whole core when arrivals are close together.
 *
 * @param run - starts a request
 */
export async function openLoop(
  run: () => Promise<unknown>,
  { perSecond, ms = Infinity, requests = Infinity, seed = 1, onLatency, onError }: OpenLoopOptions,
): Promise<OpenLoopResult> {
  if (!(perSecond > 0)) throw new RangeError(`perSecond: expected more than 0, got ${perSecond}`);
  if (ms === Infinity && requests === Infinity) throw new RangeError('give ms or requests');
  const random = randomNumbers(seed);
  const latencies: number[] = [];
  const pending = new Set<Promise<void>>();
  let completed = 0;
  let failed = 0;
  let arrived = 0;
  const start = performance.now();
  let due = start;
  const nextArrival = (): void => {
    // Exponential gaps; 1 - u, because u may be 0.
    due += (-Math.log(1 - random()) / perSecond) * 1000;
  };
  const more = (): boolean => due < start + ms && arrived < requests;
  nextArrival();
  while (more()) {
    while (more() && due <= performance.now()) {
      arrived++;
      const arrival = due;
      const request = run().then(
        () => {
          const latency = (performance.now() - arrival) * 1e6;
          completed++;
          if (onLatency) onLatency(latency);
          else latencies.push(latency);
        },
        (error: unknown) => {
          failed++;
          onError?.(error);
        },
      );
      pending.add(request);
      void request.then(() => pending.delete(request));
      nextArrival();
    }
    const wait = due - performance.now();
    if (wait > 2 * TIMER_MS) await sleep(wait - TIMER_MS);
    else await nextTurn();
  }
  await Promise.all(pending);
  const seconds = (performance.now() - start) / 1000;
  return { latency: summarize(latencies), completed, failed, seconds };
}
