import { Bench } from 'tinybench';

/**
 * A microbenchmark of plain JavaScript, without a raw C counterpart.
 *
 * @param run - synchronous; called many times
 * @returns nanoseconds of a call: tinybench's p50 and its like
 */
export async function micro(name, run, { ms, warmUpMs }) {
  // A sample is 100 calls: the clock's own cost is that of one.
  const calls = 100;
  const bench = new Bench({ time: ms, warmupTime: warmUpMs });
  bench.add(name, () => {
    for (let index = 0; index < calls; index += 1) run();
  });
  const [task] = await bench.run();
  const { latency } = task.result;
  const nanoseconds = (milliseconds) => (milliseconds * 1e6) / calls;
  return {
    count: latency.samplesCount * calls,
    mean: nanoseconds(latency.mean),
    min: nanoseconds(latency.min),
    p50: nanoseconds(latency.p50),
    p99: nanoseconds(latency.p99),
    max: nanoseconds(latency.max),
  };
}
