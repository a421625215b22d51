import type { Spread } from '../../bench/statistics';
import type { ModelFile } from '../model-file';
import type { Block, InputDescription, OperatorProfile, PhaseFigures, PhaseName } from './protocol';
import type { Setting } from './setting';

/** A percentile of all of a setting's runs, nanoseconds. */
export interface PercentileFigure {
  readonly percentile: number;
  readonly value?: number;
  /** 95 % interval by order statistics; an end is absent where there are too few runs for it. */
  readonly low?: number;
  readonly high?: number;
  /** Why there is no value, or no end. */
  readonly note?: string;
}

/** The pooled latencies of a setting's successful runs, nanoseconds. */
export interface LatencyFigures {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly stddev: number;
  readonly max: number;
  readonly percentiles: readonly PercentileFigure[];
}

export interface ProcessFigures {
  readonly blocks: readonly Omit<Block, 'histogram'>[];
}

/** Everything that was found of a setting that could be measured. */
export interface Measured {
  readonly engine: string;
  /** Of the runtime's library, which an installed provider may bring: then not that of `versions`. */
  readonly engineVersion?: string;
  readonly executionProviders: readonly string[];
  readonly sessionConcurrency: number;
  readonly inputs: readonly InputDescription[];
  readonly load: Spread;
  readonly firstRun: Spread;
  readonly latency: LatencyFigures;
  readonly phases: Partial<Record<PhaseName, PhaseFigures>>;
  readonly throughput: {
    readonly runsPerSecond: number;
    readonly interval: readonly [number, number];
    readonly itemsPerSecond?: number;
  };
  readonly cpu: { readonly processors: number; readonly perRunNs: number };
  /** Bytes of resident memory, medians over the processes; the greatest peak. */
  readonly memory: { readonly before: number; readonly loaded: number; readonly peak: number };
  readonly eventLoopDelay?: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly errors: Readonly<Record<string, number>>;
  readonly processes: readonly ProcessFigures[];
  readonly profile?: OperatorProfile;
}

export interface SettingResult {
  /** Unique in this result. */
  readonly label: string;
  /** The same in every result of the same question; see `keysOf`. */
  readonly key: string;
  readonly setting: Setting;
  readonly model: ModelFile;
  readonly failed?: { readonly code: string; readonly message: string };
  readonly measured?: Measured;
}

export interface MeasuredSetting extends SettingResult {
  readonly measured: Measured;
}

export const isMeasured = (result: SettingResult): result is MeasuredSetting =>
  result.measured !== undefined;
