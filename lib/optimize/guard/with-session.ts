import { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';

/** Runs what needs a session of a model, and releases it. */
export async function withSession<Result>(
  model: string,
  options: SessionOptions | undefined,
  use: (session: InferenceSession) => Result | Promise<Result>,
): Promise<Result> {
  const session = await InferenceSession.create(model, options);
  try {
    return await use(session);
  } finally {
    await session.release();
  }
}
