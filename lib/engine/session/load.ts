import { abortError, throwIfAborted } from '../../abort';
import { whenAborted } from '../run/abort-listeners';
import { compressionOf, decompressed, unpackedFile } from '../../compressed-model';
import { decrypted, isEncryptedFile, isEncrypted, keyMissing } from '../../encrypted-model';
import { OnliteError, noConstructor } from '../../errors';
import type { ModelKeySource } from '../../model-key';
import { abandonJob, promiseJob } from '../addon/jobs';
import { rejection } from '../addon/rejection';
import { toNativeSource, type SourceOptions } from './model-source';
import {
  native,
  type NativeSession,
  type NativeSessionInfo,
  type NativeSessionOptions,
} from '../addon/native';
import type { SessionOrigin } from '../profile/session-apart';
import type { Limits } from '../run/run-options';
import { knownCandidates } from '../runtime/runtime-locations';

const what = 'loading';

/** What InferenceSession.create and attach hand to the constructor. No caller has one. */
export class LoadedSession {
  readonly info: NativeSessionInfo;

  constructor(
    readonly session: NativeSession,
    readonly name: string,
    readonly origin: SessionOrigin,
  ) {
    this.info = session.info();
  }
}

/** @throws OnliteError ERR_INVALID_ARGUMENT for what a program has given to the constructor. */
export function requireLoaded(loaded: LoadedSession): LoadedSession {
  if (loaded instanceof LoadedSession) return loaded;
  throw noConstructor('InferenceSession', 'InferenceSession.create');
}

/** What ends a load early: the options `signal`, and `timeoutMs` from now on. */
export class LoadLimits {
  readonly #signal: AbortSignal | undefined;
  readonly #timeoutMs: number | undefined;
  readonly #startedAt = performance.now();
  #reached = false;

  constructor({ signal, timeoutMs }: Limits) {
    this.#signal = signal;
    this.#timeoutMs = timeoutMs;
  }

  /** One of them ended what was to be done within. */
  get reached(): boolean {
    return this.#reached;
  }

  /**
   * What the work comes to, unless a limit is reached before.
   *
   * @param abandon - what to do about the work then
   */
  within<Result>(work: Promise<Result>, abandon?: (error: OnliteError) => void): Promise<Result> {
    const signal = this.#signal;
    const timeoutMs = this.#timeoutMs;
    if (signal === undefined && timeoutMs === undefined) return work;
    return new Promise<Result>((resolve) => {
      let isOver = false;
      let timer: NodeJS.Timeout | undefined;
      let forget: (() => void) | undefined;
      /** Not again: whichever comes first counts. */
      const once =
        <Value>(settle: (value: Value) => void) =>
        (value: Value): void => {
          if (isOver) return;
          isOver = true;
          clearTimeout(timer);
          forget?.();
          settle(value);
        };
      const fail = (error: unknown): void => {
        resolve(rejection(error));
      };
      work.then(once(resolve), once(fail));
      const stop = once((error: OnliteError) => {
        this.#reached = true;
        fail(error);
        abandon?.(error);
      });
      if (timeoutMs !== undefined) {
        const left = Math.max(0, timeoutMs - (performance.now() - this.#startedAt));
        const onTimeout = (): void => {
          stop(new OnliteError('ERR_TIMEOUT', `${what} was not finished in ${timeoutMs} ms`));
        };
        if (left === 0) onTimeout();
        else timer = setTimeout(onTimeout, left);
      }
      if (signal === undefined || this.#reached) return;
      const onAbort = (): void => {
        stop(abortError(signal.reason, what));
      };
      if (signal.aborted) onAbort();
      else forget = whenAborted(signal, onAbort);
    });
  }

  /** @throws OnliteError ERR_CANCELLED or ERR_TIMEOUT if the signal has fired already. */
  check(): void {
    throwIfAborted(this.#signal, what);
  }
}

const decryptPath = 'options.decrypt';

/**
 * Loads a model, which may be compressed by gzip or zstd, and encrypted then. When a limit is reached
 * the late session is destroyed.
 */
export async function loadSession(
  source: string | Uint8Array,
  sourceOptions: SourceOptions,
  options: NativeSessionOptions,
  limits: LoadLimits,
  decrypt?: ModelKeySource,
): Promise<NativeSession> {
  limits.check();
  if (decrypt !== undefined) {
    const model = await limits.within(decrypted(source, decrypt, decryptPath));
    try {
      return await loadSession(model, sourceOptions, options, limits);
    } finally {
      model.fill(0);
    }
  }
  const load = (model: string | Uint8Array): Promise<NativeSession> =>
    loadPlain(model, sourceOptions, options, limits);
  if (typeof source !== 'string') {
    if (isEncrypted(source)) throw keyMissing(decryptPath);
    const compression = compressionOf(source);
    if (compression === undefined) return load(source);
    return load(await limits.within(decompressed(source, compression)));
  }
  try {
    return await load(source);
  } catch (error) {
    // To look before would cost every other model the time of reading its beginning twice.
    if ((error as { code?: unknown }).code !== 'ERR_MODEL_INVALID') throw error;
    if (await limits.within(isEncryptedFile(source))) throw keyMissing(decryptPath);
    const model = await limits.within(unpackedFile(source));
    if (model === undefined) throw error;
    return load(model);
  }
}

async function loadPlain(
  source: string | Uint8Array,
  sourceOptions: SourceOptions,
  options: NativeSessionOptions,
  limits: LoadLimits,
): Promise<NativeSession> {
  const nativeSource = await limits.within(toNativeSource(source, sourceOptions));
  const candidates = {
    onnxruntime: knownCandidates('onnxruntime'),
    tflite: knownCandidates('tflite'),
  };
  const addon = native();
  const job = promiseJob<NativeSession>((id) => {
    addon.createSession(id, nativeSource, options, candidates);
  });
  return limits.within(job.result, (error) => {
    abandonJob(job, error, (id) => addon.cancel(id, error.code === 'ERR_TIMEOUT'));
  });
}

/** Milliseconds that a release waits for runs whose promises were rejected before they ended. */
const patience = 2000;
const lookAgain = 100;

/**
 * Frees a session after its runs, if no other thread has it. Those that nobody waits for any more may go on for ever:
 * they keep the memory and not the promise.
 */
export async function releaseSession(session: NativeSession): Promise<void> {
  const addon = native();
  const { id, result } = promiseJob<undefined>((jobId) => {
    session.release(jobId);
  });
  let timer: NodeJS.Timeout | undefined;
  const left = new Promise<void>((resolve) => {
    const look = (): void => {
      if (session.hasAwaitedRuns()) {
        timer = setTimeout(look, lookAgain).unref();
        return;
      }
      addon.disown(id);
      resolve();
    };
    timer = setTimeout(look, patience).unref();
  });
  try {
    await Promise.race([result, left]);
  } finally {
    clearTimeout(timer);
  }
}
