import type { OnliteErrorCode } from '../errors';
import { batchSizesOf, phases, type LatencyPhase } from '../engine/latency/latency';
import type { SessionSource } from '../engine/session/live-sessions';
import { BucketCounts } from './bucket-counts';

/** A part of a session's statistics that can be reset by itself; undefined is all of them. */
export type Part = LatencyPhase | OnliteErrorCode | undefined;

/** What became of the runs of one or more sessions, ever. */
export class RunTotals {
  readonly phases: Readonly<Record<LatencyPhase, BucketCounts>> = {
    queue: new BucketCounts(),
    bind: new BucketCounts(),
    invoke: new BucketCounts(),
    fetch: new BucketCounts(),
    total: new BucketCounts(),
  };
  /** The times of failed runs. */
  readonly failures = new Map<OnliteErrorCode, BucketCounts>();
  rejected = 0;
  /** Those that the calling thread made at once. */
  inlineRuns = 0;
  /** How many batches had so many rows. */
  readonly batches = new Map<number, number>();

  addAll(other: RunTotals): void {
    for (const phase of phases) this.phases[phase].addAll(other.phases[phase]);
    for (const [code, failures] of other.failures) this.#failures(code).addAll(failures);
    this.rejected += other.rejected;
    this.inlineRuns += other.inlineRuns;
    for (const [rows, count] of other.batches) this.addBatches(rows, count);
  }

  /** What a session has counted since its last reset, and what none resets. */
  addSession(source: SessionSource): void {
    this.addPart(source, undefined);
    this.inlineRuns += source.native.inlineRuns();
    for (const [rows, count] of batchSizesOf(source.native)) this.addBatches(rows, count);
  }

  /** What a reset of this part would forget. */
  addPart({ native }: SessionSource, part: Part): void {
    for (const [index, phase] of phases.entries()) {
      if (part !== undefined && part !== phase) continue;
      this.phases[phase].add(native.latencyPhase(index).buckets());
    }
    for (const code of native.latencyFailureCodes()) {
      if (part !== undefined && part !== code) continue;
      this.#failures(code).add(native.latencyFailure(code).buckets());
    }
    if (part === undefined) this.rejected += native.latencyRejected(false);
  }

  addBatches(rows: number, count: number): void {
    this.batches.set(rows, (this.batches.get(rows) ?? 0) + count);
  }

  #failures(code: OnliteErrorCode): BucketCounts {
    let counts = this.failures.get(code);
    if (counts === undefined) {
      counts = new BucketCounts();
      this.failures.set(code, counts);
    }
    return counts;
  }
}
