import type {
  InferenceSession as CommonSession,
  InferenceSessionHandler,
  SessionHandler as Handler,
  Tensor as CommonTensor,
} from 'onnxruntime-common';

import { OnliteError } from '../errors';
import { setOwn } from '../checks';
import { common } from '../engine/onnxruntime-common';
import type { Feeds, Fetches, InferenceSession } from '../engine/session/session';
import { isTensor } from '../engine/tensor/tensor';
import { acceptedRunOptions } from './accepted-options';
import { warnOnce } from './warnings';

/** A session of onlite's behind onnxruntime-common's InferenceSession. */
export class SessionHandler implements InferenceSessionHandler {
  readonly #session: InferenceSession;
  readonly #isProfiled: boolean;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly CommonSession.ValueMetadata[];
  readonly outputMetadata: readonly CommonSession.ValueMetadata[];

  constructor(session: InferenceSession, isProfiled: boolean) {
    this.#session = session;
    this.#isProfiled = isProfiled;
    this.inputNames = session.inputNames;
    this.outputNames = session.outputNames;
    this.inputMetadata = session.inputMetadata as readonly CommonSession.ValueMetadata[];
    this.outputMetadata = session.outputMetadata as readonly CommonSession.ValueMetadata[];
  }

  /** onnxruntime-common has seen to it that every input has a feed. */
  run(
    feeds: Handler.FeedsType,
    fetches: Handler.FetchesType,
    options: CommonSession.RunOptions,
  ): Promise<Handler.ReturnType> {
    return this.#session
      .run<Handler.ReturnType>(
        this.#knownFeeds(feeds),
        this.#chosen(fetches) as Fetches,
        acceptedRunOptions(options),
      )
      .then(commonResults);
  }

  #knownFeeds(feeds: Handler.FeedsType): Feeds {
    const { inputNames } = this;
    const names = Object.keys(feeds);
    if (names.length === inputNames.length) return feeds;
    for (const name of names) {
      if (inputNames.includes(name)) continue;
      const message = `inputs.${name} is ignored: the model has no such input`;
      warnOnce('ONLITE_IGNORED_INPUT', message);
    }
    const known: Record<string, CommonTensor | undefined> = {};
    for (const name of inputNames) setOwn(known, name, feeds[name]);
    return known;
  }

  /** Undefined if they are all outputs, each as a new tensor. */
  #chosen(fetches: Handler.FetchesType): Handler.FetchesType | undefined {
    const names = Object.keys(fetches);
    if (names.length !== this.outputNames.length) return fetches;
    return names.every((name) => fetches[name] === null) ? undefined : fetches;
  }

  dispose(): Promise<void> {
    return this.#session.release();
  }

  /** ONNX Runtime profiles from creation. */
  startProfiling(): void {
    this.#session.startProfiling();
  }

  endProfiling(): void {
    if (this.#isProfiled) this.#session.endProfiling();
  }
}

/** The results as tensors of onnxruntime-common's; those of the caller's own stay themselves. */
function commonResults(results: Handler.ReturnType): Handler.ReturnType {
  const { Tensor } = common();
  const converted: Record<string, CommonTensor> = {};
  for (const name of Object.keys(results)) {
    const value: unknown = results[name];
    if (isTensor(value)) {
      const tensor = new Tensor(value.type, value.data, value.dims);
      setOwn(converted, name, tensor);
    } else if (value instanceof Tensor) setOwn(converted, name, value);
    else {
      throw new OnliteError(
        'ERR_UNSUPPORTED',
        `outputs.${name}: onnxruntime-common has no values but tensors; onlite's own API has`,
      );
    }
  }
  return converted;
}
