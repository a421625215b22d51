import { ownProperties, withoutPrototype } from '../../checks';
import { invalidArgument } from '../../errors';
import { native, type NativeSession } from '../addon/native';
import type { SessionOrigin } from '../profile/session-apart';
import { LoadedSession } from './load';

/**
 * What {@link InferenceSession.share} gives and {@link InferenceSession.attach} takes: a plain
 * object that `postMessage`, `workerData` and `structuredClone` copy. It names a session of this
 * process and holds nothing.
 */
export interface SessionHandle {
  readonly type: 'onlite.InferenceSession';
  /** Checked when it is attached; nobody can guess one. */
  readonly token: string;
}

/** What another thread is to know of a session, beside what native code does. */
interface Description {
  readonly name: string;
  readonly origin: SessionOrigin;
}

/** @throws OnliteError ERR_SESSION_RELEASED. */
export function shareSession(
  session: NativeSession,
  name: string,
  origin: SessionOrigin,
): SessionHandle {
  // Bytes stay with the thread that was given them.
  const model = typeof origin.model === 'string' ? origin.model : undefined;
  const description: Description = { name, origin: { ...origin, model } };
  return { type: 'onlite.InferenceSession', token: session.share(JSON.stringify(description)) };
}

/** @throws OnliteError as {@link InferenceSession.attach}. */
export function attachSession(handle: unknown): LoadedSession {
  const token =
    typeof handle === 'object' && handle !== null ? ownProperties(handle)['token'] : undefined;
  if (typeof token !== 'string') {
    throw invalidArgument('handle', 'what share() of a session has given', handle);
  }
  const [session, description] = native().attachSession(token);
  const { name, origin } = JSON.parse(description) as Description;
  const { model, source, options } = withoutPrototype(origin);
  return new LoadedSession(session, name, {
    model,
    source: withoutPrototype(source),
    options: withoutPrototype(options),
  });
}
