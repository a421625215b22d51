// The clients of a server's life, each in a process of its own.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { SERVER_BENCH } from '../../harness/paths.mjs';

class ClientProcess {
  #child;
  #ended;

  constructor(script) {
    this.#child = fork(join(SERVER_BENCH, script), { serialization: 'advanced' });
    this.#ended = once(this.#child, 'exit').then(() => {
      throw new Error(`${script} has ended`);
    });
    // Told to whoever asks; at the end nobody does.
    this.#ended.catch(() => {});
  }

  async ask(message) {
    this.#child.send(message);
    const [{ result, error }] = await Promise.race([once(this.#child, 'message'), this.#ended]);
    if (error !== undefined) throw new Error(error);
    return result;
  }

  tell(message) {
    this.#child.send(message);
  }

  end() {
    this.#child.disconnect();
  }
}

/** server/bench/open-load.mjs: requests that begin when they are to, whatever became of those before. */
export class OpenLoad extends ClientProcess {
  constructor() {
    super('open-load.mjs');
  }

  /** Requests a second that a server answers where as many wait as it can use. */
  async capacity(options) {
    const { perSecond } = await this.ask({ closed: options });
    return perSecond;
  }

  run(options) {
    return this.ask({ run: options });
  }

  /** The run under way begins no more requests. */
  stop() {
    this.tell({ stop: true });
  }
}

/** server/bench/attack.mjs. */
export class Attack extends ClientProcess {
  constructor() {
    super('attack.mjs');
  }

  run(options) {
    return this.ask(options);
  }
}
