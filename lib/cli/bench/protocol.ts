// What the command and its measuring processes tell each other: plain data, sent as JSON.
import type { Setting } from './setting';

/** What a process is to measure. */
export interface MeasureRequest {
  readonly setting: Setting;
  /** `--input` and `--shape` values. */
  readonly inputs: readonly string[];
  readonly shapes: readonly string[];
  readonly signature?: string;
  readonly warmUpMs: number;
  /** Each block's end: after so long, or so many runs. */
  readonly blocks: readonly BlockLimit[];
  /** Seed of an open loop's arrivals. */
  readonly seed: number;
  /** Runs of the profile of operators; 0 for none. */
  readonly profileRuns: number;
}

export type BlockLimit = { readonly ms: number } | { readonly runs: number };

/** A stretch of measurement. Its percentiles are exact. */
export interface Block {
  readonly runs: number;
  readonly seconds: number;
  /** CPU time of the whole process. */
  readonly cpuSeconds: number;
  /** Milliseconds since the epoch at its start. */
  readonly startedAt: number;
  /** Nanoseconds; absent if every run failed. */
  readonly p50?: number;
  readonly p99?: number;
  /** The latencies, encoded. */
  readonly histogram: string;
}

export interface OperatorShare {
  readonly name: string;
  readonly type: string;
  /** Kernel, execution provider or delegate. */
  readonly provider?: string;
  readonly count: number;
  /** Of the operators' time, 0 to 1. */
  readonly share: number;
}

/** Time by operator, or why there is none. */
export type OperatorProfile =
  | {
      readonly runs: number;
      readonly operators: readonly OperatorShare[];
      /** How far the shares can be trusted. */
      readonly notes: readonly string[];
    }
  | { readonly unavailable: string };

export const PHASES = ['queue', 'bind', 'invoke', 'fetch', 'total'] as const;
export type PhaseName = (typeof PHASES)[number];

/** Of one phase, nanoseconds. */
export interface PhaseFigures {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
}

export interface InputDescription {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
}

/** What a process found. Memory in bytes of resident memory. */
export interface ProcessResult {
  readonly engine: string;
  /** Of the runtime's library, which an installed provider may bring: then not that of `versions`. */
  readonly engineVersion?: string;
  readonly executionProviders: readonly string[];
  /** Runs that the session makes at once. */
  readonly sessionConcurrency: number;
  readonly inputs: readonly InputDescription[];
  /** From the call of create() to the session, opening the runtime's library included. */
  readonly loadNs: number;
  /** The very first run. */
  readonly firstRunNs: number;
  readonly warmUpRuns: number;
  readonly blocks: readonly Block[];
  /** The session's histograms, encoded; those without runs are left out. */
  readonly phases: Partial<Record<PhaseName, string>>;
  readonly memory: { readonly before: number; readonly loaded: number; readonly peak: number };
  /** Beyond the timer's interval, nanoseconds; absent for synchronous runs, which block the loop. */
  readonly eventLoopDelay?: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Runs that failed, by code. */
  readonly errors: Readonly<Record<string, number>>;
  readonly profile?: OperatorProfile;
}

export type WorkerMessage =
  | { readonly kind: 'progress'; readonly stage: string; readonly done: number }
  | { readonly kind: 'result'; readonly result: ProcessResult }
  | { readonly kind: 'error'; readonly code: string; readonly message: string };
