import { availableParallelism } from 'node:os';

import type { SessionOptions } from '../../engine/session/session-options';
import type { LayeredModel, LayeredSession } from '../layers/layered-model';

/** What the runs beside each other may give together, in bytes. */
const ROOM = 64 * 2 ** 20;
/** Fewer runs beside each other than so many are not worth a thread each where there are more. */
const FEW = 4;

/**
 * A session whose runs go on beside each other, each on one thread: many threads inside one run wait
 * for each other between operators, which are not fused where their results are looked at. Where what
 * the runs give is too large, the session is loaded anew for one run at a time on all threads.
 */
export class Lanes {
  readonly #open: (options: SessionOptions) => Promise<LayeredSession>;
  readonly #options: SessionOptions;
  readonly #most: number;
  #opened: LayeredSession;
  /** How many runs may go on; one until it is known how large they are. */
  #count = 1;
  #isDecided = false;
  #isReleased = false;

  private constructor(
    open: (options: SessionOptions) => Promise<LayeredSession>,
    options: SessionOptions,
    most: number,
    opened: LayeredSession,
  ) {
    this.#open = open;
    this.#options = options;
    this.#most = most;
    this.#opened = opened;
  }

  static async open(
    { engine, open }: LayeredModel,
    names: readonly string[],
    options: SessionOptions,
  ): Promise<Lanes> {
    const isPlain = engine === 'onnxruntime' && options.executionProviders === undefined;
    const most = isPlain ? (options.intraOpNumThreads ?? availableParallelism()) : 1;
    const opening = (settings: SessionOptions): Promise<LayeredSession> => open(names, settings);
    const oneThread = { ...options, intraOpNumThreads: 1, concurrency: most };
    return new Lanes(opening, options, most, await opening(most > 1 ? oneThread : options));
  }

  get session(): LayeredSession['session'] {
    return this.#opened.session;
  }

  get count(): number {
    return this.#count;
  }

  /** @param bytes - what the first run gave; none may go on */
  async decide(bytes: number): Promise<void> {
    if (this.#isDecided) return;
    this.#isDecided = true;
    const room = Math.floor(ROOM / Math.max(bytes, 1));
    if (room >= Math.min(this.#most, FEW)) {
      this.#count = Math.min(room, this.#most);
      return;
    }
    await this.#opened.release();
    this.#opened = await this.#open(this.#options);
    if (this.#isReleased) await this.#opened.release();
  }

  release(): Promise<void> {
    this.#isReleased = true;
    return this.#opened.release();
  }
}
