/** What a shell says of a process that one of them has ended. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type EndSignal = keyof typeof EXIT_CODES;

/** For what closing takes when nothing is under way any more. */
const MARGIN_MS = 1000;

/**
 * Ends the process when it is told to, by SIGINT or SIGTERM: at once as long as nothing is served, and the
 * second time. All by handlers of its own: for the first process of a container the kernel drops signals that
 * there is none for.
 */
export class EndSignals {
  #drain: (() => Promise<void>) | undefined;
  #mostMs = 0;
  #isTold = false;

  constructor() {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => this.#told(signal));
    }
  }

  /**
   * @param drain - ends what is served; a reason why it cannot is for standard error
   * @param mostMs - milliseconds that it may take
   */
  serves(drain: () => Promise<void>, mostMs: number): void {
    this.#drain = drain;
    this.#mostMs = mostMs;
  }

  #told(signal: EndSignal): void {
    if (this.#drain === undefined || this.#isTold) {
      endBy(signal);
      return;
    }
    this.#isTold = true;
    // What is still being loaded then does not hold it up.
    setTimeout(() => process.exit(), this.#mostMs + MARGIN_MS).unref();
    this.#drain().then(
      () => process.exit(),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        process.stderr.write(`onlite-server: ${message}\n`);
        process.exit(1);
      },
    );
  }
}

function endBy(signal: EndSignal): void {
  if (process.pid === 1) process.exit(EXIT_CODES[signal]);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
