interface Listeners {
  /** In the order of registration. */
  readonly calls: Set<() => void>;
  readonly onAbort: () => void;
}

const listeners = new WeakMap<AbortSignal, Listeners>();

function listen(signal: AbortSignal): Listeners {
  const calls = new Set<() => void>();
  // Not by `this`: a signal of another library's may call it with another one.
  const onAbort = (): void => {
    listeners.delete(signal);
    for (const call of calls) call();
  };
  const added = { calls, onAbort };
  listeners.set(signal, added);
  signal.addEventListener('abort', onAbort, { once: true });
  return added;
}

/**
 * Calls `call` once if the signal fires. One listener serves all runs of a signal,
 * however many: Node warns of a leak at eleven.
 *
 * @returns how to have it not called any more
 */
export function whenAborted(signal: AbortSignal, call: () => void): () => void {
  const registered = listeners.get(signal) ?? listen(signal);
  const { calls, onAbort } = registered;
  calls.add(call);
  return () => {
    calls.delete(call);
    if (calls.size > 0 || listeners.get(signal) !== registered) return;
    listeners.delete(signal);
    signal.removeEventListener('abort', onAbort);
  };
}
