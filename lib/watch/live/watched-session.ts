import type { Feeds, InferenceSession } from '../../engine/session/session';
import type { RunOptions } from '../../engine/run/run-options';
import type { RowTensors } from '../rows/row';
import { ModelWatch, type EndRequest, type WatchOptions } from './model-watch';

/** What of a run the watch is told beside its feeds. */
export interface WatchedRunOptions extends RunOptions {
  /** By which the row's true label is found later. */
  readonly requestId?: string;
}

type Outputs = Awaited<ReturnType<InferenceSession['run']>>;

/** A session whose runs are recorded. */
export class WatchedSession {
  readonly session: InferenceSession;
  readonly watch: ModelWatch;

  constructor(session: InferenceSession, watch: ModelWatch) {
    this.session = session;
    this.watch = watch;
  }

  /** `session.run`; the feeds may be changed as soon as it has returned. */
  async run(feeds: Feeds, options: WatchedRunOptions = {}): Promise<Outputs> {
    const { requestId, ...runOptions } = options;
    const end = this.#start(feeds, requestId);
    try {
      const outputs = await this.session.run(feeds, runOptions);
      end({ outputs });
      return outputs;
    } catch (error) {
      end({ error });
      throw error;
    }
  }

  /** `session.runSync` */
  runSync(feeds: Feeds, options: WatchedRunOptions = {}): Outputs {
    const { requestId, ...runOptions } = options;
    const end = this.#start(feeds, requestId);
    try {
      const outputs = this.session.runSync(feeds, runOptions);
      end({ outputs });
      return outputs;
    } catch (error) {
      end({ error });
      throw error;
    }
  }

  /** Tells the true label of a run that had a `requestId`; whether it was still waited for. */
  label(requestId: string, label: number | string): boolean {
    return this.watch.label(requestId, label);
  }

  #start(feeds: Feeds, requestId: string | undefined): EndRequest {
    return this.watch.start({
      inputs: feeds as unknown as RowTensors,
      ...(requestId === undefined ? {} : { requestId }),
    });
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
