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
export function runForCall(lease: Lease, call: RpcCall, timeoutMs?: number): Promise<void> {
  const { count, ns } = lease.model.statistics.success;
  const isShort = count > 0 && ns < count * GIVEN_UP_FROM_NS;
  if (!isShort) {
    return lease.run({ signal: call.signal, ...(timeoutMs !== undefined && { timeoutMs }) });
  }
  return lease.run(timeoutMs === undefined ? undefined : { timeoutMs });
}
