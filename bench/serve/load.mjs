import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { SERVER_BENCH } from '../harness/paths.mjs';
import { cpuBetween, cpuTimes } from './processes.mjs';

/** The client: server/bench/load.mjs in a process of its own. */
export class Load {
  #child = fork(join(SERVER_BENCH, 'load.mjs'), { serialization: 'advanced' });

  #ended = once(this.#child, 'exit').then(() => {
    throw new Error('the client has ended');
  });

  constructor() {
    // Told to whoever asks; at the end nobody does.
    this.#ended.catch(() => {});
  }

  async #ask(message) {
    this.#child.send(message);
    const [{ result, error }] = await Promise.race([once(this.#child, 'message'), this.#ended]);
    if (error !== undefined) throw new Error(error);
    // A Buffer comes as the array that it is.
    return result instanceof Uint8Array ? Buffer.from(result) : result;
  }

  /** Asks as `options` say while `use` runs, which is given `once` and `run`. */
  async while(options, use) {
    await this.#ask({ open: options });
    try {
      return await use({
        once: () => this.#ask({ once: true }),
        run: (ms) => this.#ask({ ms }),
      });
    } finally {
      await this.#ask({ close: true });
    }
  }

  /** {requests, seconds} of a slice, with `cpu`, the server's nanoseconds a request. */
  slice(server, options, { ms }) {
    return this.while(options, async ({ run }) => {
      const { pids } = server;
      const before = cpuTimes(pids);
      const result = await run(ms);
      const cpu = cpuBetween(before, cpuTimes(pids)) / result.requests;
      return { ...result, cpu, perSecond: result.requests / result.seconds };
    });
  }

  end() {
    this.#child.disconnect();
  }
}
