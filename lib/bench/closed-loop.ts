import { now } from './clock';
import type { LoadObserver } from './load';
import { summarize, type Summary } from './statistics';

/** When a closed loop ends, and what it records. */
export interface ClosedLoopOptions extends LoadObserver {
  /** Starts no run after so many milliseconds. */
  readonly ms?: number;
  /** Starts no more runs than this. */
  readonly runs?: number;
  /** Also summarise each run's own time, which costs a clock reading a run. Default false. */
  readonly latencies?: boolean;
}

/** What a closed loop gave. */
export interface ClosedLoopResult {
  /** Runs that succeeded. */
  readonly runs: number;
  /** Elapsed time divided by the runs, in nanoseconds. */
  readonly perRun: number;
  readonly runsPerSecond: number;
  /** With `latencies`: each run's own time in nanoseconds. */
  readonly latency?: Summary;
}

/**
 * A closed loop: each of `lanes`, functions that start a run, starts its next run when its last has
 * ended. As many runs are in flight as there are lanes. A system that slows down is asked for less:
 * for the latency that requests from outside would see, use {@link openLoop}.
 *
 * @throws what a run rejects with, unless `onError` is given
 */
export async function closedLoop(
  lanes: readonly (() => Promise<unknown>)[],
  { ms = Infinity, runs: limit = Infinity, latencies = false, ...observer }: ClosedLoopOptions,
): Promise<ClosedLoopResult> {
  const { onLatency, onError } = observer;
  if (ms === Infinity && limit === Infinity) throw new RangeError('give ms or runs');
  const samples: number[] = [];
  const timed = latencies || onLatency !== undefined;
  const start = now();
  const end = start + ms * 1e6;
  let started = 0;
  let runs = 0;
  let ended = false;
  const follow = async (run: () => Promise<unknown>): Promise<void> => {
    let before = start;
    while (started < limit && !ended) {
      started++;
      if (timed) before = now();
      try {
        await run();
        if (timed) {
          const latency = now() - before;
          if (latencies) samples.push(latency);
          onLatency?.(latency);
        }
        runs++;
      } catch (error) {
        if (onError === undefined) {
          ended = true;
          throw error;
        }
        onError(error);
      }
      // The clock is read by every 16th run only where the runs' own times are not wanted.
      if ((timed || runs % 16 === 0) && now() >= end) ended = true;
    }
  };
  await Promise.all(lanes.map(follow));
  const elapsed = now() - start;
  return {
    runs,
    perRun: elapsed / runs,
    runsPerSecond: (runs * 1e9) / elapsed,
    ...(latencies ? { latency: summarize(samples) } : {}),
  };
}
