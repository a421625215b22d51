import type { RowTensor } from 'onlite/watch';

import type { Lease } from './lease';
import type { WatchConfig } from './watch-config';

/** Letters of a request's id, and of a class, that labels may name. */
export const LONGEST_ID = 512;

/** What of a request is recorded; it can be sent to another thread if its tensors are copies. */
export interface RecordedRun {
  readonly requestId: string | undefined;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly latencyMs: number;
  readonly inputs: Readonly<Record<string, RowTensor>>;
  /** Undefined of a run that failed. */
  readonly outputs: Readonly<Record<string, RowTensor>> | undefined;
  readonly error: RunError | undefined;
  /** How many requests it is one of. */
  readonly weight: number;
}

export interface RunError {
  readonly message: string;
  readonly code: string;
}

/** Records what a version is asked and what it says. */
export interface Recorder {
  /** How many requests the next one is one of, if it is looked at; else 0. */
  samples(): number;
  /** One that is not looked at has ended. */
  passed(requestId: string | undefined, error: RunError | undefined): void;
  /**
   * Reads it, soon or at once, and calls `end`: until then its tensors are its own.
   *
   * @param end - does not throw
   */
  take(lease: Lease, end: () => void): void;
}

/** Who watches versions while they are loaded. */
export interface Watches {
  /**
   * What records a version from now on; undefined for one that is not watched.
   *
   * @throws OnliteError ERR_INVALID_ARGUMENT if it cannot be watched as it is configured
   */
  open(version: WatchedVersion): Promise<Recorder | undefined>;
  /** What records one that another thread has opened. */
  attach(version: WatchedVersion): Recorder | undefined;
  /** One that was opened is no more. */
  close(version: Pick<WatchedVersion, 'name' | 'version'>): Promise<void>;
}

/** Of a version what it is watched by. */
export interface WatchedVersion {
  readonly name: string;
  readonly version: string;
  readonly file: string;
  readonly serving: { readonly watch?: WatchConfig };
}
