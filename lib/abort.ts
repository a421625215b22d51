import { OnliteError } from './errors';
import { isTimeoutError } from './realms';

/** Why something ended early, as an error. `reason` is an AbortSignal's. */
export function abortError(reason: unknown, what = 'the run'): OnliteError {
  return isTimeoutError(reason)
    ? new OnliteError('ERR_TIMEOUT', `${what} was not finished in time`, { cause: reason })
    : new OnliteError('ERR_CANCELLED', `${what} was cancelled`, { cause: reason });
}

/** @throws OnliteError ERR_CANCELLED or ERR_TIMEOUT if the signal has fired already. */
export function throwIfAborted(signal: AbortSignal | undefined, what?: string): void {
  if (signal?.aborted === true) throw abortError(signal.reason, what);
}
