import type { InferenceSession, LatencyPhase } from 'onlite';

/** How often something happened and how long it took in all. */
export interface Duration {
  count: number;
  /** Nanoseconds. */
  ns: number;
}

/** What requests for one version of a model have come to since it was loaded. */
export class RequestStatistics {
  readonly success: Duration = { count: 0, ns: 0 };
  readonly fail: Duration = { count: 0, ns: 0 };
  /** Of the first dimension of the first input; 1 for what has none. */
  inferences = 0;
  /** Milliseconds since 1970 of the last request, 0 without one. */
  lastInference = 0;

  succeeded(nanoseconds: number, rows: number): void {
    this.success.count++;
    this.success.ns += nanoseconds;
    this.inferences += rows;
    this.lastInference = Date.now();
  }

  failed(nanoseconds: number): void {
    this.fail.count++;
    this.fail.ns += nanoseconds;
  }
}

/** A phase of all the runs of a session. */
export function phaseDuration(session: InferenceSession, phase: LatencyPhase): Duration {
  const { count, mean } = session.latency[phase].snapshot();
  return { count, ns: count === 0 ? 0 : Math.round(count * mean) };
}
