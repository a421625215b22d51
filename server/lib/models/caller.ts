/** Levels of priority, 1 the first. */
export const PRIORITIES = 8;

/** Of requests that say nothing of it: what RFC 9218 calls `u=3`. */
export const DEFAULT_PRIORITY = 4;

/** Who has sent a request, as far as its run has to do with that. */
export interface Caller {
  /** When nobody waits for an answer any more, by `performance.now()`; undefined where that is not said. */
  readonly deadline: number | undefined;
  /** 1 to {@link PRIORITIES}. */
  readonly priority: number;
  /** Aborted when the caller leaves. Made when it is asked for. */
  readonly signal: AbortSignal;
  /** Has a function called when the caller leaves, in place of the one before; undefined for none. */
  onLeave(tell: (() => void) | undefined): void;
}

/** One of the server's own, who waits as long as it takes. */
export const NOBODY: Caller = {
  deadline: undefined,
  priority: DEFAULT_PRIORITY,
  signal: new AbortController().signal,
  onLeave: () => undefined,
};

/** The nearest level of a number, as protocols have them. */
export const priorityOf = (level: number): number =>
  Math.min(Math.max(Math.trunc(level), 1), PRIORITIES);
