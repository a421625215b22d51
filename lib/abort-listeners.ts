/** What to call when a signal fires, in the order of registration. */
const listeners = new WeakMap<AbortSignal, Set<() => void>>();

function onAbort(this: AbortSignal): void {
  const calls = listeners.get(this);
  listeners.delete(this);
  for (const call of calls ?? []) call();
}

/**
 * Calls `call` once if the signal fires. One listener serves all runs of a signal,
 * however many: Node warns of a leak at eleven.
 *
 * @returns how to have it not called any more
 */
export function whenAborted(signal: AbortSignal, call: () => void): () => void {
  let calls = listeners.get(signal);
  if (calls === undefined) {
    calls = new Set();
    listeners.set(signal, calls);
    signal.addEventListener('abort', onAbort, { once: true });
  }
  const registered = calls;
  registered.add(call);
  return () => {
    registered.delete(call);
    if (registered.size > 0 || listeners.get(signal) !== registered) return;
    listeners.delete(signal);
    signal.removeEventListener('abort', onAbort);
  };
}
