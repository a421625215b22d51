import { types } from 'node:util';

import { now } from './clock';

/** When a warm-up is over. */
export interface WarmUpOptions {
  /** At least so long, in milliseconds. Default 1000: clocks, caches and the JIT settle. */
  readonly ms?: number;
  /** At least so many runs. Default 10: a run that takes seconds must have been made a few times. */
  readonly minRuns?: number;
}

/**
 * Runs `run` until both limits are reached and gives the mean time of a run in nanoseconds: what
 * precedes a measurement, and the estimate that {@link batchFor} needs. What `run` throws comes
 * through.
 */
export async function warmUp(
  run: () => unknown,
  { ms = 1000, minRuns = 10 }: WarmUpOptions = {},
): Promise<number> {
  const start = now();
  let elapsed = 0;
  let runs = 0;
  do {
    const result = run();
    if (types.isPromise(result)) await result;
    runs++;
    elapsed = now() - start;
  } while (elapsed < ms * 1e6 || runs < minRuns);
  return elapsed / runs;
}
