import { monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * How late a timer of 1 ms fires while `work` goes on; nanoseconds, the interval itself included,
 * so compare with an idle loop's.
 */
export async function eventLoopDelay(work) {
  const monitor = monitorEventLoopDelay({ resolution: 1 });
  monitor.enable();
  const result = await work();
  monitor.disable();
  return {
    result,
    p50: monitor.percentile(50),
    p99: monitor.percentile(99),
    max: monitor.max,
  };
}
