import type { InferenceSession } from '../../session';
import type { Tensor } from '../../tensor';
import type { OperatorProfile } from './protocol';

/** The operators' shares of the time, where the session can tell them. */
export function profileOperators(
  _session: InferenceSession,
  _feeds: Readonly<Record<string, Tensor>>,
  _runs: number,
): Promise<OperatorProfile | undefined> {
  return Promise.resolve(undefined);
}
