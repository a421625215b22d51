import { OnliteError } from '../errors';
import { InferenceSession } from '../engine/session/session';
import type { SessionOptions } from '../engine/session/session-options';
import { acceptedSessionOptions } from './accepted-options';
import { warnOnce } from './warnings';

/**
 * onnxruntime-node runs every model on the calling thread and lets any number of runs wait, and
 * the programs written for it are used to both. Many keep a session for no more than a hundred
 * runs, so a few have to be enough to tell that they are quick.
 */
const defaults: SessionOptions = {
  inline: { maxMicroseconds: 1000, percentile: 75 },
  maxQueue: 0x7fff_ffff,
  maxQueueBytes: Number.MAX_SAFE_INTEGER,
};

/**
 * A session made as onnxruntime-node would make it.
 *
 * @throws OnliteError as {@link InferenceSession.create}.
 */
export async function createSession(
  source: string | Uint8Array,
  options: object,
): Promise<InferenceSession> {
  const accepted: SessionOptions = { ...defaults, ...acceptedSessionOptions(options) };
  try {
    return await InferenceSession.create(source, accepted);
  } catch (error) {
    const { freeDimensionOverrides, ...others } = accepted;
    const isWrong = error instanceof OnliteError && error.code === 'ERR_INVALID_ARGUMENT';
    if (!isWrong || freeDimensionOverrides === undefined) throw error;
    return createWithKnownDimensions(source, others, freeDimensionOverrides);
  }
}

/** Only the loaded model says which of the dimensions it has. */
async function createWithKnownDimensions(
  source: string | Uint8Array,
  options: SessionOptions,
  overrides: Readonly<Record<string, number>>,
): Promise<InferenceSession> {
  const session = await InferenceSession.create(source, options);
  const names = new Set<unknown>(
    session.inputMetadata.flatMap((input) => (input.isTensor ? input.shape : [])),
  );
  const known: [string, number][] = [];
  for (const [name, size] of Object.entries(overrides)) {
    if (names.has(name)) known.push([name, size]);
    else {
      const message = `options.freeDimensionOverrides.${name} is ignored: no input has the dimension`;
      warnOnce('ONLITE_IGNORED_OPTION', message);
    }
  }
  if (known.length === 0) return session;
  await session.release();
  return InferenceSession.create(source, {
    ...options,
    freeDimensionOverrides: Object.fromEntries(known),
  });
}
