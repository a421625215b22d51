import { now } from './clock';
import { summarize, type Summary } from './statistics';

/** A sample lasts at least so long, so that reading the clock does not show. */
const MIN_SAMPLE_NS = 50_000;

/**
 * How many runs make a sample that is long enough to be timed.
 *
 * @param runNs - what a run takes, in nanoseconds
 */
export const batchFor = (runNs: number): number => Math.max(1, Math.ceil(MIN_SAMPLE_NS / runNs));

/**
 * A slice of synchronous runs, one after the other for `ms` milliseconds. A sample is the mean of
 * `batch` runs in a row, which hides outliers among them: use 1 for a latency distribution.
 *
 * @returns nanoseconds
 */
export function sampleSync(
  run: () => unknown,
  { ms, batch = 1 }: { readonly ms: number; readonly batch?: number },
): Summary {
  const samples: number[] = [];
  const end = now() + ms * 1e6;
  let before = now();
  do {
    for (let index = 0; index < batch; index++) run();
    const after = now();
    samples.push((after - before) / batch);
    before = after;
  } while (before < end);
  return summarize(samples);
}

/**
 * A slice of asynchronous runs, one after the other for `ms` milliseconds; a sample is one run.
 *
 * @returns nanoseconds
 */
export async function sampleAsync(
  run: () => Promise<unknown>,
  { ms }: { readonly ms: number },
): Promise<Summary> {
  const samples: number[] = [];
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
