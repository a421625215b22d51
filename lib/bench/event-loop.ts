import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How late timers of 1 ms fired, in nanoseconds, the interval itself included. */
export interface EventLoopMeasurement<Result> {
  /** What the work gave. */
  readonly result: Result;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The interval that is part of each delay, in nanoseconds. */
export const EVENT_LOOP_INTERVAL = 1e6;

/**
 * How late a timer of 1 ms fires while `work` goes on. The interval itself is included, so compare
 * with an idle loop's, or subtract {@link EVENT_LOOP_INTERVAL}.
 */
export async function eventLoopDelay<Result>(
  work: () => Promise<Result>,
): Promise<EventLoopMeasurement<Result>> {
  const monitor = monitorEventLoopDelay({ resolution: EVENT_LOOP_INTERVAL / 1e6 });
  monitor.enable();
  try {
    const result = await work();
    return {
      result,
      p50: monitor.percentile(50),
      p99: monitor.percentile(99),
      max: monitor.max,
    };
  } finally {
    monitor.disable();
  }
}
