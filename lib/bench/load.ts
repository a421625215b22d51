/** What a load generator is told of its runs, as they end. */
export interface LoadObserver {
  /** A run that succeeded, with its latency in nanoseconds. */
  readonly onLatency?: (nanoseconds: number) => void;
  /** A run that failed. Without it a closed loop rejects with the first error. */
  readonly onError?: (error: unknown) => void;
}
