/**
 * The harness that onlite's own benchmarks use, for suites of your own: warm-up, interleaving of
 * two sides, closed and open loops of load, statistics that know how sure they are.
 *
 * Times are nanoseconds unless a name says otherwise (`ms`, `seconds`). Loading this entry point
 * loads neither a runtime nor tinybench.
 *
 * @packageDocumentation
 */
export {
  compareMedians,
  type Comparison,
  type ComparisonOptions,
  type Repetitions,
} from './bootstrap';
export { closedLoop, type ClosedLoopOptions, type ClosedLoopResult } from './closed-loop';
export { eventLoopDelay, EVENT_LOOP_INTERVAL, type EventLoopMeasurement } from './event-loop';
export { interleave, type Interleaved, type InterleaveOptions } from './interleave';
export { type LoadObserver } from './load';
export { openLoop, type OpenLoopOptions, type OpenLoopResult } from './open-loop';
export { percentileRanks, type PercentileRanks } from './percentile-interval';
export { batchFor, sampleAsync, sampleSync } from './sample';
export {
  median,
  medianInterval,
  percentile,
  spread,
  summarize,
  type Spread,
  type Summary,
} from './statistics';
export {
  addRuns,
  latencyOf,
  tinybenchOptions,
  type SessionRuns,
  type TinybenchLike,
  type TinybenchTaskLike,
} from './tinybench';
export { warmUp, type WarmUpOptions } from './warm-up';
