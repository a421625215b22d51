/** How a server is closed. */
export interface CloseOptions {
  /** Milliseconds that requests under way have; connections are cut then. Default 0: as long as they take. */
  readonly graceMs?: number;
}

/** How a server is drained. */
export interface DrainOptions extends CloseOptions {
  /** Milliseconds that load balancers have to learn that it is not ready. Default 0. */
  readonly delayMs?: number;
}
