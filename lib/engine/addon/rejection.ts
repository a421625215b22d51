import { OnliteError } from '../../errors';

/** Resolves a promise with its result, or with a {@link rejection}. */
export type Resolve<Result> = (result: Result | Promise<never>) => void;

/**
 * A rejected promise for another one to be resolved with. V8 knows which functions await that
 * one only in a reaction which leads to it, so the error gets its stack there: where a job ends
 * nothing of the program's is on it.
 */
export async function rejection(error: unknown): Promise<never> {
  // Until the promise that is resolved with this one has subscribed to it.
  await Promise.resolve();
  await Promise.resolve();
  if (error instanceof OnliteError) Error.captureStackTrace(error, rejection);
  throw error;
}
