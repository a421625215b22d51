import { checkOptions, optionalInteger } from '../checks';
import { LatencyHistogram } from '../engine/latency/latency-histogram';

/** Options of {@link EventLoopDelay}. */
export interface EventLoopDelayOptions {
  /** How often it is measured, 1 to 10000 ms. Default 10. */
  intervalMs?: number;
}

const keys: ReadonlySet<string> = new Set<keyof EventLoopDelayOptions>(['intervalMs']);

/**
 * How late the event loop comes round: a timer fires at an interval, and what it is late by is
 * recorded. Beside `session.latency` it tells whether a slow run waited for the model or for
 * JavaScript. A loop that is held up for long gives one sample, of that length.
 *
 * The histogram of Node's `perf_hooks.monitorEventLoopDelay` cannot be divided into a metric's
 * buckets nor added to another process's, hence this one. The timer does not keep the
 * process alive.
 */
export class EventLoopDelay implements Disposable {
  /** In nanoseconds; an exact timer is late by 0, Node's by up to a millisecond. */
  readonly histogram = new LatencyHistogram();
  readonly #timer: NodeJS.Timeout;

  /** @throws OnliteError ERR_INVALID_ARGUMENT for an unknown or wrong option. */
  constructor(options?: EventLoopDelayOptions) {
    const checked = checkOptions(options, 'options', keys);
    const interval = optionalInteger(checked, 'intervalMs', 'options', 1, 10_000) ?? 10;
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.histogram.record(Math.max(0, now - last - interval) * 1e6);
      last = now;
    }, interval);
    this.#timer.unref();
  }

  /** Measures no longer; what was recorded stays. */
  stop(): void {
    clearInterval(this.#timer);
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}

let shared: EventLoopDelay | undefined;

/** That of every `eventLoopDelay: true`; measured for as long as the process lasts. */
export function sharedEventLoopDelay(): EventLoopDelay {
  shared ??= new EventLoopDelay();
  return shared;
}
