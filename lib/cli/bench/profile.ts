import { OnliteError } from '../../errors';
import type { InferenceSession } from '../../engine/session/session';
import type { Tensor } from '../../engine/tensor/tensor';
import type { OperatorProfile } from './protocol';

/**
 * The operators' shares of the time. A library without a profiler is no failure of the measurement:
 * then the reason is the answer.
 */
export async function profileOperators(
  session: InferenceSession,
  feeds: Readonly<Record<string, Tensor>>,
  { runs, signature }: { readonly runs: number; readonly signature: string | undefined },
): Promise<OperatorProfile> {
  try {
    const profile = await session.profile(feeds, {
      runs,
      ...(signature === undefined ? {} : { signature }),
    });
    return {
      runs: profile.runs,
      notes: profile.notes,
      operators: profile.operators.map(({ name, type, provider, kernel, count, share }) => ({
        name,
        type,
        provider: kernel === undefined ? provider : `${provider}, ${kernel}`,
        count,
        share,
      })),
    };
  } catch (error) {
    if (!(error instanceof OnliteError)) throw error;
    return { unavailable: error.message };
  }
}
