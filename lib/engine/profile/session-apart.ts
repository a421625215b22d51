import { ownProperties } from '../../checks';
import { OnliteError } from '../../errors';
import { absolutePath } from '../../files';
import type { ModelKeySource } from '../../model-key';
import { loadSession, type LoadLimits } from '../session/load';
import type { SourceOptions } from '../session/model-source';
import { threadCount, type NativeSession, type NativeSessionOptions } from '../addon/native';

/** What a session was made from, for another session of the same model. */
export interface SessionOrigin {
  /** The file, a copy of the bytes, or undefined: they were too many to keep. */
  readonly model: string | Uint8Array | undefined;
  /** External data in memory is not kept. */
  readonly source: SourceOptions;
  readonly options: NativeSessionOptions;
}

/** What of a model was not kept, given once more. */
export interface ModelAgain {
  readonly model: string | Uint8Array | undefined;
  readonly externalData: readonly unknown[] | undefined;
}

/** A model from memory is kept up to so many bytes, with its external data. */
const maxKeptBytes = 8 << 20;

/**
 * Keeps what another session of the model would need: the path of a file, or the
 * bytes if they are few.
 *
 * @param model - the file's absolute path, or bytes
 * @param decrypt - what gives the key of an encrypted model, of which neither key nor model is kept
 */
export function keepOrigin(
  model: string | Uint8Array,
  asked: SourceOptions,
  options: NativeSessionOptions,
  decrypt?: ModelKeySource,
): SessionOrigin {
  const externalData = asked.externalData?.map(fileNames);
  const source = { ...asked, externalData };
  if (decrypt !== undefined) return { model: undefined, source, options };
  const inMemory = externalData?.includes(undefined) === true;
  if (typeof model === 'string') {
    return { model: inMemory ? undefined : model, source, options };
  }
  const few = !inMemory && model.byteLength <= maxKeptBytes;
  return { model: few ? new Uint8Array(model) : undefined, source, options };
}

/** An item of `externalData` that is read from a file; undefined for another. */
function fileNames(item: unknown): unknown {
  if (typeof item === 'string') return { path: item, data: absolutePath(item) };
  if (typeof item !== 'object' || item === null) return undefined;
  const { path, data } = ownProperties(item);
  return typeof data === 'string' ? { path, data: absolutePath(data) } : undefined;
}

/**
 * A session of the same model with threads of its own. What it does to its pool
 * of threads, as ONNX Runtime does when it profiles a run, concerns no other session.
 *
 * The caller frees it by releaseSession.
 *
 * @param again - the model and its external data, where they were not kept
 * @throws OnliteError ERR_UNSUPPORTED if they are needed; what `create` throws.
 */
export async function openApart(
  origin: SessionOrigin,
  again: ModelAgain,
  limits: LoadLimits,
): Promise<NativeSession> {
  const model = again.model ?? origin.model;
  if (model === undefined) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      'profile: needs the model again, which came from memory and was too large to keep, was ' +
        'encrypted, or stayed with the thread that shares the session; give it as options.model, and external data as options.externalData',
    );
  }
  const options = { ...origin.options, concurrency: 1, latency: false };
  if (options.intraOpNumThreads === 0) options.intraOpNumThreads = threadCount;
  // The files are the other session's, and single runs are profiled instead.
  delete options.optimizedModelFilePath;
  delete options.profilePrefix;
  delete options.batching;
  const externalData = again.externalData ?? origin.source.externalData;
  return loadSession(model, { ...origin.source, externalData }, options, limits);
}
