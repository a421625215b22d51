import type { Feeds, InferenceSession } from '../../engine/session/session';
import type { RunOptions } from '../../engine/run/run-options';
import type { RunResult } from '../../engine/run/run-types';
import { withQuantization, type WithQuantization } from '../rows/real-values';
import type { RowTensors } from '../rows/row';
import { ModelWatch, type EndRequest, type WatchOptions } from './model-watch';

/** What of a run the watch is told beside its feeds. */
export interface WatchedRunOptions extends RunOptions {
  /** By which the row's true label is found later. */
  readonly requestId?: string;
}

/** How a signature's inputs and outputs are read. */
interface Readers {
  readonly inputs: WithQuantization;
  readonly outputs: WithQuantization;
}

/**
 * A session whose runs are recorded; quantised inputs and outputs as the real numbers that they stand
 * for.
 */
export class WatchedSession {
  readonly session: InferenceSession;
  readonly watch: ModelWatch;
  readonly #readers = new Map<unknown, Readers>();

  constructor(session: InferenceSession, watch: ModelWatch) {
    this.session = session;
    this.watch = watch;
  }

  /** `session.run`; the feeds may be changed as soon as it has returned. */
  async run(feeds: Feeds, options: WatchedRunOptions = {}): Promise<RunResult> {
    const { requestId, ...runOptions } = options;
    const end = this.#start(feeds, requestId, options.signature);
    let outputs: RunResult;
    try {
      outputs = await this.session.run(feeds, runOptions);
    } catch (error) {
      end({ error });
      throw error;
    }
    end({ outputs });
    return outputs;
  }

  /** `session.runSync` */
  runSync(feeds: Feeds, options: WatchedRunOptions = {}): RunResult {
    const { requestId, ...runOptions } = options;
    const end = this.#start(feeds, requestId, options.signature);
    let outputs: RunResult;
    try {
      outputs = this.session.runSync(feeds, runOptions);
    } catch (error) {
      end({ error });
      throw error;
    }
    end({ outputs });
    return outputs;
  }

  /** Tells the true label of a run that had a `requestId`; whether it was still waited for. */
  label(requestId: string, label: number | string): boolean {
    return this.watch.label(requestId, label);
  }

  #start(feeds: Feeds, requestId?: string, signature?: string): EndRequest {
    const { inputs, outputs } = this.#readersOf(signature);
    const end = this.watch.start({
      inputs: inputs(feeds as unknown as RowTensors),
      ...(requestId === undefined ? {} : { requestId }),
    });
    return (result) =>
      end(result.outputs ? { ...result, outputs: outputs(result.outputs) } : result);
  }

  /** A signature that the model does not have is the run's error. */
  #readersOf(signature: string | undefined): Readers {
    const known = this.#readers.get(signature);
    if (known) return known;
    const { inputMetadata, outputMetadata, signatures } = this.session;
    const isNamed = signature !== undefined && Object.hasOwn(signatures, signature);
    const named = isNamed ? signatures[signature] : undefined;
    const readers = {
      inputs: withQuantization(named?.inputs ?? inputMetadata),
      outputs: withQuantization(named?.outputs ?? outputMetadata),
    };
    if (signature === undefined || named) this.#readers.set(signature, readers);
    return readers;
  }
}

/**
 * Watches a session: its runs through the result are recorded as the options say.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT as {@link ModelWatch.open}.
 */
export async function watch(
  session: InferenceSession,
  options: WatchOptions,
): Promise<WatchedSession> {
  return new WatchedSession(session, await ModelWatch.open(options));
}
