// Slices of measurement: each runs a function for about so long and summarises it in nanoseconds.
import { summarize } from './statistics.mjs';

/** A sample lasts at least so long, so that reading the clock does not show. */
const MIN_SAMPLE_NS = 50_000;

const now = () => performance.now() * 1e6;

/**
 * Runs `run` for `ms`, at least `minRuns` times, and gives the mean time of a run: the
 * warm-up before a measurement, and the estimate that `batchFor` needs.
 */
export async function warmUp(run, { ms, minRuns = 10 }) {
  const start = now();
  let elapsed = 0;
  let runs = 0;
  do {
    const result = run();
    if (result instanceof Promise) await result;
    runs += 1;
    elapsed = now() - start;
  } while (elapsed < ms * 1e6 || runs < minRuns);
  return elapsed / runs;
}

/** How many runs make a sample that is long enough. */
export const batchFor = (runNs) => Math.max(1, Math.ceil(MIN_SAMPLE_NS / runNs));

/** Synchronous runs; a sample is the mean of `batch` in a row. */
export function sampleSync(run, { ms, batch }) {
  const samples = [];
  const end = now() + ms * 1e6;
  let before = now();
  do {
    for (let index = 0; index < batch; index += 1) run();
    const after = now();
    samples.push((after - before) / batch);
    before = after;
  } while (before < end);
  return summarize(samples);
}

/** Asynchronous runs, one after the other; a sample is one run. */
export async function sampleAsync(run, { ms }) {
  const samples = [];
  const end = now() + ms * 1e6;
  let before = now();
  do {
    await run();
    const after = now();
    samples.push(after - before);
    before = after;
  } while (before < end);
  return summarize(samples);
}

/**
 * A closed loop: each of `lanes` (functions that start a run) starts its next run when its last
 * has ended. Gives `perRun`, the elapsed time divided by the runs; with `latencies`, the summary
 * of each run's own time as well, which costs a clock reading a run.
 */
export async function closedLoop(lanes, { ms, latencies = false }) {
  const samples = [];
  const start = now();
  const end = start + ms * 1e6;
  let runs = 0;
  const follow = async (run) => {
    let before = start;
    do {
      if (latencies) before = now();
      await run();
      if (latencies) samples.push(now() - before);
      runs += 1;
      // The clock is read by every 16th run only where the runs' own times are not wanted.
    } while ((!latencies && runs % 16 !== 0) || now() < end);
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
