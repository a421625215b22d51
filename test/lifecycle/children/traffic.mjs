import { TensorPool } from 'onlite';

import {
  createBatched,
  createLong,
  createSmall,
  dynamicOutputs,
  longFeeds,
  longOutput,
  rowFeeds,
  runLong,
  sleep,
  smallFeeds,
} from './models.mjs';

/**
 * Runs of every kind in closed loops: objects and bindings, batches, pooled
 * tensors, fetches, refused and cancelled runs. They go on until `end`.
 */
export class Traffic {
  /** All sessions, in the order of their creation: for each engine long, small, batched. */
  sessions = [];
  #ending = false;
  #counts;

  /** @param counts - runs started and settled; in shared memory, for who outlives this thread */
  constructor(counts = new Int32Array(2)) {
    this.#counts = counts;
  }

  get started() {
    return this.#counts[0];
  }

  get settled() {
    return this.#counts[1];
  }

  /** Starts no further runs. The ones in flight settle. */
  end() {
    this.#ending = true;
  }

  /** Repeats one asynchronous thing; its rejection is not handled. */
  async keep(start) {
    while (!this.#ending) {
      this.#counts[0]++;
      try {
        await start();
      } finally {
        this.#counts[1]++;
      }
    }
  }

  /**
   * Creates each engine's sessions, then starts their runs.
   *
   * @param longMs - about what a run of the slow model takes
   * @param lanes - quick runs of each kind in flight
   */
  async start(engines, { longMs = 2, lanes = 5 } = {}) {
    for (const engine of engines) {
      this.sessions.push(
        await createLong(engine, { concurrency: 2 }),
        await createSmall(engine, { concurrency: 2 }),
        await createBatched(engine),
      );
    }
    for (let first = 0; first < this.sessions.length; first += 3) {
      this.#startRuns(this.sessions.slice(first, first + 3), longMs, lanes);
    }
  }

  #startRuns([long, small, batched], longMs, lanes) {
    for (let lane = 0; lane < 3; lane++) this.keep(() => runLong(long, longMs));
    const inputs = longFeeds(long.engine, longMs);
    this.#keepBound(long.bind({ inputs, outputs: dynamicOutputs(long) }));
    for (let lane = 0; lane < lanes; lane++) {
      this.keep(() => small.run(smallFeeds()));
      this.keep(() => batched.run(rowFeeds(lane)));
      this.#keepBound(small.bind());
    }
    this.#keepBound(small.bind({ inputs: smallFeeds(), outputs: { sum: smallFeeds().a } }));
    const pool = new TensorPool();
    const [a, b] = [1, 2].map(() => pool.acquire('float32', [4]));
    this.keep(() => small.run({ a, b }, { sum: smallFeeds().a }));
    this.keep(() => cancelled(long, longMs));
    this.keep(() => refused(small));
  }

  #keepBound(io) {
    this.keep(() => io.run());
  }
}

/** A run that is stopped about half-way. */
async function cancelled(session, ms) {
  const controller = new AbortController();
  const run = session.run(longFeeds(session.engine, ms), [longOutput(session.engine)], {
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(), ms / 2);
  await run.catch(() => null);
}

/** A run that the runtime's adapter refuses. */
async function refused(session) {
  const b = { type: 'float32', dims: [1], data: new Float32Array(1) };
  await session.run({ ...smallFeeds(), b }).catch(() => sleep(0));
}
