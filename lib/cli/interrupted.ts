/** An interruption from the keyboard or the system, as what ends the work in its own way. */
export interface Interruption {
  readonly signal: AbortSignal;
  /** Leaves further interruptions to the system. */
  readonly end: () => void;
}

/** Has an interruption from the keyboard or the system end the work, which leaves no files then. */
export function interrupted(): Interruption {
  const controller = new AbortController();
  const end = onInterruption(() => controller.abort());
  return { signal: controller.signal, end };
}

/** @returns what forgets it again */
export function onInterruption(act: (signal: NodeJS.Signals) => void): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, act);
  return () => {
    for (const signal of signals) process.off(signal, act);
  };
}
