import type { Lease } from '../models';
import type { RpcCall } from './rpc';

/** What takes less in the mean has ended before it would help to give it up. */
const GIVEN_UP_FROM_NS = 1_000_000;

/**
 * Runs a model for a call, and gives the run up when the client leaves or its time is over. Runs that can
 * be given up are made by threads, so short ones, which may be made at once, are left to their end.
 *
 * @throws OnliteError as `IoBinding.run`
 */
export function runForCall(
  lease: Lease,
  call: RpcCall,
  timeoutMs?: number,
): Promise<void> | undefined {
  const { count, ns } = lease.model.statistics.success;
  if (lease.model.inline.isOpen) return lease.run();
  const isShort = count > 0 && ns < count * GIVEN_UP_FROM_NS;
  if (!isShort) {
    return lease.run({ signal: call.signal, ...(timeoutMs !== undefined && { timeoutMs }) });
  }
  return lease.run(timeoutMs === undefined ? undefined : { timeoutMs });
}

/**
 * Runs a model and makes the answer of it: at once where the run is made at once. The lease is released
 * if there is none; else the answer does so, or has it done.
 *
 * @throws OnliteError as `IoBinding.run`, by itself or by the promise
 */
export function runAndAnswer<Answer>(
  lease: Lease,
  run: () => Promise<void> | undefined,
  answer: () => Answer,
): Answer | Promise<Answer> {
  const fail = (error: unknown): never => {
    lease.release();
    throw error;
  };
  try {
    const running = run();
    if (running !== undefined) return running.then(answer).catch(fail);
    return answer();
  } catch (error) {
    return fail(error);
  }
}
