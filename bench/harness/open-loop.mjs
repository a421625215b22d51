import { setImmediate as nextTurn } from 'node:timers/promises';

import { summarize } from './statistics.mjs';

/** A seeded generator of numbers in (0, 1]: arrivals are the same in every run. */
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / 2 ** 32;
  };
}

/**
 * Requests at Poisson arrivals, whether or not earlier ones have ended. A request's latency
 * counts from when it was due, so that a stall of the process is counted for every request that
 * it held up.
 *
 * @param run - starts a request
 * @param perSecond - mean arrivals a second
 * @returns latency summary in nanoseconds, completed and failed requests
 */
export async function openLoop(run, { perSecond, ms, seed = 1 }) {
  const random = randomNumbers(seed);
  const latencies = [];
  const pending = new Set();
  let failed = 0;
  const start = performance.now();
  let due = start;
  const nextArrival = () => (due += (-Math.log(random()) / perSecond) * 1000);
  nextArrival();
  while (due < start + ms) {
    while (due <= performance.now() && due < start + ms) {
      const arrival = due;
      const request = run().then(
        () => latencies.push((performance.now() - arrival) * 1e6),
        () => (failed += 1),
      );
      pending.add(request);
      void request.then(() => pending.delete(request));
      nextArrival();
    }
    await nextTurn();
  }
  await Promise.all(pending);
  return { latency: summarize(latencies), completed: latencies.length, failed };
}
