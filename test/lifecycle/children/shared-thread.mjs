import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** A worker that runs shared-worker.mjs, asked for one of its tasks at a time or several. */
export class SharedThread {
  #worker;
  #last = 0;
  #waiting = new Map();

  /** @param handle - what it attaches before anything else */
  constructor(handle) {
    this.#worker = new Worker(new URL('./shared-worker.mjs', import.meta.url), {
      workerData: { handle },
    });
    this.#worker.on('message', ({ id, ...answer }) => {
      this.#waiting.get(id)?.(answer);
      this.#waiting.delete(id);
    });
    this.ready = new Promise((resolve) => this.#waiting.set(0, resolve));
  }

  /** What the task answers; `code` and `error` of what it throws. */
  ask(task, data = {}) {
    const id = ++this.#last;
    this.#worker.postMessage({ id, task, ...data });
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  terminate() {
    return this.#worker.terminate();
  }

  /** Has it end by itself. */
  async exit() {
    const ended = once(this.#worker, 'exit');
    this.#worker.postMessage({ id: -1, task: 'exit' });
    await ended;
  }
}
