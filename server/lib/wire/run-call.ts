import type { Lease } from '../models';

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
